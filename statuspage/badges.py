"""Pure: a state -> badges: SVG, the JSON that shields.io asks for, plain text. A stale one says that we cannot confirm."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.translation import gettext, override

from incidents import exercise, rollup
from incidents.facts import ComponentFacts
from incidents.words import ComponentStatus
from statuspage import drawings, inert, state_words
from statuspage.page_lately import Lately

HEIGHT, PADDING, SHAPE = 20, 6, 14
LONGEST = 60  # characters of a badge's label
_SHIELDS = {
    ComponentStatus.OPERATIONAL: "brightgreen",
    ComponentStatus.UNDER_MAINTENANCE: "blue",
    ComponentStatus.DELAYED: "yellow",
    ComponentStatus.DEGRADED_PERFORMANCE: "yellow",
    ComponentStatus.PARTIAL_OUTAGE: "orange",
    ComponentStatus.MAJOR_OUTAGE: "red",
    ComponentStatus.UNKNOWN: "lightgrey",
}


@dataclass(frozen=True, slots=True)
class Badge:
    label: str
    message: str
    status: str


def of_page(said: Lately, *, language: str, stale: bool) -> Badge:
    """The whole page: the worst state; never “working” while a problem is open."""
    worst = rollup.worst(component.status for component in said.components)
    with override(language):
        label = gettext("%(name)s status") % {"name": said.identity.name}
    if not stale and worst == ComponentStatus.OPERATIONAL and said.open_incidents:
        worst = ComponentStatus.DEGRADED_PERFORMANCE.value
        message = state_words.headline(said.components, said.open_incidents)[language]
        return Badge(inert.line(label, LONGEST), inert.line(message, LONGEST), worst)
    return _badge(label, worst if said.components else ComponentStatus.UNKNOWN.value, language, stale)


def of_component(component: ComponentFacts, *, language: str, stale: bool) -> Badge:
    return _badge(exercise.marked(component.name)[language], component.status, language, stale)


def _badge(label: str, status: str, language: str, stale: bool) -> Badge:
    shown = ComponentStatus.UNKNOWN.value if stale else status
    return Badge(inert.line(label, LONGEST), state_words.status_word(shown)[language], shown)


def svg(badge: Badge) -> bytes:
    """A drawing without script, font or picture of others: the state's shape and its word; colour only helps."""
    left, right = _width(badge.label) + 2 * PADDING, _width(badge.message) + 3 * PADDING + SHAPE
    letter, path = drawings.SHAPES[badge.status]
    said = inert.xml(f"{badge.label}: {badge.message}")
    text = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" fill="#fff"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<rect width="{left}" height="{HEIGHT}" fill="#3b4248"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="#{drawings.ICON_COLOURS[letter]}"/>'
        f'<text x="{PADDING}" y="14" textLength="{left - 2 * PADDING}" {text}>{inert.xml(badge.label)}</text>'
        f'<path transform="translate({left + PADDING} 3) scale({SHAPE / 24:.4f})" fill="#fff" fill-rule="evenodd" d="{path}"/>'
        f'<text x="{left + 2 * PADDING + SHAPE}" y="14" textLength="{right - 3 * PADDING - SHAPE}" {text}>'
        f"{inert.xml(badge.message)}</text></svg>"
    ).encode()


def shields(badge: Badge) -> bytes:
    """https://shields.io/badges/endpoint-badge: it refuses keys it does not know."""
    value = {
        "schemaVersion": 1,
        "label": badge.label,
        "message": badge.message,
        "color": _SHIELDS[ComponentStatus(badge.status)],
        "isError": badge.status == ComponentStatus.UNKNOWN,
        "cacheSeconds": 300,
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def plain(badge: Badge) -> bytes:
    return f"{badge.label}: {badge.message}\n".encode()


WRITERS = {"badge.svg": svg, "badge.json": shields, "badge.txt": plain}


def _width(text: str) -> int:
    """About how wide a line is at 11 pixels; `textLength` makes it so."""
    return round(
        sum(3.9 if letter in "iljtfrI.,:;'’()[]! " else 10 if letter in "mwMW@" or ord(letter) > 0x2E80 else 7 for letter in text)
    )
