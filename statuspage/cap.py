"""Pure: incidents and planned work -> CAP 1.2, one message a word, a correction of the newest word, a withdrawal; the Atom index.

Do not register it with public-warning aggregators: an outage of payments is no danger to life.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext, override

from incidents.facts import IncidentFacts, MaintenanceFacts, Text, UpdateFacts
from incidents.languages import StandIn, codes
from incidents.maintenance import Phase
from incidents.once import per_object
from incidents.words import Impact, IncidentStatus
from statuspage import inert, state_words
from statuspage.entries import Entry
from statuspage.page import FEED_LENGTH, Identity
from statuspage.page_lately import Lately
from statuspage.rendering import prefix_of

HOLDS = timedelta(hours=24)  # a word without a promise
_SEVERITY = {Impact.CRITICAL: "Severe", Impact.MAJOR: "Moderate", Impact.MINOR: "Minor", Impact.NONE: "Unknown"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: what was said at `sent`, in the words of then. A correction of the newest word or the name is one of its own;
    what went out before it stays as it was. `record_seq`: of the word it brings, None where it brings none."""

    sent: datetime
    name: Text
    update: UpdateFacts
    record_seq: int | None
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """An incident or planned work with its messages, oldest first."""

    thing: IncidentFacts | MaintenanceFacts
    messages: tuple[Message, ...]

    def name(self, number: int) -> str:
        """A message's file below /cap/; numbers begin at 1."""
        return f"{self.thing.public_id}-{number}.cap"

    def says_more_than(self, record_seq: int) -> bool:
        """Has it a word from after that entry of the record, or may it: what brings no word has no place there."""
        last = self.messages[-1].record_seq
        return last is None or last > record_seq


def told_of(said: Lately) -> list[Told]:
    """The incidents that changed last, gone ones too, and the planned work that is not over, each with something said."""
    newest = sorted(said.incidents, key=lambda incident: incident.last_change_at, reverse=True)[:FEED_LENGTH]
    things: list[IncidentFacts | MaintenanceFacts] = [*newest, *(work for work in said.maintenances if work.is_live)]
    return [Told(thing, _messages_of(thing)) for thing in things if thing.updates]


def messages(whose: Identity, told: Told) -> dict[str, bytes]:
    """Every message of it, by its file."""
    return {told.name(number): _message(whose, told, number) for number in range(1, len(told.messages) + 1)}


def index(said: Lately, language: str) -> list[Entry]:
    """One entry a thing: its newest message."""
    found = [
        Entry(
            id=f"Cap/{told.thing.public_id}",
            title=last.name[language],
            published=told.thing.published_at,
            updated=last.sent,
            path=f"/cap/{told.name(len(told.messages))}",
            html=inert.html(last.update.body[language]),
            about=frozenset(),
        )
        for told in told_of(said)
        for last in told.messages[-1:]
    ]
    return sorted(found, key=lambda entry: entry.updated, reverse=True)


# --- What was said, when ------------------------------------------------------------------------

_WORDS = ("body", "what_to_do")  # of an update, those that a message has


@per_object
def _messages_of(thing: IncidentFacts | MaintenanceFacts) -> tuple[Message, ...]:
    words = sorted(thing.updates, key=lambda update: update.record_seq)
    # In the record's order even where the clock was put back in between.
    moments = list(accumulate((one.published_at for one in words), max))
    found = [
        (at, Message(one.display_at, _name_at(thing, one.published_at), _at(one, one.published_at), one.record_seq))
        for at, one in zip(moments, words, strict=True)
    ]
    gone_at = thing.gone_at if isinstance(thing, IncidentFacts) else None
    found += [
        (at, Message(at, _name_at(thing, at), _at(newest, at), None))
        for at, newest in _said_anew(thing, moments, words)
        if gone_at is None or at < gone_at
    ]
    if isinstance(thing, IncidentFacts) and gone_at:
        last = replace(words[-1], body=thing.gone_words, what_to_do=None, next_update_by=None)
        found.append((max(gone_at, moments[-1]), Message(gone_at, _name_at(thing, gone_at), last, None, cancels=True)))
    return tuple(message for _, message in sorted(found, key=lambda pair: pair[0]))


