"""Who may send which Delivery when: claims under a lease, and what came of each attempt."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from subscribers.models import Delivery, DeliveryState
from subscribers.retries import ATTEMPTS, GIVE_UP_AFTER, LEASE, retry_at
from subscribers.transports.base import TransportError

log = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=10)  # an update that has waited so long is cut when a newer one waits behind it


def due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now, lease_until__isnull=True)


def claim_due(*, now: datetime, limit: int, channel: str = "") -> list[Delivery]:
    """Take up to `limit` due deliveries (of one channel, if given) under a lease of 5 minutes, older news first.

    What was tried 8 times, is older than 6 hours or was overtaken by newer news is buried on the way.
    """
    claimed: list[Delivery] = []
    while not claimed:
        claimed, looked_at = _claim_once(now, limit, channel)
        if not looked_at:
            break
    return claimed


def _claim_once(now: datetime, limit: int, channel: str) -> tuple[list[Delivery], int]:
    """(claimed, how many were due)"""
    with transaction.atomic():
        waiting = due(now).select_for_update(skip_locked=True, of=("self",)).select_related("notification__update__incident")
        if channel:
            waiting = waiting.filter(channel=channel)
        found = list(waiting.order_by("due_at", "pk")[:limit])
        rest = _bury_hopeless(found, now)
        overtaken = _overtaken(rest, now)
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in rest if delivery.pk in overtaken]).update(
            state=DeliveryState.SUPERSEDED, last_error="a newer update was told instead"
        )
        claimed = [delivery for delivery in rest if delivery.pk not in overtaken]
        # The last error is cleared: an attempt without one is an attempt whose end nobody knows.
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in claimed]).update(
            lease_until=now + LEASE, attempt=F("attempt") + 1, last_error=""
        )
    for delivery in claimed:
        delivery.lease_until, delivery.attempt = now + LEASE, delivery.attempt + 1
    return sorted(claimed, key=lambda delivery: (delivery.notification.record_seq, delivery.pk)), len(found)


def _bury_hopeless(due: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Those still worth a try; the others become dead."""
    tried = [delivery.pk for delivery in due if delivery.attempt >= ATTEMPTS]
    old = [delivery.pk for delivery in due if delivery.notification.created_at <= now - GIVE_UP_AFTER]
    Delivery.objects.filter(pk__in=old).update(state=DeliveryState.DEAD, last_error="not sent within 6 hours")
    Delivery.objects.filter(pk__in=tried).update(state=DeliveryState.DEAD, last_error=f"tried {ATTEMPTS} times")
    return [delivery for delivery in due if delivery.pk not in {*tried, *old}]


def _overtaken(due: Sequence[Delivery], now: datetime) -> set[int]:
    """Late news is cut: older updates of an incident whose subscriber was told a newer one, or will be after a long wait.

    Never one whose sender died with it in hand: it may be on its way, and losing it is worse than sending it twice.
    """
    waiting = [delivery for delivery in due if delivery.notification.update and (delivery.attempt == 0 or delivery.last_error)]
    if not waiting:
        return set()
    newest: dict[tuple[int, int, str], int] = defaultdict(int)
    told = Delivery.objects.filter(
        subscriber__in={delivery.subscriber_id for delivery in waiting},
        notification__update__incident__in={_incident_of(delivery) for delivery in waiting},
        state__in=[DeliveryState.SENT, DeliveryState.PENDING],
    )
    for subscriber, incident, state, seq in told.values_list(
        "subscriber_id", "notification__update__incident_id", "state", "notification__record_seq"
    ):
        newest[subscriber, incident or 0, state] = max(seq, newest[subscriber, incident or 0, state])
    found = set()
    for delivery in waiting:
        seq, late = delivery.notification.record_seq, now - delivery.notification.created_at >= LATE_AFTER
        about = (delivery.subscriber_id, _incident_of(delivery))
        if newest[*about, DeliveryState.SENT] > seq or (late and newest[*about, DeliveryState.PENDING] > seq):
            found.add(delivery.pk)
    return found


def _incident_of(delivery: Delivery) -> int:
    update = delivery.notification.update
    return update.incident_id if update else 0


def record_success(deliveries: Sequence[Delivery], *, now: datetime) -> int:
    """Mark as sent what this sender sent; rows that someone else has claimed since stay as they are. Answers how many."""
    by_attempt: dict[int, list[int]] = defaultdict(list)
    for delivery in deliveries:
        by_attempt[delivery.attempt].append(delivery.pk)
    return sum(
        Delivery.objects.filter(pk__in=keys, attempt=attempt, state=DeliveryState.PENDING).update(
            state=DeliveryState.SENT, sent_at=now, lease_until=None, last_error=""
        )
        for attempt, keys in by_attempt.items()
    )


def record_failure(delivery: Delivery, error: TransportError, *, now: datetime) -> None:
    """Due again later, or dead: after a permanent refusal, 8 attempts, or when the next try would come after 6 hours."""
    again = retry_at(attempt=delivery.attempt, now=now, chance=random.random())  # noqa: S311
    over = again > delivery.notification.created_at + GIVE_UP_AFTER
    dead = error.permanent or delivery.attempt >= ATTEMPTS or over
    log.info("Delivery %d failed (attempt %d%s): %s", delivery.pk, delivery.attempt, ", given up" if dead else "", error)
    Delivery.objects.filter(pk=delivery.pk, attempt=delivery.attempt, state=DeliveryState.PENDING).update(
        state=DeliveryState.DEAD if dead else DeliveryState.PENDING,
        due_at=again,
        lease_until=None,
        last_error=(str(error) or "unknown")[:300],
    )


def give_back(deliveries: Sequence[Delivery]) -> None:
    """What was claimed and not tried waits again, as if it had not been claimed."""
    for delivery in deliveries:
        Delivery.objects.filter(pk=delivery.pk, attempt=delivery.attempt, state=DeliveryState.PENDING).update(
            lease_until=None, attempt=delivery.attempt - 1, last_error=delivery.last_error
        )


def release(deliveries: Sequence[Delivery], *, now: datetime) -> None:
    """Their sender is dead: due again at once. The attempt counts, since one of them may be what killed it."""
    for delivery in deliveries:
        in_hand = Delivery.objects.filter(pk=delivery.pk, attempt=delivery.attempt, state=DeliveryState.PENDING)
        in_hand.filter(lease_until__isnull=False).update(lease_until=None, due_at=now)


def release_stuck(*, now: datetime) -> int:
    """Leases that ran out: their sender is taken for dead, so they are due again, after 8 attempts dead. Answers how many."""
    stuck = Delivery.objects.filter(lease_until__lte=now, state=DeliveryState.PENDING)
    if not stuck.exists():
        return 0  # the usual second: nothing is written
    buried = stuck.filter(attempt__gte=ATTEMPTS).update(
        state=DeliveryState.DEAD, lease_until=None, last_error=f"{ATTEMPTS} senders ended with it in hand"
    )
    return buried + stuck.update(lease_until=None, due_at=now)
