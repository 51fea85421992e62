"""No word that leaves by mail, chat, SMS or USSD exists in one language only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
PLACES = (
    "subscribers/**/*.py",
    "templates/email/*",
    "templates/sms/*",
    "statuspage/ussd.py",
    "statuspage/public/*.py",
    "templates/public/*",
)
_PYTHON = re.compile(r'gettext(?:_noop|_lazy)?\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+),?\s*\)')
_TEMPLATE = re.compile(r'{% translate "([^"]*)"|{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}', re.S)


def strings(path: Path) -> set[str]:
    text = path.read_text()
    if path.suffix == ".py":
        pieces = (re.findall(r'"((?:[^"\\]|\\.)*)"', found) for found in _PYTHON.findall(text))
        return {"".join(one).replace('\\"', '"') for one in pieces}
    found = (plain or re.sub(r"{{ *(\w+) *}}", r"%(\1)s", block) for plain, block in _TEMPLATE.findall(text))
    return {one for one in found if one and "{% plural %}" not in one}


@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES if code != "en"])
def test_every_word_is_there_in_every_language(language: str) -> None:
    with (ROOT / f"statuspage/locale/{language}/LC_MESSAGES/django.po").open("rb") as file:
        translated = {one.id for one in read_po(file) if one.string and isinstance(one.id, str)}
    files = [path for place in PLACES for path in ROOT.glob(place) if path.is_file()]
    asked = {text for path in files for text in strings(path)}
    assert len(asked) > 100, "the search finds what it looks for"
    assert sorted(asked - translated) == []
