"""Staff alerts in rows: raised once for each cause, told further as time passes, over when the cause is or somebody has it.

Sending is the pager's: here are only the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from incidents import audit, record
from statuspage import alert_causes, roles
from statuspage.alert_causes import Call, Cause, Reach
from statuspage.models import AlertSending, DutyRole, DutyShift, PushDevice, StaffAlert

GROUPS = {DutyRole.AUTHOR: roles.AUTHOR, DutyRole.APPROVER: roles.APPROVER, DutyRole.ENGINEER: roles.ENGINEER}
TRIGGER, AGAIN, ACKNOWLEDGE, RESOLVE = "trigger", "again", "acknowledge", "resolve"


def raise_due(*, now: datetime) -> int:
    """Bring the rows up to the causes of now; answers how many tellings were added. Twice changes nothing."""
    causes = {cause.base: cause for cause in alert_causes.find(now=now)}
    if not _changes(causes, now):
        return 0
    with transaction.atomic():
        record.lock_head()  # of two publishers one raises it
        before = AlertSending.objects.count()
        standing = _open()
        for base, alert in standing.items():
            if base not in causes:
                _resolve(alert, now)
        for base, cause in causes.items():
            _tell(standing.get(base) or _raised(cause, now), cause, now)
        return AlertSending.objects.count() - before


def acknowledge(*, alert: StaffAlert, actor: User, now: datetime) -> StaffAlert:
    """One person has it: nobody else is called about it. A second one changes nothing."""
    with transaction.atomic():
        record.lock_head()
        alert = StaffAlert.objects.get(pk=alert.pk)
        if alert.is_open:
            alert.acknowledged_at, alert.acknowledged_by = now, actor
            alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
            alert.sendings.filter(due_at__isnull=False).update(due_at=None)
            _webhooks(alert, ACKNOWLEDGE, now)
            audit.log(act="alert.acknowledge", actor=actor, now=now, target=alert.key, details={"title": alert.title})
    return alert


def _open() -> dict[str, StaffAlert]:
    """Alerts whose cause lasts, by its base."""
    return {alert.key.rpartition("@")[0]: alert for alert in StaffAlert.objects.filter(resolved_at=None)}


def _changes(causes: dict[str, Cause], now: datetime) -> bool:
    """Is there anything to write? Asked without a lock, each time."""
    standing = _open()
    if standing.keys() - causes.keys():
        return True
    for base, cause in causes.items():
        due = _due(cause, now)
        alert = standing.get(base)
        if (alert is None and due) or (alert and alert.acknowledged_at is None and alert.stage < len(due)):
            return True
    return False


def _due(cause: Cause, now: datetime) -> list[Call]:
    return [call for call in sorted(cause.calls, key=lambda one: one.at) if call.at <= now]


def _raised(cause: Cause, now: datetime) -> StaffAlert | None:
    if not _due(cause, now):
        return None
    return StaffAlert.objects.create(
        kind=cause.kind,
        key=f"{cause.base}@{now:%Y%m%dT%H%M%S}",
        severity=cause.severity,
        title=cause.title[:200],
        text=cause.text[:300],
        path=cause.path,
        raised_at=now,
    )


def _tell(alert: StaffAlert | None, cause: Cause, now: datetime) -> None:
    """The calls whose moment has come since the last time."""
    if alert is None or alert.acknowledged_at:
        return
    due = _due(cause, now)
    for call in due[alert.stage :]:
        event = TRIGGER if alert.stage == 0 else AGAIN
        called = set(alert.sendings.exclude(person=None).values_list("person_id", flat=True))
        for person in people(call.role, call.reach, called=called, now=now):
            _by_person(alert, person, event, now)
        alert.stage += 1
        _webhooks(alert, TRIGGER, now)
    if due:
        alert.save(update_fields=["stage"])


def _resolve(alert: StaffAlert, now: datetime) -> None:
    alert.resolved_at = now
    alert.save(update_fields=["resolved_at"])
    alert.sendings.filter(due_at__isnull=False, person__isnull=False).update(due_at=None)  # no call for what is over
    _webhooks(alert, RESOLVE, now)


def _by_person(alert: StaffAlert, person: User, event: str, now: datetime) -> None:
    ways = [("mail", bool(person.email)), ("push", bool(settings.PUSH_KEY) and PushDevice.objects.filter(person=person).exists())]
    for way, reaches in ways:
        if reaches:
            AlertSending.objects.get_or_create(alert=alert, channel=way, person=person, event=event, defaults={"due_at": now})


def _webhooks(alert: StaffAlert, event: str, now: datetime) -> None:
    ways = [("webhook", settings.ALERT_WEBHOOK), ("pagerduty", settings.PAGERDUTY_KEY)]
    for way, is_set in ways:
        if is_set and not (way == "webhook" and event == ACKNOWLEDGE):  # Alertmanager's shape has no word for it
            AlertSending.objects.get_or_create(alert=alert, channel=way, person=None, event=event, defaults={"due_at": now})


# --- Who -----------------------------------------------------------------------------------------


def people(role: DutyRole, reach: Reach, *, called: Iterable[int], now: datetime) -> list[User]:
    """Whom a call reaches. Where nobody is on the roster in that role, everyone who has it; in a demo copy nobody then."""
    shifts = DutyShift.objects.at(now).filter(role=role, person__is_active=True).select_related("person")
    on_duty = list({shift.person_id: shift.person for shift in shifts}.values())
    others = [] if settings.DEMO else list(_holders(role).exclude(pk__in=[person.pk for person in on_duty]))
    if reach == Reach.DUTY:
        return on_duty or others
    everyone = [*on_duty, *others]
    if reach == Reach.ALL:
        return everyone
    return [person for person in everyone if person.pk not in set(called)][:1]


def _holders(role: DutyRole) -> QuerySet[User]:
    return User.objects.filter(is_active=True, groups__name=GROUPS[role]).order_by("username")
