"""Pieces of the front page, made once as long as they say the same: it is made each ten seconds, in each language and form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.conf import settings
from django.template.loader import get_template
from django.utils.safestring import SafeString

from incidents.languages import codes
from incidents.once import per_object
from statuspage.page import ComponentNow, IncidentNow
from statuspage.templatetags.public import local_day

register = template.Library()


@register.simple_tag(takes_context=True)
def services(context: template.Context, components: Sequence[ComponentNow]) -> SafeString:
    """A row a service: name, state, days. Rendered once as long as it says the same: two hundred rows are made each ten seconds,
    in every language and both forms, and hardly one of them changes."""
    frame = {key: context.get(key) for key in ("lang", "prefix", "freshness")}
    whole = settings.PAGE_TIME_ZONE, codes(), *frame.values()
    return SafeString("".join([f"{_service(component, whole, frame)}\n" for component in components]))


def _service(component: ComponentNow, whole: tuple[Any, ...], frame: dict[str, Any]) -> str:
    key = component.facts.public_id, *whole
    known = _rows.get(key)
    if known is None or known[0] != component:
        if len(_rows) >= KEPT_AT_MOST:
            _rows.clear()
        known = _rows[key] = component, get_template("public/_service.html").render({**frame, "component": component})
    return known[1]


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


@per_object
def _told(incident: IncidentNow) -> str:
    """All that it says, told once for every language and both forms."""
    return repr(incident)


KEPT_AT_MOST = 4096
_rows: dict[tuple[Any, ...], tuple[ComponentNow, str]] = {}  # a service's row, and what it was made from
_made: dict[str, SafeString] = {}  # what a piece of a page was made from -> the piece
