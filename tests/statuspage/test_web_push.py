"""Staff alerts ring in browsers: encrypted for that browser, signed as ours, and a device that is gone is forgotten."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils import timezone

from statuspage import pager, web_push
from statuspage.models import AlertSending, DutyShift, PushDevice
from statuspage.roles import AUTHOR, USER_ADMIN
from tests.statuspage.desk import a_draft, sign_in, someone
from tests.subscribers.hooks import Hook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
KEY = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
# RFC 8291, 5: what a browser with this key and secret opens.
SAMPLE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"


def octets(letters: str) -> bytes:
    return base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))


def letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Browser:
    """What a browser keeps of its subscription, and how it opens what comes (RFC 8188, RFC 8291)."""

    def __init__(self, private: str = KEY, secret: str = SECRET) -> None:
        self.key = ec.derive_private_key(int.from_bytes(octets(private), "big"), ec.SECP256R1())
        self.secret = octets(secret)
        self.point = self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def open(self, body: bytes) -> bytes:
        salt, length = body[:16], body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        keys = self._hkdf(self.secret, b"WebPush: info\0" + self.point + sender, 32, shared)
        key = self._hkdf(salt, b"Content-Encoding: aes128gcm\0", 16, keys)
        nonce = self._hkdf(salt, b"Content-Encoding: nonce\0", 12, keys)
        return AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0").removesuffix(b"\x02")

    def _hkdf(self, salt: bytes, info: bytes, length: int, secret: bytes) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)

    def subscription(self, endpoint: str) -> dict[str, str]:
        return {"act": "add", "endpoint": endpoint, "p256dh": letters(self.point), "auth": letters(self.secret)}


@pytest.fixture
def service(settings: Any) -> Iterator[Hook]:
    """A push service on this machine."""
    settings.WEBHOOK_TEST, settings.PUSH_KEY, settings.CONTACT = True, "A" * 42 + "E", "status@desk.example"
    with Hook() as hook:
        yield hook


def test_the_browser_of_these_tests_opens_the_standards_own_sample() -> None:
    assert Browser().open(octets(SAMPLE)) == b"When I grow up, I want to be a watermelon"


def test_who_is_called_hears_it_on_their_device_and_the_service_reads_nothing(service: Hook) -> None:
    browser, author, now = Browser(), someone(AUTHOR, email=""), timezone.now()
    DutyShift.objects.create(person=author, role="author", starts_at=now, ends_at=now + timedelta(hours=8))
    added = sign_in(author).post("/admin/push/", browser.subscription(f"{service.url}of/amina"))
    assert added.status_code == 200
    draft = a_draft("major_outage")
    assert pager.call_due(now=timezone.now()) == 1
    [heard] = service.requests
    words = json.loads(browser.open(heard.body))
    assert words["title"] == f"Draft opened: {draft.incident.name}"
    assert words["url"].endswith(f"/admin/incidents/incidentupdate/{draft.pk}/change/")
    assert (heard.headers["Content-Encoding"], heard.headers["Urgency"]) == ("aes128gcm", "high")
    assert str(draft.incident.name).encode() not in heard.body


def test_what_rings_is_signed_with_the_key_that_browsers_were_given(service: Hook) -> None:
    signed = web_push.signature(f"{service.url}of/amina", now=1_000_000)["Authorization"]
    token, _, key = signed.removeprefix("vapid ").partition(",")
    head, claims, signature = token.removeprefix("t=").split(".")
    assert key.strip() == f"k={web_push.public_key()}"
    assert json.loads(octets(claims)) == {"aud": service.url.rstrip("/"), "exp": 1043200, "sub": "mailto:status@desk.example"}
    raw = octets(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets(web_push.public_key()))
    public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))  # raises if it is not


def test_a_device_that_its_service_knows_no_more_is_forgotten_and_mail_still_comes(service: Hook) -> None:
    author, now = someone(AUTHOR, email="amina@desk.example"), timezone.now()
    DutyShift.objects.create(person=author, role="author", starts_at=now, ends_at=now + timedelta(hours=8))
    sign_in(author).post("/admin/push/", Browser().subscription(f"{service.url}of/amina"))
    service.answers = [(410, {}, b"")]
    a_draft("major_outage")
    assert pager.call_due(now=timezone.now()) == 1
    told = {one.channel: bool(one.sent_at) for one in AlertSending.objects.all()}
    assert told == {"mail": True, "push": False}
    assert not PushDevice.objects.exists()


def test_one_tries_ones_own_devices_and_stops_them_and_nobody_elses(service: Hook) -> None:
    amina, brian = sign_in(someone(AUTHOR)), sign_in(someone(AUTHOR))
    amina.post("/admin/push/", Browser().subscription(f"{service.url}of/amina"))
    device = PushDevice.objects.get()
    assert "1 of your devices ring now" in amina.post("/admin/push/", {"act": "try"}, follow=True).content.decode()
    brian.post("/admin/push/", {"act": "remove", "device": device.pk})
    assert PushDevice.objects.exists()
    amina.post("/admin/push/", {"act": "remove", "device": device.pk})
    assert not PushDevice.objects.exists()
    assert sign_in(someone(USER_ADMIN)).get("/admin/push/").status_code == 403


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p256dh": "AAAA"}, "keys cannot be read"),
        ({"auth": "AAAA"}, "keys cannot be read"),
        ({"endpoint": "file:///etc/passwd"}, "https"),
    ],
)
def test_a_device_that_cannot_ring_is_refused_in_words(settings: Any, changes: dict[str, str], words: str) -> None:
    settings.PUSH_KEY = KEY
    posted = {**Browser().subscription("https://push.example/of/amina"), **changes}
    answer = sign_in(someone(AUTHOR)).post("/admin/push/", posted)
    assert answer.status_code == 422
    assert words in answer.json()["refused"]


def test_without_a_key_the_page_says_what_is_not_set(settings: Any) -> None:
    settings.PUSH_KEY = ""
    assert "HALI_PUSH_KEY" in sign_in(someone(AUTHOR)).get("/admin/push/").content.decode()
