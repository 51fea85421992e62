"""From the record to each subscriber: a Notification per public item, a Delivery per subscriber, and who may send which when.

    enqueue      one row in the publishing transaction; enqueue_missing does the same for every other record entry
    fan_out      Deliveries in keyset chunks, the cursor moved in the chunk's own transaction: killed anywhere, it goes on there
    claim_due    a lease and attempt + 1; what was sent is marked only afterwards, in updates guarded by `attempt`
    deliver_due  claims and sends, outside any transaction, over one kept connection

At least once: the one mail a killed sender had in flight may be sent again, with the same Message-ID; what the server had taken
before is marked from the sender's outlet.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min, QuerySet

from incidents import record
from incidents.models import AffectedComponent, IncidentUpdate, RecordEntry
from incidents.words import Publication
from subscribers import outlets
from subscribers.leases import claim_due, due, record_failure, record_success, release_stuck
from subscribers.models import (
    ChannelTrouble,
    Delivery,
    DeliveryState,
    NewsKind,
    Notification,
    OutboxCursor,
    Subscriber,
    SubscriberState,
)
from subscribers.outlets import Outlet
from subscribers.sending import Round
from subscribers.transports import TRANSPORTS
from subscribers.transports.base import TransportUnreachable

__all__ = [
    "claim_due",
    "deliver_due",
    "enqueue",
    "enqueue_missing",
    "fan_out",
    "has_work",
    "overdue_since",
    "record_failure",
    "record_success",
    "release_stuck",
]

log = logging.getLogger(__name__)

TOLD_KIND = "incident_update"  # the kind of entry that subscribers are told of
CHUNK = 1000  # subscribers to a fan-out transaction
QUIET_FIRST, QUIET_AT_MOST = timedelta(seconds=30), timedelta(minutes=2)


# --- Notifications -----------------------------------------------------------------------------


def enqueue(*, record_seq: int, kind: str, now: datetime, update: IncidentUpdate | None = None) -> Notification:
    """The Notification of a record entry; a second call answers the first one's."""
    notification, _ = Notification.objects.get_or_create(
        record_seq=record_seq,
        defaults={"kind": kind, "update": update, "created_at": now, "expanded_at": None if _is_told(kind, update) else now},
    )
    return notification


def enqueue_missing(*, now: datetime) -> int:
    """Notifications for every record entry after the cursor that has none; answers how many were looked at."""
    cursor = OutboxCursor.objects.filter(pk=1).first()
    if cursor and cursor.record_seq >= record.head().seq:
        return 0  # the usual second: no lock taken
    with transaction.atomic():
        cursor, _ = OutboxCursor.objects.select_for_update().get_or_create(pk=1)
        entries = list(RecordEntry.objects.filter(seq__gt=cursor.record_seq).order_by("seq").values_list("seq", "kind")[:CHUNK])
        if not entries:
            return 0
        updates = {
            update.record_seq: update for update in IncidentUpdate.objects.filter(record_seq__in=[seq for seq, _ in entries])
        }
        Notification.objects.bulk_create(
            (
                Notification(
                    record_seq=seq,
                    kind=kind,
                    update=updates.get(seq),
                    created_at=now,
                    expanded_at=None if _is_told(kind, updates.get(seq)) else now,
                )
                for seq, kind in entries
            ),
            ignore_conflicts=True,  # publish_update wrote its own
        )
        OutboxCursor.objects.filter(pk=1).update(record_seq=entries[-1][0])
    return len(entries)


def _is_told(kind: str, update: IncidentUpdate | None) -> bool:
    """Everything else is expanded to nobody, at once."""
    return kind == TOLD_KIND and update is not None and update.deliver_notifications


# --- Fan-out -----------------------------------------------------------------------------------


def fan_out(*, now: datetime, limit: int = 10 * CHUNK) -> int:
    """Make the Deliveries of waiting Notifications, oldest first, up to `limit`; answers how many were made."""
    made = 0
    while made < limit:
        step = _expand_chunk(now, min(CHUNK, limit - made))
        if step is None:
            break
        made += step
    return made


def _expand_chunk(now: datetime, size: int) -> int | None:
    """One chunk of the oldest waiting Notification; None when none waits (or others hold them all)."""
    with transaction.atomic():
        notification = (
            Notification.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("update")
            .filter(expanded_at__isnull=True)
            .order_by("id")
            .first()
        )
        if notification is None:
            return None
        chosen = list(_recipients(notification).values_list("pk", "channel")[:size])
        Delivery.objects.bulk_create(
            (Delivery(notification=notification, subscriber_id=pk, channel=channel, due_at=now) for pk, channel in chosen),
            ignore_conflicts=True,
        )
        if chosen:
            notification.cursor = chosen[-1][0]
        if len(chosen) < size:
            notification.expanded_at = now
        notification.save(update_fields=["cursor", "expanded_at"])
    return len(chosen)


