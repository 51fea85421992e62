"""Text in every configured language: a dict {code: text}, read from the data; readers alone get a fallback (`to_read`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from i18nfield.strings import LazyI18nString


def codes() -> tuple[str, ...]:
    """The configured languages, the first one being the default."""
    languages = settings.LANGUAGES
    if _known[0] is not languages:
        _known[:] = languages, tuple(code for code, _ in languages)
    found: tuple[str, ...] = _known[1]
    return found


_known: list[Any] = [None, ()]  # the setting as it was last read, and its codes: a page asks thousands of times


def by_language(value: Any) -> dict[str, str]:
    """What is stored, one entry a configured language; a missing one is the empty string, never another language's text."""
    data = value.data if isinstance(value, LazyI18nString) else value
    if not isinstance(data, Mapping):
        data = {codes()[0]: str(data)} if data else {}
    return {code: str(data.get(code) or "") for code in codes()}


class StandIn(str):
    """Words of another language, `language`, where nobody has written the reader's: a language came after they were published."""

    language: str

    def __new__(cls, words: str, language: str) -> StandIn:
        made = super().__new__(cls, words)
        made.language = language
        return made


def to_read(value: Any) -> dict[str, str]:
    """The same for readers: what is missing in one language is said in the first that has it, as a StandIn. What is published is
    never edited, so a language that comes later would be blank for ever. Nothing that is signed or hashed is made of this."""
    found = by_language(value)
    if all(found.values()):
        return found
    written = next(((code, text) for code, text in found.items() if text.strip()), None)
    if written is None:
        return found
    return {code: text if text.strip() else StandIn(written[1], written[0]) for code, text in found.items()}


def in_all(value: Mapping[str, str]) -> LazyI18nString:
    """A value for an i18n field, written as a dict of every configured language."""
    return LazyI18nString(by_language(value))


def missing(value: Any) -> list[str]:
    """Configured languages in which nothing is written."""
    return [code for code, text in by_language(value).items() if not text.strip()]
