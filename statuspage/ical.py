"""Pure: planned work -> iCalendar. Times are UTC, so no zone need be described; UID and SEQUENCE follow the work for ever.

DTSTAMP is the time of the last word or correction, never “now”: the file stays the same while nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext, override
from icalendar import Calendar, Event, vDuration, vUri

from incidents import planned_event
from incidents.facts import ComponentFacts, MaintenanceFacts
from statuspage import inert
from statuspage.page import Identity

RENEWED = timedelta(minutes=15)


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
    made.add("prodid", f"-//Hali//Planned work//{language.upper()}")
    made.add("calscale", "GREGORIAN")
    made.add("name", title)
    made.add("x-wr-calname", title)
    made.add("refresh-interval", vDuration(RENEWED), parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", vDuration(RENEWED))
    made.add("source", vUri(f"{whose.url}{path}"), parameters={"VALUE": "URI"})
    made.add("url", vUri(f"{whose.url}{prefix}/"))
    listed = list(works)
    if listed:
        made.add("last-modified", planned_event.second(max(work.last_change_at for work in listed)))
    for work in listed:
        made.add_component(_event(whose, work, known, language, prefix))
    return bytes(made.to_ical())


def _event(whose: Identity, work: MaintenanceFacts, known: dict[str, ComponentFacts], language: str, prefix: str) -> Event:
    return planned_event.event(
        planned_event.Planned(
            owner=inert.line(whose.name),
            organiser=planned_event.organiser(f"{whose.url}/", settings.CONTACT),
            host=whose.host,
            public_id=work.public_id,
            phase=work.phase,
            name=inert.line(work.name[language]),
            description=inert.inert(work.updates[0].body[language]) if work.updates else "",
            url=f"{whose.url}{prefix}/maintenance/{work.public_id}",
            starts_at=work.starts_at,
            ends_at=work.ends_at,
            published_at=work.published_at,
            last_change_at=work.last_change_at,
            dates_before=len(work.earlier_dates),
            expected=[(known[public_id].code, status) for public_id, status in work.expected.items() if public_id in known],
        )
    )
