"""Whether this copy is an exercise: the mark that everything public of it carries, and the one door outward, which is shut.

A copy is one because of the file `exercise` in its data folder. No setting makes a real copy one, or one of these real.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.conf import settings

MARKER: str = "exercise"  # a file of the data folder
WORDS: dict[str, str] = {"en": "Exercise", "sw": "Zoezi"}
PROVIDER: str = "/".join(WORDS.values())  # stands before the provider's name, in whatever language
REFUSALS = "refusals.jsonl"
# What would lead out of its folder, or to anybody. A copy that is an exercise does not start with one of them.
FORBIDDEN: tuple[str, ...] = (
    "DATABASE_URL",
    "EMAIL_URL",
    "HALI_SNAPSHOT_DIR",
    "HALI_SMS_KEY",
    "HALI_ALERT_WEBHOOK",
    "HALI_PAGERDUTY_KEY",
    "HALI_BOUNCE_MAILBOX",
    "HALI_OIDC",
)


class Unmarked(RuntimeError):
    """A file of an exercise that does not say so; it is not written."""


def marked(text: Mapping[str, str]) -> dict[str, str]:
    """The words in each language, with the mark before them where this copy is an exercise."""
    if not settings.EXERCISE:
        return dict(text)
    return {code: f"{WORDS.get(code, WORDS['en'])}: {words}" if words else words for code, words in text.items()}


def require_marked(name: str, content: bytes) -> None:
    """Raises Unmarked for a public file of an exercise that says nothing of it."""
    if settings.EXERCISE and _speaks(name) and not any(word.lower().encode() in content.lower() for word in WORDS.values()):
        raise Unmarked(f"{name} does not say that it is an exercise.")


def _speaks(name: str) -> bool:
    """Pictures cannot be read, and these say nothing of anybody's state."""
    path = Path(name)
    return path.suffix not in (".png", ".ico") and path.name not in ("script.js", "robots.txt", "sitemap.xml", "kept.json")


def note_refusal(codes: Iterable[str]) -> None:
    """Keep which gates held something back, for the report at the end. Nothing is kept elsewhere than in an exercise."""
    if settings.EXERCISE:
        with (settings.DATA_DIR / REFUSALS).open("a") as kept:
            kept.write(json.dumps({"at": time.time(), "gates": list(codes)}) + "\n")
