"""What public templates need beyond Django's own: shapes, times with their zone, the inlined sheet and script, their hashes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from functools import cache
from typing import Any
from urllib.parse import quote

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from incidents import rollup
from incidents.facts import IncidentFacts, UpdateFacts
from incidents.words import ComponentStatus
from statuspage import clock_words, state_words
from statuspage.page import ComponentNow

register = template.Library()

# One even-odd path each on a 24 grid; the letter is its id and its colour's class in public.css.
SHAPES: dict[str, tuple[str, str]] = {
    ComponentStatus.OPERATIONAL: (
        "o",
        "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.4 15.4L5.9 12.7 7.6 11l3 3 6-6.6L18.4 9z",
    ),
    ComponentStatus.DELAYED: ("d", "M3.5 2h17v3.2L14 12l6.5 6.8V22h-17v-3.2L10 12 3.5 5.2z"),
    ComponentStatus.DEGRADED_PERFORMANCE: ("l", "M12 2.5 23 21.5H1zM10.9 9l.4 6.5h1.4l.4-6.5zm-.1 8v2.3h2.4V17z"),
    ComponentStatus.PARTIAL_OUTAGE: ("h", "M12 1 23 12 12 23 1 12zm0 3.2v15.6L19.8 12z"),
    ComponentStatus.MAJOR_OUTAGE: (
        "j",
        "M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9zm.4 4.8L6.8 8.3 10.5 12l-3.7 3.7 1.5 1.5 3.7-3.7 3.7 3.7 1.5-1.5-3.7-3.7"
        " 3.7-3.7-1.5-1.5-3.7 3.7z",
    ),
    ComponentStatus.UNDER_MAINTENANCE: ("n", "M2.5 2.5h19v19h-19zM6 7v2.2h12V7zm0 3.9v2.2h12v-2.2zm0 3.9V17h12v-2.2z"),
    ComponentStatus.UNKNOWN: (
        "u",
        "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2.2a7.8 7.8 0 1 1 0 15.6 7.8 7.8 0 0 1 0-15.6zM8.9 9.6c.1-1.9 1.4-3 3.2-3"
        " 1.9 0 3.2 1.1 3.2 2.8 0 1.3-.7 2-1.6 2.6-.7.5-.8.8-.8 1.6h-2c0-1.4.3-2.1 1.3-2.8.7-.5 1-.8 1-1.4s-.4-1-1.1-1-1.2.5-1.2"
        " 1.2zm1.9 5.4h2.2v2.2h-2.2z",
    ),
}
PLAIN_CIRCLE = "O"  # working, in the band
ICON_COLOURS = {"o": "0b7a55", "d": "b06f00", "l": "b06f00", "h": "cf4f0c", "j": "b8132a", "n": "1f68b3", "u": "66717c"}
BAND_STEP = 26


# --- The sheet and the script, one of each, so that one policy fits every page ------------------


@cache
def style_text() -> str:
    return _tight((settings.BASE_DIR / "static" / "css" / "public.css").read_text())


@cache
def script_text() -> str:
    return _tight((settings.BASE_DIR / "static" / "js" / "freshness.js").read_text())


def _tight(text: str) -> str:
    """Without block comments and indentation; nothing cleverer, so that what is served can be read."""
    lines = re.sub(r"/\*.*?\*/", "", text, flags=re.S).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def policy_text() -> str:
    """What a page may do. It travels inside the page, so an archive page keeps the hashes of its own sheet after an upgrade.

    `frame-ancestors` is ignored in a meta element: both servers send it as a header (statuspage.snapshot.headers).
    """
    return (
        f"default-src 'none'; style-src '{_hash(style_text())}'; script-src '{_hash(script_text())}'; "
        "img-src 'self' data:; form-action 'self'; base-uri 'none'"
    )


@register.simple_tag
def policy() -> SafeString:
    return format_html('<meta http-equiv="Content-Security-Policy" content="{}">', mark_safe(policy_text()))  # noqa: S308


@register.simple_tag
def style() -> SafeString:
    return mark_safe(f"<style>{style_text()}</style>")  # noqa: S308


@register.simple_tag
def freshness_script(words: Mapping[str, str]) -> SafeString:
    """The script that turns an aged copy, with the words it shows then."""
    aged = quote(json.dumps(dict(words), ensure_ascii=False, separators=(",", ":")), safe="")
    return mark_safe(f'<script data-aged="{aged}">{script_text()}</script>')  # noqa: S308


# --- Shapes ------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def shapes(context: template.Context) -> SafeString:
    """The definitions of the shapes this page uses: `shapes_used`, an iterable of statuses."""
    used = set(context.get("shapes_used") or ())
    if not used:
        return SafeString("")
    parts = ['<circle id="O" class="o" cx="12" cy="12" r="10"/>']
    parts += [f'<path id="{letter}" class="{letter}" d="{path}"/>' for status, (letter, path) in SHAPES.items() if status in used]
    return mark_safe(  # noqa: S308
        f'<svg class="df" width="0" height="0" aria-hidden="true"><defs>{"".join(parts)}</defs></svg>'
    )


@register.simple_tag
def shape(status: str) -> SafeString:
    """A state's shape beside its word; hidden from screen readers, because the word says it."""
    letter = SHAPES[status][0]
    return mark_safe(  # noqa: S308
        f'<svg class="i" viewBox="0 0 24 24" aria-hidden="true"><use xlink:href="#{letter}"/></svg>'
    )


