"""Pure: planned work as an entry of a calendar (RFC 5545), the same in the page's calendars and in mails, both being one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Event, vCalAddress, vUri

from incidents.maintenance import AT_WORK, Phase
from incidents.words import ComponentStatus

# The worst a service may show -> its impact in the notes that network operators' machines read (MAINTNOTE).
_IMPACTS = {
    ComponentStatus.MAJOR_OUTAGE: "OUTAGE",
    ComponentStatus.PARTIAL_OUTAGE: "DEGRADED",
    ComponentStatus.DEGRADED_PERFORMANCE: "DEGRADED",
    ComponentStatus.DELAYED: "DEGRADED",
}
_IMPACT_ORDER = ("NO-IMPACT", "DEGRADED", "OUTAGE")


@dataclass(frozen=True, slots=True)
class Planned:
    """`owner`, `organiser`, `host`: whose page it is. `dates_before`: how often other times were announced before these. `name`
    is one line. `expected`: (code, the worst it may show) of each service."""

    owner: str
    organiser: str
    host: str
    public_id: str
    phase: str
    name: str
    description: str
    url: str
    starts_at: datetime
    ends_at: datetime
    published_at: datetime
    last_change_at: datetime
    dates_before: int
    expected: Sequence[tuple[str, str]]


def event(work: Planned) -> Event:
    """UID and SEQUENCE follow the work for ever; cancelled work takes itself out of calendars."""
    made = Event()
    made.add("uid", f"{work.public_id}@{work.host}")
    made.add("dtstamp", second(work.last_change_at))
    made.add("created", second(work.published_at))
    made.add("last-modified", second(work.last_change_at))
    made.add("sequence", work.dates_before + (work.phase == Phase.CANCELLED))
    made.add("dtstart", second(work.starts_at))
    made.add("dtend", second(work.ends_at))
    made.add("status", "CANCELLED" if work.phase == Phase.CANCELLED else "CONFIRMED")
    made.add("summary", work.name)
    made.add("description", work.description)
    made.add("url", vUri(work.url))
    made.add("categories", ["MAINTENANCE"])
    made.add("transp", "TRANSPARENT")
    whose = vCalAddress(work.organiser)
    whose.params["CN"] = work.owner.replace('"', "")
    made.add("organizer", whose)
    for name, value in _notes(work).items():
        made.add(f"x-maintnote-{name}", value)
    for code, status in work.expected:
        made.add("x-maintnote-object-id", code, parameters={"X-MAINTNOTE-OBJECT-IMPACT": _impact(status)})
    return made


def organiser(page_url: str, contact: str) -> str:
    """Where readers write, if that is a mail address; calendars take any URI."""
    return f"mailto:{contact}" if re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", contact) else page_url


def _notes(work: Planned) -> dict[str, str]:
    return {
        "provider": work.host,
        "account": "public",
        "maintenance-id": work.public_id,
        "impact": max((_impact(status) for _, status in work.expected), key=_IMPACT_ORDER.index, default="NO-IMPACT"),
        "status": _status(work.phase),
    }


def _impact(status: str) -> str:
    return _IMPACTS.get(ComponentStatus(status), "NO-IMPACT")


def _status(phase: str) -> str:
    if phase in AT_WORK:
        return "IN-PROCESS"
    return {Phase.CANCELLED.value: "CANCELLED", Phase.COMPLETED.value: "COMPLETED"}.get(phase, "CONFIRMED")


def second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
