"""The .ics of a mail about planned work: the same UID and SEQUENCE as the page's calendar, so that both are one entry."""

from __future__ import annotations

from datetime import UTC, datetime

from incidents.maintenance import Phase
from incidents.models import MaintenanceUpdate
from subscribers import links
from subscribers.items import Item
from subscribers.telling import tell


def of(item: Item, language: str) -> str:
    """iCalendar text with method PUBLISH; "" for what is no planned work. Cancelled work takes itself out of calendars."""
    update = item.document
    if not isinstance(update, MaintenanceUpdate):
        return ""
    work = update.maintenance
    from icalendar import Calendar, Event, vUri  # 5 MB, of which processes that tell of no planned work have no need

    starts_at, ends_at = update.starts_at or work.starts_at, update.ends_at or work.ends_at
    if starts_at is None or ends_at is None:
        return ""
    told = tell(item, language)
    cancelled = update.status == Phase.CANCELLED
    event = Event()
    event.add("uid", f"{work.public_id}@{links.host()}")
    event.add("dtstamp", _second(item.published_at))
    event.add("sequence", _dates_before(update) + cancelled)
    event.add("dtstart", _second(starts_at))
    event.add("dtend", _second(ends_at))
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("summary", " ".join(told.about.split()))
    event.add("description", "\n".join(section.text for section in told.sections if not section.heading))
    event.add("url", vUri(told.url))
    event.add("transp", "TRANSPARENT")
    made = Calendar()
    made.add("version", "2.0")
    made.add("prodid", "-//Hali//Planned work//EN")
    made.add("method", "PUBLISH")
    made.add_component(event)
    return bytes(made.to_ical()).decode()


def _dates_before(update: MaintenanceUpdate) -> int:
    """How often other times had been announced before those that hold now."""
    announced = MaintenanceUpdate.objects.published().filter(
        maintenance=update.maintenance, starts_at__isnull=False, record_seq__lte=update.record_seq
    )
    return max(0, announced.count() - 1)


def _second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