@register.simple_tag(takes_context=True)
def state(context: template.Context, component: ComponentNow) -> SafeString:
    """A service's shape and word. In the stale form it cannot be confirmed; what was worse is still said, as the last we know."""
    status, language = component.facts.status, context["lang"]
    word = component.word[language]
    if context.get("freshness") == "stale":
        worse = rollup.is_worse(status, ComponentStatus.UNKNOWN)
        status = ComponentStatus.UNKNOWN
        word = (
            f"{state_words.status_word(status)[language]} ({_last_known(word)})"
            if worse
            else state_words.status_word(status)[language]
        )
    worse_mark = mark_safe(' data-worse=""') if rollup.is_worse(status, ComponentStatus.UNKNOWN) else ""
    return format_html('<span class="st">{}<span{}>{}</span></span>', shape(status), worse_mark, word)


def _last_known(word: str) -> str:
    return gettext("last known: %(state)s") % {"state": word}


@register.simple_tag
def band(statuses: Iterable[str]) -> SafeString:
    """One shape per service in page order; working is the plain circle."""
    letters = [PLAIN_CIRCLE if status == ComponentStatus.OPERATIONAL else SHAPES[status][0] for status in statuses]
    uses = [
        f'<use xlink:href="#{letter}"{f" x={chr(34)}{place * BAND_STEP}{chr(34)}" if place else ""}/>'
        for place, letter in enumerate(letters)
    ]
    width = max(len(letters), 8) * BAND_STEP - 6  # with few services the shapes must not become huge
    return mark_safe(f'<svg class="pin" viewBox="2 0 {width} 24" aria-hidden="true">{"".join(uses)}</svg>')  # noqa: S308


@register.simple_tag
def icon(status: str) -> SafeString:
    """The favicon in the state's shape."""
    letter, path = SHAPES[status]
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>"
        f"<path fill='#{ICON_COLOURS[letter]}' fill-rule='evenodd' d='{path}'/></svg>"
    )
    return mark_safe(f'<link rel="icon" href="data:image/svg+xml,{quote(drawing, safe="/:=")}">')  # noqa: S308


# --- Times and texts ---------------------------------------------------------------------------


def _element(moment: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', clock_words.machine(moment), words)


@register.simple_tag(takes_context=True)
def clock(context: template.Context, moment: datetime) -> SafeString:
    """12:15 pm EAT"""
    return _element(moment, clock_words.clock(moment, context["lang"]))


@register.simple_tag(takes_context=True)
def full_time(context: template.Context, moment: datetime) -> SafeString:
    """12:15 pm EAT, 24 Nov 2026"""
    return _element(moment, clock_words.full(moment, context["lang"]))


@register.simple_tag(takes_context=True)
def near_time(context: template.Context, moment: datetime, other: datetime | None = None) -> SafeString:
    """12:15 pm EAT, with the day where it is not the day of `other` (else of the page's making)."""
    return _element(moment, clock_words.near(moment, other or context["built_at"], context["lang"]))


@register.simple_tag(takes_context=True)
def lasted(context: template.Context, start: datetime, end: datetime) -> str:
    """4 h 15 min"""
    return clock_words.lasted(start, end, context["lang"])


@register.simple_tag(takes_context=True)
def how_late(context: template.Context, update: UpdateFacts) -> str:
    """Late by 4 minutes."""
    return gettext("Late by %(time)s.") % {
        "time": clock_words.lasted(update.display_at - update.lateness, update.display_at, context["lang"])
    }


@register.simple_tag(takes_context=True)
def phase_and_day(context: template.Context, incident: IncidentFacts) -> str:
    """Fixed, 24 Nov 2026"""
    language = context["lang"]
    return f"{state_words.phase_word(incident.status)[language]}, {clock_words.day(incident.last_word_at, language)}"


@register.filter
def epoch(moment: datetime) -> int:
    return int(moment.timestamp())


@register.filter
def day(moment: datetime, language: str) -> str:
    """24 Nov 2026"""
    return clock_words.day(moment, language)


@register.filter
def calendar_day(value: date, language: str) -> str:
    """A day without a time: 24 Nov 2026"""
    return clock_words.day(datetime.combine(value, time(12), clock_words.zone()), language)


@register.filter
def digits(number: str) -> str:
    """A telephone number as a tel: link takes it."""
    return re.sub(r"[^0-9+]", "", number)


@register.filter
def of(texts: Mapping[str, Any], key: str) -> Any:
    """The text in a language: `incident.name|of:lang`."""
    return texts.get(key, "")