def _said_anew(
    thing: IncidentFacts | MaintenanceFacts, moments: Sequence[datetime], words: Sequence[UpdateFacts]
) -> Iterator[tuple[datetime, UpdateFacts]]:
    """When the name or the newest word of that moment was corrected, and that word. An older word is not said again: programs
    take the newest message for how it is, so what is closed would be open to them."""
    for at in sorted({at for one in words for at in _corrected(thing, one, moments[0])}):
        newest = [one for moment, one in zip(moments, words, strict=True) if moment <= at][-1]
        if at in _corrected(thing, newest, moments[0]):
            yield at, newest


def _corrected(thing: IncidentFacts | MaintenanceFacts, update: UpdateFacts, first: datetime) -> set[datetime]:
    """When a text was corrected that a message with this update has. Never before the `first` word: a clock may be put back."""
    texts = [*thing.earlier_names, *(text for text in update.earlier if text.field in _WORDS)]
    return {max(text.corrected_at, first) for text in texts}


def _name_at(thing: IncidentFacts | MaintenanceFacts, moment: datetime) -> Text:
    return next((text.body for text in thing.earlier_names if text.corrected_at > moment), thing.name)


def _at(update: UpdateFacts, moment: datetime) -> UpdateFacts:
    """As it read at that moment."""
    later = [text for text in update.earlier if text.corrected_at > moment and text.field in _WORDS]
    then: dict[str, Any] = {text.field: text.body for text in reversed(later)}
    return replace(update, **then) if then else update


# --- A message ----------------------------------------------------------------------------------


def _message(whose: Identity, told: Told, number: int) -> bytes:
    message = told.messages[number - 1]
    earlier = " ".join(_reference(whose, told, before) for before in range(1, number))
    languages = [code for code in codes() if not isinstance(message.update.body[code], StandIn)]
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">',
        _element("identifier", _identifier(whose, told, number)),
        _element("sender", whose.host),
        _element("sent", _moment(message.sent, whose)),
        _element("status", "Exercise" if settings.EXERCISE else "Actual"),
        _element("msgType", _type(message, number)),
        _element("scope", "Public"),
        *([_element("references", earlier)] if earlier else []),
        *(_info(whose, told.thing, message, language) for language in languages),
        "</alert>",
    ]
    return ("\n".join(parts) + "\n").encode()


def _type(message: Message, number: int) -> str:
    if number == 1:
        return "Alert"
    return "Cancel" if message.cancels or message.update.status in (IncidentStatus.FALSE_ALARM, Phase.CANCELLED) else "Update"


def _identifier(whose: Identity, told: Told, number: int) -> str:
    return f"{whose.host}:{told.thing.public_id}:{number}"


def _reference(whose: Identity, told: Told, number: int) -> str:
    return f"{whose.host},{_identifier(whose, told, number)},{_moment(told.messages[number - 1].sent, whose)}"


def _info(whose: Identity, thing: IncidentFacts | MaintenanceFacts, message: Message, language: str) -> str:
    update, sent = message.update, message.sent
    planned = isinstance(thing, MaintenanceFacts)
    over = message.cancels or update.status in (*IncidentStatus.closed(), Phase.COMPLETED, Phase.CANCELLED)
    expires = update.next_update_by or (thing.ends_at if isinstance(thing, MaintenanceFacts) else sent + HOLDS)
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
        _element("effective", _moment(sent, whose)),
        *([_element("onset", _moment(thing.starts_at, whose))] if isinstance(thing, MaintenanceFacts) else []),
        _element("expires", _moment(max(expires, sent + timedelta(minutes=1)), whose)),
        _element("senderName", inert.line(whose.name)),
        _element("headline", inert.line(message.name[language], 160)),
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
