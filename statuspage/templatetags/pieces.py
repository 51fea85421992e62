"""Pieces of the front page, made once as long as they say the same: it is made each ten seconds, in each language and form."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.template.loader import get_template
from django.utils.safestring import SafeString

from statuspage.days import Days
from statuspage.page import ComponentNow, IncidentNow
from statuspage.templatetags.public import local_day

register = template.Library()


@register.simple_tag(takes_context=True)
def service(context: template.Context, component: ComponentNow) -> SafeString:
    """A service's row: name, state, days. Rendered once as long as it says the same: two hundred rows are made each ten seconds,
    in every language and both forms, and hardly one of them changes."""
    frame = {key: context.get(key) for key in ("lang", "prefix", "freshness")}
    told = f"{component.facts} {component.word} {component.source} {_told(component.days)}"  # a row of days outlives a reading
    return _once("public/_service.html", f"{told} {frame}", {**frame, "component": component})


@register.simple_tag(takes_context=True)
def open_incident(context: template.Context, incident: IncidentNow) -> SafeString:
    """What the front page says of an open incident; also once as long as it says the same on the same day."""
    frame = {key: context.get(key) for key in ("lang", "prefix", "freshness", "languages")}
    several, built_at = len(context["page"].open_incidents) > 1, context["built_at"]
    key = f"{_told(incident)} {frame} {several} {local_day(built_at)}"
    return _once("public/_incident_now.html", key, {**frame, "incident": incident, "several": several, "built_at": built_at})


def _once(name: str, key: str, context: dict[str, Any]) -> SafeString:
    """A template with this context. `key` tells all that it is made from, beside the settings of times."""
    key = f"{name} {settings.PAGE_TIME_ZONE} {settings.LANGUAGES} {key}"
    made = _made.get(key)
    if made is None:
        if len(_made) >= KEPT_AT_MOST:
            _made.clear()
        made = _made[key] = SafeString(get_template(name).render(context))
    return made


def _told(value: Days | IncidentNow | None) -> str:
    """All that it says, told once as long as it is the same object: for every language and both forms."""
    known = _tellings.get(id(value))
    if known is None or known[0] is not value:
        if len(_tellings) >= KEPT_AT_MOST:
            _tellings.clear()
        known = _tellings[id(value)] = (value, repr(value))
    return known[1]


KEPT_AT_MOST = 4096
_tellings: dict[int, tuple[Days | IncidentNow | None, str]] = {}
_made: dict[str, SafeString] = {}  # what a piece of a page was made from -> the piece
