"""What a webhook has beside its address: the form of its bodies and its secrets. A secret is shown once; two sign for a day."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from subscribers import addresses
from subscribers.models import Endpoint, Payload, Subscriber

PREFIX = "whsec_"
OLD_HOLDS = timedelta(hours=24)  # in which the receiver takes the new secret in hand


@dataclass(frozen=True, slots=True)
class Signing:
    """The form of the bodies, and the secrets that sign them: the new one first, beside it the old one for a day."""

    payload: str
    secrets: Sequence[str] = field(repr=False)


def make_for(subscriber: Subscriber, payload: str = Payload.HALI.value) -> Endpoint:
    """Of a new webhook. Asked for again before it is confirmed, its form changes and its secret stays."""
    endpoint, _ = Endpoint.objects.update_or_create(
        subscriber=subscriber,
        defaults={"payload": payload, "ended_at": None, "tell_at": None},
        create_defaults={"payload": payload, "secret_encrypted": addresses.encrypt(new_secret())},
    )
    return endpoint


def payload_of(subscriber: Subscriber) -> str:
    """The form of its bodies; ours for what is no webhook."""
    return Endpoint.objects.filter(subscriber=subscriber).values_list("payload", flat=True).first() or Payload.HALI.value


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def show_once(*, subscriber: Subscriber, now: datetime) -> str:
    """The secret, the first time that somebody with the subscriber's own link asks; "" ever after."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().filter(subscriber=subscriber, shown_at=None).first()
        if endpoint is None:
            return ""
        Endpoint.objects.filter(pk=endpoint.pk).update(shown_at=now)
    return addresses.decrypt(endpoint.secret_encrypted)


def may_show(subscriber: Subscriber) -> bool:
    return Endpoint.objects.filter(subscriber=subscriber, shown_at=None).exists()


def rotate(*, subscriber: Subscriber, now: datetime) -> str:
    """A new secret, shown this once. The one before signs beside it for 24 hours."""
    secret = new_secret()
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().get(subscriber=subscriber)
        endpoint.old_secret_encrypted, endpoint.old_until = endpoint.secret_encrypted, now + OLD_HOLDS
        endpoint.secret_encrypted, endpoint.shown_at = addresses.encrypt(secret), now
        endpoint.save(update_fields=["secret_encrypted", "shown_at", "old_secret_encrypted", "old_until"])
    return secret


def name_contact(*, subscriber: Subscriber, address: str) -> None:
    """Who hears by mail when the webhook has ended; "" for nobody. Raises addresses.AddressError.

    Kept as a hash, and the same for known and unknown ones: who has not asked for our mails themselves gets none.
    """
    contact = addresses.hash_of(address) if address.strip() else ""
    Endpoint.objects.filter(subscriber=subscriber).update(contact_hash=contact)


def has_contact(subscriber: Subscriber) -> bool:
    return Endpoint.objects.filter(subscriber=subscriber).exclude(contact_hash="").exists()


def signing_of(subscriber_id: int) -> Signing | None:
    """Raises addresses.AddressUnreadable."""
    endpoint = Endpoint.objects.filter(subscriber=subscriber_id).first()
    if endpoint is None:
        return None
    held = [endpoint.secret_encrypted]
    if endpoint.old_until and endpoint.old_until > timezone.now():
        held.append(endpoint.old_secret_encrypted)
    return Signing(endpoint.payload, [addresses.decrypt(secret) for secret in held])


def headers_of(signing: Signing, *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks 1.0.0."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(signing, message_id=message_id, timestamp=timestamp, body=body),
    }


def signatures(signing: Signing, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of webhook-signature, by Standard Webhooks 1.0.0: one v1 for each secret, spaces between."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    keys = [base64.b64decode(secret.removeprefix(PREFIX)) for secret in signing.secrets]
    return " ".join(f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode('ascii')}" for key in keys)
