"""What people do to the outbox: stop an item, try dead letters again, see how far it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Min, Q

from incidents import audit
from subscribers.leases import OVERTAKEN, OVERTAKING
from subscribers.models import Delivery, DeliveryState, Notification, SubscriberState
from subscribers.rows import among

CLEARED_AT_ONCE = 5000
STOPPED = "stopped by staff before it was sent"
RATE_OVER = timedelta(minutes=1)


class CannotStop(Exception):
    """There is nothing to stop. The message says why."""


def stop_sending(*, notification: Notification, actor: User, reason: str, now: datetime) -> Notification:
    """Nobody who has not been told yet is told of this item. A second call changes nothing.

    At once: whatever a sender has in its hands (a batch at most) still goes out, all else stays. Raises CannotStop without a
    reason, or for what nobody is told of any more.
    """
    if not reason.strip():
        raise CannotStop("Say why it is stopped.")
    with transaction.atomic():
        held = Notification.objects.select_for_update().get(pk=notification.pk)
        if held.stopped_at is not None:
            return held
        if held.expanded_at is not None and not held.deliveries.filter(state=DeliveryState.PENDING).exists():
            raise CannotStop("All of it has been sent: publish a correction instead.")
        held.stopped_at = now
        held.expanded_at = held.expanded_at or now
        held.save(update_fields=["stopped_at", "expanded_at"])
        audit.log(
            act="notification.stop",
            actor=actor,
            now=now,
            target=str(held.record_seq),
            details={"reason": reason.strip(), "kind": held.kind},
        )
    return held


def clear_stopped(*, now: datetime, limit: int = 10 * CLEARED_AT_ONCE) -> int:
    """Cancel what still waits of stopped items, in bounded steps; answers how many. Senders take none of it meanwhile.

    What such an item had overtaken waits again, as if it were its first time, for whom it did not reach: they would hear neither.
    Where something newer still stands, the next claim finds it overtaken once more.
    """
    cleared = 0
    for notification in Notification.objects.filter(stopped_at__isnull=False, cleared_at__isnull=True):
        while cleared < limit:
            step = _clear_step(notification, now)
            cleared += step
            if step < CLEARED_AT_ONCE:
                break
        if not notification.deliveries.filter(state=DeliveryState.PENDING).exists():
            Notification.objects.filter(pk=notification.pk).update(cleared_at=now)
    return cleared


@transaction.atomic
def _clear_step(notification: Notification, now: datetime) -> int:
    waiting = notification.deliveries.filter(state=DeliveryState.PENDING, lease_until__isnull=True)
    held = dict(waiting.select_for_update(skip_locked=True).values_list("pk", "subscriber_id")[:CLEARED_AT_ONCE])
    Delivery.objects.filter(among(held)).update(state=DeliveryState.CANCELLED, last_error=STOPPED)
    if notification.kind in OVERTAKING and held:
        before = Notification.objects.filter(
            thread=notification.thread, kind=notification.kind, record_seq__lt=notification.record_seq, stopped_at=None
        )
        Delivery.objects.filter(
            notification__in=list(before),
            subscriber__in=list(held.values()),
            state=DeliveryState.SUPERSEDED,
            last_error=OVERTAKEN,
        ).update(state=DeliveryState.PENDING, attempt=0, due_at=now, wanted_at=now, last_error="")
    return len(held)


def resend_dead(*, notification: Notification, actor: User, now: datetime, only: Collection[int] = (), channel: str = "") -> int:
    """Try dead letters of an item again (`only`: these deliveries; `channel`: of this one), as if it were their first time;
    answers how many.

    Who has left since, or whose address is suspended, is left alone; so is all of an item that was stopped.
    """
    with transaction.atomic():
        dead = notification.deliveries.filter(
            state=DeliveryState.DEAD, subscriber__state=SubscriberState.ACTIVE, notification__stopped_at=None
        )
        if only:
            dead = dead.filter(pk__in=only)
        if channel:
            dead = dead.filter(channel=channel)
        count = Delivery.objects.filter(pk__in=dead.values("pk")).update(
            state=DeliveryState.PENDING, attempt=0, due_at=now, wanted_at=now, lease_until=None, last_error=""
        )
        if count:
            details = {"count": count, **({"channel": channel} if channel else {})}
            audit.log(act="notification.resend", actor=actor, now=now, target=str(notification.record_seq), details=details)
    return count


# --- How far it is -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one item on one channel. `rate`: sent a minute, lately; `left`: how long what is queued takes at that rate, None while
    nothing moves."""

    channel: str
    queued: int
    sent: int
    failed: int
    cancelled: int
    rate: float
    left: timedelta | None


def progress(*, notification: Notification, now: datetime) -> list[Progress]:
    """One a channel, by name. Counted in the rows: for the desk, not for every second."""
    rows = (
        notification.deliveries.order_by()
        .values("channel")
        .annotate(
            queued=Count("pk", filter=Q(state=DeliveryState.PENDING)),
            sent=Count("pk", filter=Q(state=DeliveryState.SENT)),
            failed=Count("pk", filter=Q(state=DeliveryState.DEAD)),
            cancelled=Count("pk", filter=Q(state__in=[DeliveryState.CANCELLED, DeliveryState.SUPERSEDED])),
            lately=Count("pk", filter=Q(state=DeliveryState.SENT, sent_at__gt=now - RATE_OVER)),
            first=Min("sent_at", filter=Q(sent_at__gt=now - RATE_OVER)),
        )
    )
    return sorted((_progress(row, now) for row in rows), key=lambda one: one.channel)


def _progress(row: Mapping[str, Any], now: datetime) -> Progress:
    first, lately, queued = row["first"], row["lately"], row["queued"]
    span = max(1.0, (now - first).total_seconds()) if first else RATE_OVER.total_seconds()
    rate = lately / span * 60
    return Progress(
        channel=row["channel"],
        queued=queued,
        sent=row["sent"],
        failed=row["failed"],
        cancelled=row["cancelled"],
        rate=rate,
        left=timedelta(minutes=queued / rate) if rate else None,
    )
