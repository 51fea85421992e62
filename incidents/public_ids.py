"""Public ids: 12 characters without vowels, so that no id spells a word. They never change and are never used again."""

from __future__ import annotations

import hashlib
import secrets

ALPHABET = "0123456789bcdfghjklmnpqrstvwxyz"
PATTERN = r"[0-9b-df-hj-np-tv-z]{12}"


def new_public_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


def page_id(netloc: str) -> str:
    """The page's own id: it follows from its host and port, so it stays as long as the address does."""
    number = int.from_bytes(hashlib.sha256(f"page {netloc}".encode()).digest())
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(12))
