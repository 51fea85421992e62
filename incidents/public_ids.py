"""Public ids: 12 characters without vowels, so that no id spells a word. They never change and are never used again."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789bcdfghjklmnpqrstvwxyz"
PATTERN = r"[0-9b-df-hj-np-tv-z]{12}"


def new_public_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(12))
