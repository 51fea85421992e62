"""States, phases and times as the desk shows them: public words, 24-hour digits, the zone always named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.safestring import SafeString

from incidents import corrections
from incidents.languages import by_language
from incidents.models import Incident
from incidents.words import PHASE_WORDS, STATUS_WORDS, ComponentStatus
from statuspage.differences import difference

register = template.Library()

_SHAPES: dict[str, str] = {
    ComponentStatus.MAJOR_OUTAGE: "major",
    ComponentStatus.PARTIAL_OUTAGE: "partial",
    ComponentStatus.DEGRADED_PERFORMANCE: "slow",
    ComponentStatus.DELAYED: "delayed",
    ComponentStatus.UNKNOWN: "unknown",
    ComponentStatus.UNDER_MAINTENANCE: "planned",
    ComponentStatus.OPERATIONAL: "ok",
}


@register.filter
def shape(status: str) -> str:
    return _SHAPES.get(status, "unknown")


@register.filter
def status_word(status: str) -> str:
    return STATUS_WORDS.get(status, status or "not watched")


@register.filter
def phase_word(status: str) -> str:
    return PHASE_WORDS.get(status, status)


@register.inclusion_tag("admin/desk/_state.html")
def state(status: str) -> dict[str, str]:
    return {"shape": shape(status), "word": status_word(status)}


@register.filter
def moment(value: datetime | None) -> str:
    """16:55 EAT, with the day where it is not today; seconds never matter to a reader."""
    if value is None:
        return ""
    local = timezone.localtime(value)
    words = f"{local:%H:%M %Z}"
    return words if local.date() == timezone.localdate() else f"{local.day} {local:%b %Y}, {words}"


@register.filter
def both_clocks(value: datetime | None) -> str:
    """16:55 EAT (13:55 UTC): for what happens at a set time, and is agreed on with others."""
    return f"{moment(value)} ({value.astimezone(UTC):%H:%M} UTC)" if value else ""


@register.filter
def ago(value: datetime | None) -> str:
    """4 s, 3:44, 2 h 05, 3 days: how long since, or until."""
    if value is None:
        return "never"
    seconds = abs(int((timezone.now() - value).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02}"
    return f"{seconds // 86400} days"


@register.filter
def texts(value: Any) -> list[tuple[str, str, str]]:
    """(code, language's own name, text) for every configured language; a missing one is empty, never another's."""
    written = by_language(value)
    return [(code, name, written[code]) for code, name in settings.LANGUAGES]


@register.filter
def first_text(value: Any) -> str:
    """The text in the page's first language."""
    return next(iter(by_language(value).values()))


@register.filter
def headline(incident: Incident) -> str:
    """Its name in the page's first language, as last corrected. A query, unless incidents.corrections read it before."""
    if not hasattr(incident, "renamed"):
        corrections.call_as_now([incident])
    return first_text(corrections.listed_name(incident, incident.name))


@register.filter
def text_in(value: Any, code: str) -> str:
    return by_language(value).get(code, "")


@register.filter
def seconds_since(value: datetime | None) -> int:
    """Whole seconds, for a clock that counts up in the browser."""
    return max(0, int((timezone.now() - value).total_seconds())) if value else 0


@register.filter
def seconds_until(value: datetime | None) -> int:
    return max(0, int((value - timezone.now()).total_seconds())) if value else 0


@register.filter
def language_name(code: str) -> str:
    return str(dict(settings.LANGUAGES).get(code, code))


@register.filter
def language_at(number: int) -> str:
    return str(settings.LANGUAGES[number][1])


@register.simple_tag
def differs(before: str, after: Any, code: str) -> SafeString:
    """What `after` has in that language beside `before`, with what is new and gone marked."""
    return difference(before, text_in(after, code))


@register.inclusion_tag("admin/desk/_spark.html")
def spark(sparks: Mapping[int, Any], key: int) -> dict[str, Any]:
    return {"s": sparks.get(key)}
