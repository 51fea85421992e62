"""Who hears of what: the rule of each kind of news, what its readers asked for, and when it may wait.

| kind                  | is told                                                              |
|-----------------------|----------------------------------------------------------------------|
| incident_update       | unless its writer said no                                            |
| correction            | if its writer said so                                                |
| redress               | always: it is about their money                                      |
| statement             | of what is known (levels 1 to 3, money); "we are checking" and advice stand in the updates' own words |
| withdrawal            | to those whom what it takes back was sent, or may still be; to followers where that is pruned |
| rebuttal              | to those who asked for answers to claims                             |
| maintenance_update    | unless its writer said no                                            |
| review                | unless its writer said no                                            |
| announcement          | if its writer said so, to all                                        |
| component_status      | to webhooks in Statuspage's form: each change of one of their services, as Statuspage sends it |

Everything else in the record is for readers of the page.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from incidents import statuspage_v2
from incidents.models import Announcement, Correction, MaintenanceUpdate, Rebuttal, Statement, StatusChange, Withdrawal
from incidents.models.publishable import Publishable
from incidents.statements import UNSHAKEN
from incidents.words import Impact
from subscribers import items
from subscribers.items import Document, Item
from subscribers.models import Delivery, DeliveryState, NewsKind, Notification, Payload, Subscriber, SubscriberQuerySet

# Written down by itself beside an update that says the same: a mail of its own would only be a second one.
_UNTOLD_LEVELS = frozenset(level.value for level in UNSHAKEN)
_MAY_WAIT = frozenset({Impact.NONE.value, Impact.MINOR.value})


def is_told(document: Document | None) -> bool:
    """Do subscribers hear of it at all?"""
    if document is None:
        return False
    if isinstance(document, StatusChange):
        differ = statuspage_v2.five(document.old_status) != statuspage_v2.five(document.new_status)
        return differ and _as_statuspage(Subscriber.objects.active()).exists()
    if isinstance(document, Statement):
        return document.level not in _UNTOLD_LEVELS
    if isinstance(document, Withdrawal):
        taken_back = document.statement or document.rebuttal
        return taken_back is not None and is_told(taken_back) and _was_told(document)
    return bool(getattr(document, "deliver_notifications", True))


def _as_statuspage(chosen: SubscriberQuerySet) -> SubscriberQuerySet:
    """Webhooks whose owners chose Statuspage's form of bodies."""
    return chosen.filter(channel="webhook", endpoint__payload=Payload.STATUSPAGE)


def _was_told(withdrawal: Withdrawal) -> bool:
    """A statement that was taken back before the first mail needs no second one; one that was stopped halfway needs it."""
    told = _notifications_of(withdrawal)
    return told.filter(stopped_at=None, expanded_at=None).exists() or _tellings(withdrawal).exists() or _is_forgotten(withdrawal)


def _is_forgotten(withdrawal: Withdrawal) -> bool:
    """Does nothing say any more whom it was sent? Deliveries are pruned (HALI_KEEP_WORK_DAYS); followers may have read it."""
    listed = _notifications_of(withdrawal).filter(stopped_at=None, expanded_at__isnull=False)
    return listed.exclude(thread="").filter(~Exists(Delivery.objects.filter(notification=OuterRef("pk")))).exists()


def _tellings(withdrawal: Withdrawal) -> QuerySet[Delivery]:
    """What went out of what is taken back, or may yet: of what was stopped, only what a sender has in its hands."""
    rows = Delivery.objects.filter(notification__in=list(_notifications_of(withdrawal)))
    on_its_way = Q(state=DeliveryState.PENDING) & (Q(notification__stopped_at=None) | Q(lease_until__isnull=False))
    return rows.filter(Q(state=DeliveryState.SENT) | on_its_way)


def _notifications_of(withdrawal: Withdrawal) -> QuerySet[Notification]:
    """Of what is taken back, in each version that said the same before it."""
    same: Any  # rows of one of the two
    if said := withdrawal.statement:
        same = Statement.objects.filter(incident=said.incident_id, level=said.level, record_seq__lte=said.record_seq)
    else:
        answer = withdrawal.rebuttal
        assert answer is not None
        same = Rebuttal.objects.filter(series=answer.series, record_seq__lte=answer.record_seq)
    return Notification.objects.filter(record_seq__in=same.values("record_seq"))


def recipients(item: Item, *, between: tuple[int, int] | None = None) -> QuerySet[Subscriber]:
    """Everybody who asked for this kind of news, and for this service, at this impact. `between`: of these ids (above, up to)."""
    active = Subscriber.objects.active()
    if between:
        active = active.filter(pk__gt=between[0], pk__lte=between[1])
    if isinstance(item.document, StatusChange):
        return _as_statuspage(active.following(NewsKind.INCIDENTS, components=item.components, between=between))
    document: Publishable = item.document.of if isinstance(item.document, Correction) else item.document
    incident = getattr(document, "incident_id", None)
    if isinstance(document, Announcement):
        return active
    if isinstance(document, Withdrawal):  # whoever read it, whatever they follow now
        read = Q(Exists(_tellings(document).filter(subscriber=OuterRef("pk"))))
        if _is_forgotten(document):
            read |= Q(pk__in=_may_have_read(document, between).values("pk"))
        return active.filter(read)
    if isinstance(document, Rebuttal):
        return active.following(NewsKind.REBUTTALS)
    kind = NewsKind.PLANNED_WORK if isinstance(document, MaintenanceUpdate) else NewsKind.INCIDENTS
    followers = active.following(kind, components=item.components, incident=incident, between=between)
    return followers.minding(item.impact) if item.impact else followers


def _may_have_read(withdrawal: Withdrawal, between: tuple[int, int] | None) -> QuerySet[Subscriber]:
    """Who follows what is taken back, and had confirmed when it was said."""
    said = withdrawal.statement or withdrawal.rebuttal
    assert said is not None
    item = items.item_of(said)
    return recipients(item, between=between).filter(confirmed_at__lte=item.published_at)


# --- When ----------------------------------------------------------------------------------------


def may_wait(item: Item) -> bool:
    """News that need not wake anybody: planned work, and incidents of little impact."""
    document = item.document.of if isinstance(item.document, Correction) else item.document
    if isinstance(document, MaintenanceUpdate | Announcement):
        return True
    return item.kind in ("incident_update", "correction", "review") and item.impact in _MAY_WAIT


def quiet_until(item: Item, now: datetime) -> datetime:
    """When it may be sent: now, or at the end of the quiet hours for what may wait."""
    if settings.QUIET_HOURS is None or not may_wait(item):
        return now
    return end_of_quiet(now, *settings.QUIET_HOURS, zone=ZoneInfo(settings.PAGE_TIME_ZONE))


def end_of_quiet(now: datetime, start: time, end: time, *, zone: ZoneInfo) -> datetime:
    """The next `end` if the zone's clock is between `start` and `end` (over midnight where start is later), else `now`."""
    local = now.astimezone(zone)
    clock = local.time()
    quiet = start <= clock < end if start <= end else clock >= start or clock < end
    if not quiet:
        return now
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=zone)
