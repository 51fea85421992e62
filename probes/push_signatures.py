"""How a push proves who sent it: an HMAC over its probe, its time and its body, as Standard Webhooks have it. Pure.

webhook-timestamp: 1795510800
webhook-signature: v1,BASE64(HMAC-SHA256(key, "<code of the probe>.<timestamp>.<body>"))
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

WINDOW = 300  # seconds that a sender's clock may be off


def sign(secret: str, code: str, timestamp: int, body: bytes) -> str:
    """The value of webhook-signature."""
    return f"v1,{base64.b64encode(_digest(secret, code, timestamp, body)).decode()}"


def is_signed(secret: str, code: str, timestamp: int, body: bytes, signatures: str) -> bool:
    """Whether one of the signatures (spaces between) is by the secret."""
    wanted = sign(secret, code, timestamp, body).encode()
    return any(hmac.compare_digest(wanted, one.encode()) for one in signatures.split()[:5])


def _digest(secret: str, code: str, timestamp: int, body: bytes) -> bytes:
    return hmac.new(_key(secret), f"{code}.{timestamp}.".encode() + body, hashlib.sha256).digest()


def _key(secret: str) -> bytes:
    """The secret's own bytes, or what whsec_… stands for."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
