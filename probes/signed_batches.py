"""What an agent signs and the core checks: one batch of outcomes, so that no vantage can speak for another. Pure.

The text that is signed is the text that travels, so nobody has to agree on how JSON is written.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CONTEXT = b"hali outcomes 1\n"  # what the key signs is nothing else
NONCE_LENGTH = 24
# Seconds: messages of outcomes live 300 at the broker. What is older, or from a clock as wrong as that, proves nothing of now.
OLDEST = 330.0


class Refused(Exception):
    """A batch that is not believed. `reason`: unsigned, no_key, forged, form, clock or replayed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Batch:
    """`sent_at`: epoch seconds by the agent's clock. `nonce`: drawn for this batch alone. `outward_s`: from the dispatcher's
    clock to the agent's, when it took the work; None where the dispatcher did not say."""

    vantage: str
    reports: Sequence[dict[str, Any]]
    sent_at: float
    nonce: str
    outward_s: float | None = None


def new_key() -> str:
    """A private key as text, for an agent's environment or file."""
    return _text(Ed25519PrivateKey.generate().private_bytes_raw())


def public_key_of(key: str) -> str:
    """What the core keeps. Raises ValueError for what is no key."""
    return _text(_private(key).public_key().public_bytes_raw())


def pack(batch: Batch, key: str) -> tuple[str, str]:
    """The payload and its signature."""
    payload = json.dumps(batch.__dict__, separators=(",", ":"))
    return payload, _text(_private(key).sign(CONTEXT + payload.encode()))


def unpack(payload: str, signature: str, *, vantage: str, public_key: str) -> Batch:
    """The batch, when the vantage's agent signed it; raises Refused."""
    if not signature:
        raise Refused("unsigned")
    if not public_key:
        raise Refused("no_key")
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(public_key)).verify(_bytes(signature), CONTEXT + payload.encode())
    except (InvalidSignature, ValueError):
        raise Refused("forged") from None
    try:
        batch = Batch(**json.loads(payload))
    except (ValueError, TypeError):
        raise Refused("form") from None
    if batch.vantage != vantage:
        raise Refused("forged")
    return batch


def require_recent(batch: Batch, *, now: float) -> None:
    """Raises Refused for a batch whose time, by its agent's clock, is too far from ours."""
    if abs(now - batch.sent_at) > OLDEST:
        raise Refused("clock")


def _private(key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_bytes(key))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError):
        raise ValueError("not base64") from None


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
