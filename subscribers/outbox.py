"""From the record to each subscriber: a Notification per public item, a Delivery per subscriber, and who may send which when.

    enqueue       one row in the publishing transaction; enqueue_missing does the same for every other record entry
    fan_out       Deliveries in chunks the database makes, the cursor moved in each chunk's own transaction: killed anywhere, it
                  goes on there; fan_out_a_turn leaves off where a sender should be at work
    claim_due     a lease and attempt + 1; what was sent is marked only afterwards, in updates guarded by `attempt`
    deliver_due   claims and sends, outside any transaction, over kept connections
    stop_sending  nobody who has not been told yet is told; progress, resend_dead

At least once: the one mail a killed sender had in flight on each connection may be sent again, with the same Message-ID; what the
server had taken before is marked from the sender's outlet.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, F, Min, QuerySet
from django.utils import timezone

from subscribers import ended_webhooks, farewells, outlets, steering
from subscribers.fanning import fan_out
from subscribers.leases import claim_due, due, record_failure, record_success, release_stuck, soon
from subscribers.models import (
    ChannelTrouble,
    Delivery,
    DeliveryState,
    Endpoint,
    Farewell,
    Notification,
    Subscriber,
)
from subscribers.notifying import enqueue, enqueue_missing
from subscribers.outlets import Outlet
from subscribers.sending import AHEAD, Round
from subscribers.steering import Progress, progress, resend_dead, stop_sending
from subscribers.transports import TRANSPORTS
from subscribers.transports.base import TransportUnreachable

__all__ = [
    "Progress",
    "claim_due",
    "deliver_due",
    "enqueue",
    "enqueue_missing",
    "fan_out",
    "fan_out_a_turn",
    "has_work",
    "overdue_since",
    "progress",
    "record_failure",
    "record_success",
    "release_stuck",
    "resend_dead",
    "stop_sending",
]

log = logging.getLogger(__name__)

QUIET_FIRST, QUIET_AT_MOST = timedelta(seconds=30), timedelta(minutes=2)
TURN = 1.0  # seconds of expanding at once: a worker with one place must not keep its sender waiting for the rest of a long list


# --- Expanding ---------------------------------------------------------------------------------


def fan_out_a_turn(*, now: datetime, limit: int) -> bool:
    """Expand for about a second, and only until something is due that nobody sends; answers whether more is to be expanded."""
    ends = time.monotonic() + TURN

    def is_over() -> bool:
        return time.monotonic() >= ends or (due(timezone.now()).exists() and not outlets.any_at_work())

    made = fan_out(now=now, limit=limit, is_over=is_over)
    return made > 0 and Notification.objects.filter(expanded_at__isnull=True).exists()


# --- Sending -----------------------------------------------------------------------------------


def deliver_due(*, now: datetime, limit: int, seconds: float = 20.0) -> int:
    """Send what is due, up to `limit` items and for about `seconds`; answers how many went out, confirmation mails included.

    The way out is opened before anything is claimed: a mail server that is down uses up no attempt. Nothing is done while as many
    senders as the settings allow are at work on this machine: one that hangs must not take every worker with it.
    """
    release_stuck(now=now)
    steering.clear_stopped(now=now)
    started = time.monotonic()
    with outlets.one(now=now) as outlet:
        if outlet is None:
            return 0
        waiting = [channel for channel in TRANSPORTS if _waits(channel, now)]
        sent = farewells.send(now=now) if _farewells(now).exists() else 0
        sent += ended_webhooks.tell(now=now) if _owners(now).exists() else 0
        for place, channel in enumerate(waiting, 1):  # to each its share of the time: a long list of mails holds up no webhook
            passed = time.monotonic() - started
            ends = max(started + seconds * place / len(waiting), started + passed)
            sent += _deliver(channel, outlet, now + timedelta(seconds=passed), ends, limit)
        return sent


def _deliver(channel: str, outlet: Outlet, now: datetime, ends: float, limit: int) -> int:
    """How many went out over one channel."""
    sender = TRANSPORTS[channel]()
    try:
        sender.open()
    except TransportUnreachable as error:
        sender.close()
        _be_quiet(channel, str(error), now)
        return 0
    round_ = Round(sender, TRANSPORTS[channel], channel, outlet, now, ends)
    try:
        round_.run(limit)
    except TransportUnreachable as error:
        _be_quiet(channel, str(error), now)
    else:
        _speak_again(channel)
    return round_.sent


def has_work(*, now: datetime) -> bool:
    """Is there anything to expand, to send or to take back from a dead sender? It comes each second, so it is one question."""
    resting = _resting(now)
    found = _any_of(
        Notification.objects.filter(expanded_at__isnull=True),
        Notification.objects.filter(stopped_at__isnull=False, cleared_at__isnull=True),
        _asked(now).exclude(channel__in=resting),
        due(now).exclude(channel__in=resting),
        soon(now=now, within=AHEAD).exclude(channel__in=resting),
        Delivery.objects.filter(lease_until__lte=now),
        _farewells(now),
        _owners(now),
    )
    return found or outlets.left_behind()


def _any_of(*wanted: QuerySet[Any]) -> bool:
    compiled = [rows.order_by().values("pk").query.sql_with_params() for rows in wanted]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + " OR ".join(f"EXISTS ({query})" for query, _ in compiled),
            [value for _, values in compiled for value in values],
        )
        return bool(cursor.fetchone()[0])


def _resting(now: datetime) -> QuerySet[ChannelTrouble, Any]:
    """Names of channels that nobody tries now."""
    return ChannelTrouble.objects.filter(quiet_until__gt=now).values("channel")


def _farewells(now: datetime) -> QuerySet[Farewell]:
    return Farewell.objects.exclude(channel__in=_resting(now))


def _owners(now: datetime) -> QuerySet[Endpoint]:
    """Ended webhooks whose owners are to be mailed; none while no mail goes out."""
    return ended_webhooks.to_tell(now).exclude(Exists(_resting(now).filter(channel="email")))


def _asked(now: datetime) -> QuerySet[Subscriber]:
    """Whose confirmation mail is due."""
    return Subscriber.objects.asked(now)


def _waits(channel: str, now: datetime) -> bool:
    if ChannelTrouble.objects.filter(channel=channel, quiet_until__gt=now).exists():
        return False
    waiting = [due(now), soon(now=now, within=AHEAD), _asked(now)]
    return any(rows.filter(channel=channel).exists() for rows in waiting)


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
    news = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now - by)
    waiting = Notification.objects.filter(expanded_at__isnull=True, created_at__lte=now - by).aggregate(at=Min("created_at"))[
        "at"
    ]
    asked = Subscriber.objects.asked(now - by)
    rows = (news.filter(lease_until=None), news.filter(lease_until__isnull=False))  # each has its index
    due = [some.aggregate(at=Min("due_at"))["at"] for some in rows]
    late = [at for at in (*due, waiting, asked.aggregate(at=Min("confirm_due_at"))["at"]) if at]
    return min(late, default=None)
