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
    return _derived(f"page {netloc}")


def status_change_id(record_seq: int) -> str:
    """Of a change of a component's state, which has no row of words: it follows from its place in the record."""
    return _derived(f"status change {record_seq}")


def gone_id(public_id: str) -> str:
    """Of the last word on an incident that was withdrawn or merged: it has no row either."""
    return _derived(f"gone {public_id}")


def _derived(name: str) -> str:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest())
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(12))