def _recipients(notification: Notification) -> QuerySet[Subscriber]:
    """Confirmed before the publication, not yet reached, and following the page or a component of the incident."""
    update = notification.update
    if update is None or update.published_at is None:
        return Subscriber.objects.none()
    # All components the incident has named so far, not only this update's: who heard that one fails must hear that it is fixed.
    named = AffectedComponent.objects.filter(
        update__incident_id=update.incident_id,
        update__publication=Publication.PUBLISHED,
        update__record_seq__lte=notification.record_seq,
    ).values("component_id")
    wanting = Subscriber.objects.active().following(NewsKind.INCIDENTS, components=named, incident=update.incident_id)
    return (
        wanting.minding(update.incident.impact)
        .filter(pk__gt=notification.cursor, confirmed_at__lte=update.published_at, channel__in=list(TRANSPORTS))
        .order_by("pk")
    )


# --- Sending -----------------------------------------------------------------------------------


def deliver_due(*, now: datetime, limit: int, seconds: float = 20.0) -> int:
    """Send what is due, up to `limit` items and for about `seconds`; answers how many went out, confirmation mails included.

    The way out is opened before anything is claimed: a mail server that is down uses up no attempt. Nothing is done while as many
    senders as the settings allow are at work on this machine: one that hangs must not take every worker with it.
    """
    release_stuck(now=now)
    ends = time.monotonic() + seconds
    with outlets.one(now=now) as outlet:
        if outlet is None:
            return 0
        return sum(_deliver(channel, outlet, now, ends, limit) for channel in TRANSPORTS if _waits(channel, now))


def _deliver(channel: str, outlet: Outlet, now: datetime, ends: float, limit: int) -> int:
    """How many went out over one channel."""
    sender = TRANSPORTS[channel]()
    round_ = Round(sender, channel, outlet, now, ends)
    try:
        sender.open()
        round_.run(limit)
    except TransportUnreachable as error:
        _be_quiet(channel, str(error), now)
    else:
        _speak_again(channel)
    finally:
        sender.close()
    return round_.sent


def has_work(*, now: datetime) -> bool:
    """Is there anything to expand, to send or to take back from a dead sender?"""
    return (
        Notification.objects.filter(expanded_at__isnull=True).exists()
        or any(_waits(channel, now) for channel in TRANSPORTS)
        or Delivery.objects.filter(lease_until__lte=now).exists()
        or outlets.left_behind()
    )


def _waits(channel: str, now: datetime) -> bool:
    if ChannelTrouble.objects.filter(channel=channel, quiet_until__gt=now).exists():
        return False
    confirmations_due = Subscriber.objects.filter(
        confirm_due_at__lte=now, state=SubscriberState.PENDING, channel=channel
    ).exists()
    return confirmations_due or due(now).filter(channel=channel).exists()


def _be_quiet(channel: str, words: str, now: datetime) -> None:
    """Nobody tries the channel for a while, longer each time: 30 s, 60 s, then 2 minutes. The log says it once."""
    trouble, is_new = ChannelTrouble.objects.get_or_create(
        channel=channel, defaults={"since": now, "quiet_until": now, "failures": 0, "words": ""}
    )
    if is_new or trouble.words != words[:300]:
        log.error("Nothing can be sent by %s for now, all of it waits. %s", channel, words)
    quiet_for = min(QUIET_FIRST * 2**trouble.failures, QUIET_AT_MOST)
    ChannelTrouble.objects.filter(pk=trouble.pk).update(
        failures=F("failures") + 1, quiet_until=now + quiet_for, words=words[:300]
    )


def _speak_again(channel: str) -> None:
    if ChannelTrouble.objects.filter(channel=channel).delete()[0]:
        log.info("Sending by %s works again.", channel)


def overdue_since(*, now: datetime, by: timedelta) -> datetime | None:
    """Since when the oldest item has been due, if that is longer than `by`; None when nothing is late."""
    news = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now - by).aggregate(at=Min("due_at"))["at"]
    waiting = Notification.objects.filter(expanded_at__isnull=True, created_at__lte=now - by).aggregate(at=Min("created_at"))[
        "at"
    ]
    asked = Subscriber.objects.filter(confirm_due_at__lte=now - by, state=SubscriberState.PENDING)
    late = [at for at in (news, waiting, asked.aggregate(at=Min("confirm_due_at"))["at"]) if at]
    return min(late, default=None)
