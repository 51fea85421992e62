"""Pure: incidents and planned work -> CAP 1.2, one message a public word, and what the Atom index says of them.

Do not register it with public-warning aggregators: an outage of payments is no danger to life.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext, override

from incidents.facts import IncidentFacts, MaintenanceFacts, UpdateFacts
from incidents.languages import StandIn, codes
from incidents.maintenance import Phase
from incidents.words import Impact, IncidentStatus
from statuspage import inert, state_words
from statuspage.entries import Entry
from statuspage.page import FEED_LENGTH, Identity
from statuspage.page_lately import Lately
from statuspage.rendering import prefix_of

HOLDS = timedelta(hours=24)  # a word without a promise
_SEVERITY = {Impact.CRITICAL: "Severe", Impact.MAJOR: "Moderate", Impact.MINOR: "Minor", Impact.NONE: "Unknown"}


@dataclass(frozen=True, slots=True)
class Told:
    """An incident or planned work with its words, oldest first."""

    thing: IncidentFacts | MaintenanceFacts
    words: tuple[UpdateFacts, ...]

    def name(self, number: int) -> str:
        """A message's file below /cap/; numbers begin at 1."""
        return f"{self.thing.public_id}-{number}.cap"


def told_of(said: Lately) -> list[Told]:
    """The newest incidents and the planned work that is not over, each with something said."""
    things: list[IncidentFacts | MaintenanceFacts] = [*said.incidents[:FEED_LENGTH], *(w for w in said.maintenances if w.is_live)]
    return [Told(thing, tuple(reversed(thing.updates))) for thing in things if thing.updates]


def messages(whose: Identity, told: Told) -> dict[str, bytes]:
    """Every message of it, by its file."""
    return {told.name(number): _message(whose, told, number) for number in range(1, len(told.words) + 1)}


def index(said: Lately, language: str) -> list[Entry]:
    """One entry a thing: its newest message."""
    found = [
        Entry(
            id=f"Cap/{told.thing.public_id}",
            title=told.thing.name[language],
            published=told.thing.published_at,
            updated=told.words[-1].display_at,
            path=f"/cap/{told.name(len(told.words))}",
            html=inert.html(told.words[-1].body[language]),
            about=frozenset(),
        )
        for told in told_of(said)
    ]
    return sorted(found, key=lambda entry: entry.updated, reverse=True)


def _message(whose: Identity, told: Told, number: int) -> bytes:
    update = told.words[number - 1]
    earlier = " ".join(_reference(whose, told, before) for before in range(1, number))
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">',
        _element("identifier", _identifier(whose, told, number)),
        _element("sender", whose.host),
        _element("sent", _moment(update.display_at, whose)),
        _element("status", "Exercise" if settings.EXERCISE else "Actual"),
        _element("msgType", _type(told, update, number)),
        _element("scope", "Public"),
        *([_element("references", earlier)] if earlier else []),
        *(_info(whose, told.thing, update, language) for language in codes() if not isinstance(update.body[language], StandIn)),
        "</alert>",
    ]
    return ("\n".join(parts) + "\n").encode()


def _type(told: Told, update: UpdateFacts, number: int) -> str:
    if number == 1:
        return "Alert"
    return "Cancel" if update.status in (IncidentStatus.FALSE_ALARM, Phase.CANCELLED) else "Update"


def _identifier(whose: Identity, told: Told, number: int) -> str:
    return f"{whose.host}:{told.thing.public_id}:{number}"


def _reference(whose: Identity, told: Told, number: int) -> str:
    return f"{whose.host},{_identifier(whose, told, number)},{_moment(told.words[number - 1].display_at, whose)}"


def _info(whose: Identity, thing: IncidentFacts | MaintenanceFacts, update: UpdateFacts, language: str) -> str:
    planned = isinstance(thing, MaintenanceFacts)
    over = update.status in (*IncidentStatus.closed(), Phase.COMPLETED, Phase.CANCELLED)
    expires = update.next_update_by or (thing.ends_at if isinstance(thing, MaintenanceFacts) else update.display_at + HOLDS)
    with override(language):
        event = gettext("Planned work") if planned else state_words.phase_word(update.status)[language]
        area = gettext("Countrywide")
    page = "maintenance" if planned else "incidents"
    parts = [
        _element("language", language),
        _element("category", "Infra"),
        _element("event", event),
        _element("responseType", "AllClear" if over else "Monitor"),
        _element("urgency", "Past" if over else _urgency(update)),
        _element("severity", _severity(thing)),
        _element("certainty", "Likely" if update.status in (IncidentStatus.INVESTIGATING, Phase.SCHEDULED) else "Observed"),
        _element("effective", _moment(update.display_at, whose)),
        *([_element("onset", _moment(thing.starts_at, whose))] if isinstance(thing, MaintenanceFacts) else []),
        _element("expires", _moment(max(expires, update.display_at + timedelta(minutes=1)), whose)),
        _element("senderName", inert.line(whose.name)),
        _element("headline", inert.line(thing.name[language], 160)),
        _element("description", update.body[language]),
        *([_element("instruction", update.what_to_do[language])] if update.what_to_do and update.what_to_do[language] else []),
        _element("web", f"{whose.url}{prefix_of(language)}/{page}/{thing.public_id}"),
        *([_element("contact", settings.HELP_LINE)] if settings.HELP_LINE else []),
        *(_parameter(name, value) for name, value in (("status", update.status), ("id", thing.public_id))),
        f"<area>{_element('areaDesc', _area(update, language) or area)}</area>",
    ]
    return "<info>\n" + "\n".join(parts) + "\n</info>"


def _urgency(update: UpdateFacts) -> str:
    return "Future" if update.status == Phase.SCHEDULED else "Immediate"


def _severity(thing: IncidentFacts | MaintenanceFacts) -> str:
    return "Minor" if isinstance(thing, MaintenanceFacts) else _SEVERITY[Impact(thing.impact)]


def _area(update: UpdateFacts, language: str) -> str:
    return state_words.areas(update.areas)[language] if update.areas else ""


def _parameter(name: str, value: str) -> str:
    return f"<parameter>{_element('valueName', name)}{_element('value', str(value))}</parameter>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{inert.xml(text)}</{name}>"


def _moment(moment: datetime, whose: Identity) -> str:
    """Without fractions; an offset of nothing is -00:00, since Z is no CAP time."""
    told = moment.astimezone(ZoneInfo(whose.time_zone)).isoformat(timespec="seconds")
    return told.replace("+00:00", "-00:00")
