"""Text in every configured language: a dict {code: text}, read from the data and never from a fallback."""

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


def in_all(value: Mapping[str, str]) -> LazyI18nString:
    """A value for an i18n field, written as a dict of every configured language."""
    return LazyI18nString(by_language(value))


def missing(value: Any) -> list[str]:
    """Configured languages in which nothing is written."""
    return [code for code, text in by_language(value).items() if not text.strip()]
