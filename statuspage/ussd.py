"""Pure: the page about now, for phones without data: a menu in both languages, within 182 GSM letters, state from text alone.

`text` is all that was typed so far, stars between: "" then "1" then "1*2". The answer begins with CON (more may be typed) or END.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, gettext_noop, override

from statuspage import clock_words
from subscribers import gsm

LONGEST = 182
HEALTHY = "operational"
MENU = (gettext_noop("Services with a problem"), gettext_noop("What to do"), gettext_noop("Planned work"))


def answer(text: str, page: Mapping[str, Any] | None, *, languages: Sequence[tuple[str, str]], provider: str) -> str:
    """`page`: the snapshot's /api/v1/status.json, None when there is none. `languages`: (code, its own name)."""
    typed = [part for part in text.split("*") if part.strip()]
    if not typed or not typed[0].isdecimal() or not 1 <= int(typed[0]) <= len(languages):
        choices = [f"{number} {name}" for number, (_, name) in enumerate(languages, start=1)]
        return _screen("CON", _in_each(gettext_noop("%(provider)s status"), languages, provider), choices)
    language = languages[int(typed[0]) - 1][0]
    with override(language):
        if page is None:
            return _screen("END", gettext("We cannot say now. Please try again later."), [])
        if len(typed) == 1:
            return _screen("CON", _said(page["sentence"], language), [f"{n} {gettext(one)}" for n, one in enumerate(MENU, 1)])
        told = _TOLD.get(typed[1])
        if told is None:
            return _screen("END", gettext("There is no such choice. Please dial again."), [])
        return _screen("END", *told(page, language))


def _in_each(words: str, languages: Sequence[tuple[str, str]], provider: str) -> str:
    said = []
    for code, _ in languages:
        with override(code):
            said.append(gettext(words) % {"provider": provider})
    return " / ".join(dict.fromkeys(said))


def _screen(kind: str, head: str, lines: Sequence[str]) -> str:
    """The lines stay whole, the head gives way; of a list that is too long the end is left out and counted."""
    head, kept = gsm.plain(head), [gsm.plain(line) for line in lines]
    room = LONGEST - len(kind) - 1
    left_out = 0
    while kept and gsm.length("\n".join(kept)) > room - 60:
        kept.pop()
        left_out += 1
    tail = [*kept, *([f"+{left_out}"] if left_out else [])]
    below = "".join(f"\n{line}" for line in tail)
    return f"{kind} {gsm.cut(head, room - gsm.length(below))}{below}"


def _services(page: Mapping[str, Any], language: str) -> tuple[str, list[str]]:
    bad = [one for one in page["components"] if one["status"] != HEALTHY]
    if not bad:
        return _said(page["sentence"], language), []
    return _as_of(page, language), [f"{_said(one['name'], language)}: {_said(one['word'], language)}" for one in bad]


def _what_to_do(page: Mapping[str, Any], language: str) -> tuple[str, list[str]]:
    action = _said(page["what_to_do"], language) or gettext("Nothing. You can use our services.")
    promise = page.get("promise")
    by = clock_words.near(_time(promise["at"]), _time(page["as_of"]), language) if promise and not promise["late"] else ""
    lines = [gettext("Next update by %(time)s.") % {"time": by}] if by else []
    help_line = page["page"]["help_line"]
    return action, [*lines, *([gettext("Help: %(number)s") % {"number": help_line}] if help_line else [])]


def _planned(page: Mapping[str, Any], language: str) -> tuple[str, list[str]]:
    if not page["planned_work"]:
        return gettext("No work is planned."), []
    first = page["planned_work"][0]
    starts_at = clock_words.full(_time(first["starts_at"]), language)
    return _said(first["name"], language), [gettext("From %(time)s") % {"time": starts_at}]


def _as_of(page: Mapping[str, Any], language: str) -> str:
    return gettext("At %(time)s:") % {"time": clock_words.full(_time(page["as_of"]), language)}


def _said(text: Mapping[str, str] | None, language: str) -> str:
    return (text or {}).get(language) or ""


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


_TOLD = {"1": _services, "2": _what_to_do, "3": _planned}
