"""Pure: planned work -> iCalendar. Times are UTC, so no zone need be described; UID and SEQUENCE follow the work for ever.

DTSTAMP is the time of the last word or correction, never “now”: the file stays the same while nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext, override
from icalendar import Calendar, Event, vCalAddress, vDuration, vUri

from incidents.facts import ComponentFacts, MaintenanceFacts
from incidents.maintenance import AT_WORK, Phase
from incidents.words import ComponentStatus
from statuspage import inert
from statuspage.page import Identity

RENEWED = timedelta(minutes=15)
# The worst a service may show -> its impact in the notes that network operators' machines read (MAINTNOTE).
_IMPACTS = {
    ComponentStatus.MAJOR_OUTAGE: "OUTAGE",
    ComponentStatus.PARTIAL_OUTAGE: "DEGRADED",
    ComponentStatus.DEGRADED_PERFORMANCE: "DEGRADED",
    ComponentStatus.DELAYED: "DEGRADED",
}
_IMPACT_ORDER = ("NO-IMPACT", "DEGRADED", "OUTAGE")


def calendar(
    whose: Identity,
    works: Iterable[MaintenanceFacts],
    components: Iterable[ComponentFacts],
    *,
    language: str,
    prefix: str,
    path: str,
) -> bytes:
    """A calendar of these works; cancelled ones stay in it, so that calendars take them out. `path`: its own address."""
    known = {component.public_id: component for component in components}
    with override(language):
        title = inert.line(f"{whose.name}: {gettext('Planned work')}")
    made = Calendar()
    made.add("version", "2.0")
    made.add("prodid", "-//Hali//Planned work//EN")
    made.add("calscale", "GREGORIAN")
    made.add("name", title)
    made.add("x-wr-calname", title)
    made.add("refresh-interval", vDuration(RENEWED), parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", vDuration(RENEWED))
    made.add("source", vUri(f"{whose.url}{path}"), parameters={"VALUE": "URI"})
    made.add("url", vUri(f"{whose.url}{prefix}/"))
    listed = list(works)
    if listed:
        made.add("last-modified", _second(max(work.last_change_at for work in listed)))
    for work in listed:
        made.add_component(_event(whose, work, known, language, prefix))
    return bytes(made.to_ical())


def _event(whose: Identity, work: MaintenanceFacts, known: dict[str, ComponentFacts], language: str, prefix: str) -> Event:
    event = Event()
    event.add("uid", f"{work.public_id}@{whose.host}")
    event.add("dtstamp", _second(work.last_change_at))
    event.add("created", _second(work.published_at))
    event.add("last-modified", _second(work.last_change_at))
    event.add("sequence", len(work.earlier_dates) + (work.phase == Phase.CANCELLED))
    event.add("dtstart", _second(work.starts_at))
    event.add("dtend", _second(work.ends_at))
    event.add("status", "CANCELLED" if work.phase == Phase.CANCELLED else "CONFIRMED")
    event.add("summary", inert.line(work.name[language]))
    event.add("description", inert.inert(work.updates[0].body[language]) if work.updates else "")
    event.add("url", vUri(f"{whose.url}{prefix}/maintenance/{work.public_id}"))
    event.add("categories", ["MAINTENANCE"])
    event.add("transp", "TRANSPARENT")
    organiser = vCalAddress(_organiser(whose))
    organiser.params["CN"] = inert.line(whose.name).replace('"', "")
    event.add("organizer", organiser)
    for name, value in _notes(whose, work).items():
        event.add(f"x-maintnote-{name}", value)
    for public_id, status in work.expected.items():
        if public_id in known:
            impact = _IMPACTS.get(ComponentStatus(status), "NO-IMPACT")
            event.add("x-maintnote-object-id", known[public_id].code, parameters={"X-MAINTNOTE-OBJECT-IMPACT": impact})
    return event


def _organiser(whose: Identity) -> str:
    """Where readers write, if that is a mail address; calendars take any URI."""
    return f"mailto:{settings.CONTACT}" if re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", settings.CONTACT) else f"{whose.url}/"


def _notes(whose: Identity, work: MaintenanceFacts) -> dict[str, str]:
    impacts = [_IMPACTS.get(ComponentStatus(status), "NO-IMPACT") for status in work.expected.values()]
    return {
        "provider": whose.host,
        "account": "public",
        "maintenance-id": work.public_id,
        "impact": max(impacts, key=_IMPACT_ORDER.index, default="NO-IMPACT"),
        "status": _status(work),
    }


def _status(work: MaintenanceFacts) -> str:
    if work.phase in AT_WORK:
        return "IN-PROCESS"
    return {Phase.CANCELLED.value: "CANCELLED", Phase.COMPLETED.value: "COMPLETED"}.get(work.phase, "CONFIRMED")


def _second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
