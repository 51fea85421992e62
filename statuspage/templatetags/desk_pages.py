"""What templates of documents ask of their forms: a text's languages side by side, a moment's day and clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.conf import settings

from incidents import planned_words
from incidents.languages import by_language
from statuspage.admin.document_forms import Pair, WordsForm

register = template.Library()
_NAMES = dict(settings.LANGUAGES)


@register.filter
def pair(form: WordsForm, key: str) -> Pair:
    return form.pair(key)


@register.filter
def when(form: WordsForm, key: str) -> Any:
    return form.when(key)


@register.filter
def language_name(code: str) -> str:
    """English, Kiswahili; "" for a text without a language."""
    return str(_NAMES.get(code, ""))


@register.filter
def slice_act(act: str) -> str:
    """announcement.send_back -> send back: what was done, without the kind it was done to."""
    return act.partition(".")[2].replace("_", " ")


@register.filter
def span(length: timedelta | None) -> str:
    """2 h 14 min, 4:30, 12 s; “not known” where a time is missing."""
    if length is None:
        return "not known"
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


_DEADLINES = {
    "missed": "Missed",
    "due": "Due soon",
    "running": "Running",
    "met": "Handed in",
    "not_started": "Not started",
}


@register.filter
def deadline_word(state: str, met_at: datetime | None) -> str:
    return "Handed in late" if state == "missed" and met_at else _DEADLINES.get(state, state)


@register.filter
def slots(words: str) -> str:
    """The slots of a template as a reader understands them: [start]."""
    return words.replace("%(start)s", "[start]").replace("%(end)s", "[end]")


@register.filter
def maintenance_word(phase: str) -> str:
    return planned_words.PHASE_WORDS.get(phase, phase)


@register.filter
def spaced(name: str) -> str:
    """first_customer_impact -> First customer impact."""
    return name.replace("_", " ").capitalize()


@register.filter
def in_language(text: Any, code: str) -> str:
    """The text in that language; "" where it is not written."""
    return by_language(text)[code]
