"""Text in every configured language: a dict {code: text}, read from the data and never from a fallback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from i18nfield.strings import LazyI18nString


def codes() -> tuple[str, ...]:
    """The configured languages, the first one being the default."""
    return tuple(code for code, _ in settings.LANGUAGES)


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
