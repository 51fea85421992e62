"""The .ics of a mail about planned work: the same UID and SEQUENCE as the page's calendar, so that both are one entry."""

from __future__ import annotations

from django.conf import settings

from incidents.models import MaintenanceComponent, MaintenanceUpdate, ScheduledMaintenance
from subscribers import links
from subscribers.items import Item
from subscribers.telling import tell


def of(item: Item, language: str) -> str:
    """iCalendar text with method PUBLISH; "" for what is no planned work. Cancelled work takes itself out of calendars."""
    update = item.document
    if not isinstance(update, MaintenanceUpdate):
        return ""
    work = update.maintenance
    starts_at, ends_at = update.starts_at or work.starts_at, update.ends_at or work.ends_at
    if starts_at is None or ends_at is None:
        return ""
    from icalendar import Calendar  # 5 MB, of which processes that tell of no planned work have no need

    from incidents import planned_event

    told = tell(item, language)
    event = planned_event.event(
        planned_event.Planned(
            owner=settings.PROVIDER_NAME,
            organiser=planned_event.organiser(f"{settings.BASE_URL}/", settings.CONTACT),
            host=links.host(),
            public_id=work.public_id,
            phase=update.status,
            name=" ".join(told.about.split()),
            description="\n".join(section.text for section in told.sections if not section.heading),
            url=told.url,
            starts_at=starts_at,
            ends_at=ends_at,
            published_at=work.published_at or item.published_at,
            last_change_at=item.published_at,
            dates_before=_dates_before(update),
            expected=_expected(update, work),
        )
    )
    made = Calendar()
    made.add("version", "2.0")
    made.add("prodid", "-//Hali//Planned work//EN")
    made.add("method", "PUBLISH")
    made.add_component(event)
    return bytes(made.to_ical()).decode()


def _expected(update: MaintenanceUpdate, work: ScheduledMaintenance) -> list[tuple[str, str]]:
    """(code, the worst it may show), as announced with the times that hold."""
    of = update.pk if update.announces else work.plan_id
    named = MaintenanceComponent.objects.filter(update=of, component__enabled=True, component__internal=False).order_by("pk")
    return list(named.values_list("component__code", "expected"))


def _dates_before(update: MaintenanceUpdate) -> int:
    """How often other times had been announced before those that hold now."""
    announced = MaintenanceUpdate.objects.published().filter(
        maintenance=update.maintenance, starts_at__isnull=False, record_seq__lte=update.record_seq
    )
    return max(0, announced.count() - 1)
