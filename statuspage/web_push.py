"""Calls to browsers: a push message encrypted for one browser (RFC 8291) and signed as ours (RFC 8292), posted to its service.

The service is a stranger's host that the browser named: it is judged and pinned as a subscriber's webhook is, and it learns
neither the words nor who is called.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import time
from datetime import datetime
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit
from statuspage.models import PushDevice
from subscribers import destinations
from subscribers.posting import Poster, require_taken
from subscribers.transports.base import TransportError

KEEP = 3600  # seconds the service keeps it for a browser that is off
SIGNED_FOR = 12 * 3600  # seconds
RECORD = 4096  # octets; a message is one record
GONE = (404, 410)


class PushRefused(ValueError):
    """The device cannot be kept. The message says why."""


# --- Devices -------------------------------------------------------------------------------------


def add(*, person: User, endpoint: str, p256dh: str, auth: str, name: str, now: datetime) -> PushDevice:
    """Keep a browser that asked for it; one that is known already goes to whoever asked last. Raises PushRefused."""
    try:
        destinations.parse(endpoint)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _octets(p256dh))
        fits = len(_octets(auth)) == 16 and len(endpoint) <= 1000
    except destinations.DestinationRefused as error:
        raise PushRefused(str(error)) from error
    except (ValueError, InvalidKey, binascii.Error) as error:
        raise PushRefused("The browser's keys cannot be read: try again, or use another browser.") from error
    if not fits:
        raise PushRefused("The browser's keys cannot be read: try again, or use another browser.")
    with transaction.atomic():
        values = {"person": person, "p256dh": p256dh, "auth": auth, "name": name[:120], "added_at": now}
        device, _ = PushDevice.objects.update_or_create(endpoint=endpoint, defaults=values)
        audit.log(act="push.add", actor=person, now=now, details={"device": device.name})
    return device


def remove(*, person: User, device_id: int, now: datetime) -> None:
    """One of one's own devices rings no more."""
    with transaction.atomic():
        if PushDevice.objects.filter(person=person, pk=device_id).delete()[0]:
            audit.log(act="push.remove", actor=person, now=now)


def ring(*, person: User, message: dict[str, str]) -> int:
    """On every device of a person; answers how many services took it. Raises TransportError where none did."""
    taken, last = 0, None
    poster = Poster()
    try:
        for device in PushDevice.objects.filter(person=person):
            try:
                _post(poster, device, json.dumps(message).encode())
            except TransportError as error:
                last = error
                if error.gone:
                    device.delete()
            else:
                taken += 1
    finally:
        poster.close()
    if not taken:
        raise last or TransportError("They have no device that rings.", permanent=True)
    return taken


def _post(poster: Poster, device: PushDevice, words: bytes) -> None:
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(KEEP),
        "Urgency": "high",
        **signature(device.endpoint, now=time.time()),
    }
    require_taken(poster.post(device.endpoint, encrypted(words, p256dh=device.p256dh, auth=device.auth), headers), gone=GONE)


# --- Envelopes -----------------------------------------------------------------------------------


def public_key() -> str:
    """What browsers are given, so that only we can ring them; "" where no key is set."""
    if not settings.PUSH_KEY:
        return ""
    return _letters(_point(_our_key().public_key()))


def _our_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(_octets(settings.PUSH_KEY), "big"), ec.SECP256R1())


def signature(endpoint: str, *, now: float) -> dict[str, str]:
    """VAPID: who calls, for that service alone, for a while."""
    from py_vapid import Vapid02  # type: ignore[import-untyped]  # only where somebody is rung

    place = urlsplit(endpoint)
    contact = f"mailto:{settings.CONTACT}" if "@" in settings.CONTACT else settings.BASE_URL
    claims = {"aud": f"{place.scheme}://{place.netloc}", "exp": int(now) + SIGNED_FOR, "sub": contact}
    signed: dict[str, str] = Vapid02.from_raw(settings.PUSH_KEY.encode()).sign(claims)
    return signed


def encrypted(words: bytes, *, p256dh: str, auth: str) -> bytes:
    """One aes128gcm record that only that browser can open."""
    theirs, secret = _octets(p256dh), _octets(auth)
    ours, salt = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    point = _point(ours.public_key())
    shared = ours.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
    keys = _derived(shared, salt=secret, info=b"WebPush: info\0" + theirs + point, length=32)
    key = _derived(keys, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = _derived(keys, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    sealed = AESGCM(key).encrypt(nonce, words + b"\x02", None)
    return salt + RECORD.to_bytes(4, "big") + bytes([len(point)]) + point + sealed


def _derived(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _octets(letters: str) -> bytes:
    return base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))


def _letters(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
