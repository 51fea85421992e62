"""Who may send which Delivery when: claims under a lease, and what came of each attempt."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import BooleanField, F, Max, QuerySet
from django.db.models.expressions import RawSQL

from subscribers import paces
from subscribers.models import Delivery, DeliveryState, Notification, Subscriber
from subscribers.retries import LEASE, OF_CHANNELS, Schedule, retry_at, schedule_of
from subscribers.rows import Claimed, among
from subscribers.transports.base import TransportError

log = logging.getLogger(__name__)

OVERTAKEN = "a newer update was told instead"
# Kinds of which the newest says all: an older one of the same thread that still waits is not sent after it.
OVERTAKING = frozenset({"incident_update", "maintenance_update"})
# Kinds of which each is told, but none late: one that failed is not sent after a newer one of the same service.
STATES = frozenset({"component_status"})
Note = Callable[[Sequence[Claimed]], None]
KEYS_AT_ONCE = 1000  # in one statement
DIGESTS_REACH = timedelta(days=2)  # a day's news, and the hours that it is tried for
_TABLE = Delivery._meta.db_table
_Row = tuple[int, int, int, str, int, datetime, bool, str, datetime, str]
_COLUMNS = (
    "pk",
    "notification_id",
    "subscriber_id",
    "domain",
    "attempt",
    "wanted_at",
    "digest",
    "last_error",
    "due_at",
    "channel",
)
Place = tuple[datetime, int]  # in the order of claims: when it was due, its row id


def due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now, lease_until__isnull=True)


def claim_due(
    *,
    now: datetime,
    limit: int,
    channel: str = "",
    without: Collection[str] = (),
    digest: bool = False,
    after: Place | None = None,
    note: Note = lambda claimed: None,
) -> list[Claimed]:
    """Take up to `limit` due deliveries (of one channel, if given) under a lease of 5 minutes, older news first.

    `without`: domains that have enough in hand; `after`: look behind this place only, since what lies before it is theirs. Of
    digests all that is due for a reader is taken, over the limit too: it goes out in one mail.

    What was tried as often or has been due as long as its channel's schedule allows, or was overtaken by newer news, is buried on
    the way. `note` hears what is claimed before the claim holds, so that no kill comes between the two.
    """
    claimed: list[Claimed] = []
    while not claimed:
        with transaction.atomic():
            claimed, looked_at = _claim_once(now, limit, channel, without, digest, after)
            note(claimed)
        if not looked_at:
            break
    return claimed


def _claim_once(
    now: datetime, limit: int, channel: str, without: Collection[str], digest: bool, after: Place | None
) -> tuple[list[Claimed], int]:
    """(claimed, how many were due)"""
    pace, limit = paces.granted(channel, "", limit, now)
    rows = list(_found(now, limit, channel, without, digest, after))
    paces.spend(pace, _mails(rows, digest))
    notifications = Notification.objects.in_bulk({row[1] for row in rows})
    found = [Claimed(row[0], notifications[row[1]], *row[2:]) for row in rows]
    rest = _bury_hopeless(found, now)
    overtaken = _overtaken(rest, now)
    if overtaken:
        Delivery.objects.filter(pk__in=overtaken).update(state=DeliveryState.SUPERSEDED, last_error=OVERTAKEN)
        rest = [delivery for delivery in rest if delivery.pk not in overtaken]
    # The last error is cleared: an attempt without one is an attempt whose end nobody knows.
    until = now + LEASE
    Delivery.objects.filter(among([delivery.pk for delivery in rest])).update(
        lease_until=until, attempt=F("attempt") + 1, last_error=""
    )
    for delivery in rest:
        delivery.attempt, delivery.lease_until = delivery.attempt + 1, until
    return sorted(rest, key=lambda delivery: (delivery.notification.record_seq, delivery.pk)), len(found)


def _found(
    now: datetime, limit: int, channel: str, without: Collection[str], digest: bool, after: Place | None
) -> Iterator[_Row]:
    """Due rows, locked: those of domains with a cap as far as it reaches, then all others."""
    waiting = due(now).filter(digest=digest).exclude(notification_id__in=stopped())
    if channel:
        waiting = waiting.filter(channel=channel)
    rows = waiting.order_by("due_at", "pk").values_list(*_COLUMNS)
    resting = {*without, *(paces.quiet_domains(channel, now) if channel else ())}
    capped = paces.capped_domains(channel)
    for domain in capped:
        if domain in resting or limit <= 0:
            continue
        pace, share = paces.granted(channel, domain, limit, now)
        taken = _locked(rows.filter(domain=domain), share, digest, now) if share else []
        paces.spend(pace, _mails(taken, digest))
        limit -= len(taken)
        yield from taken
    if limit > 0:
        left_out = [*resting, *capped]
        rows = rows.filter(_behind(after)) if after else rows
        yield from _locked(rows.exclude(domain__in=left_out) if left_out else rows, limit, digest, now)


def _locked(rows: QuerySet[Delivery, _Row], limit: int, digest: bool, now: datetime) -> list[_Row]:
    """The first of them, locked; of digests all that wait for their readers, who are locked before, so that no two senders share
    what goes out in one mail."""
    locked = rows.select_for_update(skip_locked=True)
    if not digest:
        return list(locked[:limit])
    first = list(rows[:limit])
    wanted = Subscriber.objects.filter(among({row[2] for row in first})).select_for_update(skip_locked=True, no_key=True)
    mine = list(wanted.order_by("pk").values_list("pk", flat=True)) if first else []
    if not mine:
        return []
    # By both columns of the one index that names subscribers.
    lately = list(Notification.objects.filter(created_at__gt=now - DIGESTS_REACH).exclude(thread="").values_list("pk", flat=True))
    of_mine = locked.filter(subscriber__in=mine)
    found = [*of_mine.filter(among([row[0] for row in first])), *of_mine.filter(notification__in=lately)]
    return list({row[0]: row for row in found}.values())


def _mails(rows: Sequence[_Row], digest: bool) -> int:
    return len({row[2] for row in rows}) if digest else len(rows)


def _behind(place: Place) -> RawSQL:
    """As one comparison of both values, so that the index of what is due is entered there and not read from its start."""
    at = connection.ops.adapt_datetimefield_value(place[0])
    return RawSQL("(due_at, id) > (%s, %s)", [at, place[1]], output_field=BooleanField())


def reached(claimed: Sequence[Claimed], channel: str) -> Place | None:
    """Where a claim ended; None when that says nothing: there was nothing, or domains with a cap were asked by themselves."""
    places = [(one.due_at, one.pk) for one in claimed if one.due_at]
    return max(places) if places and not paces.capped_domains(channel) else None


def stopped() -> list[int]:
    """Notifications that staff stopped, while some of their deliveries still wait to be cancelled."""
    return list(Notification.objects.filter(stopped_at__isnull=False, cleared_at__isnull=True).values_list("pk", flat=True))


def _bury_hopeless(due: Sequence[Claimed], now: datetime) -> list[Claimed]:
    """Those still worth a try; the others become dead."""
    ends: dict[str, list[int]] = defaultdict(list)
    for delivery in due:
        schedule = schedule_of(delivery.channel)
        if delivery.attempt >= schedule.attempts:
            ends[f"tried {schedule.attempts} times"].append(delivery.pk)
        elif delivery.wanted_at <= now - schedule.give_up_after:
            ends[f"not sent within {schedule.give_up_after // timedelta(hours=1)} hours"].append(delivery.pk)
    for why, keys in ends.items():
        Delivery.objects.filter(pk__in=keys).update(state=DeliveryState.DEAD, last_error=why)
    buried = {key for keys in ends.values() for key in keys}
    return [delivery for delivery in due if delivery.pk not in buried] if buried else list(due)


def _overtaken(due: Sequence[Claimed], now: datetime) -> set[int]:
    """Updates whose subscriber was told a newer one of the same thread, or for whom a newer one is due as well.

    Never one whose sender died with it in hand: it may be on its way, and losing it is worse than sending it twice.
    """
    newest = _newest_of_threads(due)
    waiting = [
        delivery
        for delivery in due
        if delivery.notification.record_seq < newest.get(_thread_of(delivery), 0)
        and (delivery.last_error or (delivery.attempt == 0 and delivery.notification.kind in OVERTAKING))
    ]
    if not waiting:
        return set()  # the usual claim: nothing newer was ever said
    newer = Delivery.objects.filter(
        subscriber__in={delivery.subscriber_id for delivery in waiting},
        notification__thread__in={delivery.notification.thread for delivery in waiting},
        notification__kind__in=OVERTAKING | STATES,
    )
    newer = newer.filter(state=DeliveryState.SENT) | newer.filter(
        state=DeliveryState.PENDING, due_at__lte=now, notification__stopped_at__isnull=True
    )
    told: dict[tuple[int, tuple[str, str]], int] = defaultdict(int)
    for subscriber, kind, thread, seq in newer.values_list(
        "subscriber_id", "notification__kind", "notification__thread", "notification__record_seq"
    ):
        told[subscriber, (kind, thread)] = max(seq, told[subscriber, (kind, thread)])
    return {
        delivery.pk
        for delivery in waiting
        if told[delivery.subscriber_id, _thread_of(delivery)] > delivery.notification.record_seq
    }


def _thread_of(delivery: Claimed) -> tuple[str, str]:
    return delivery.notification.kind, delivery.notification.thread


def _newest_of_threads(due: Sequence[Claimed]) -> dict[tuple[str, str], int]:
    """{(kind, thread): the number of its last entry that is told}"""
    threads = {delivery.notification.thread for delivery in due if delivery.notification.kind in OVERTAKING | STATES} - {""}
    if not threads:
        return {}
    told = Notification.objects.filter(thread__in=threads, kind__in=OVERTAKING | STATES, stopped_at=None)
    return {
        (kind, thread): seq
        for kind, thread, seq in told.values_list("kind", "thread").annotate(last=Max("record_seq")).order_by()
    }


# --- What came of it -----------------------------------------------------------------------------


def record_success(deliveries: Sequence[Claimed], *, now: datetime) -> int:
    """Mark as sent what this sender sent; rows that someone else has claimed since stay as they are. Answers how many."""
    if not deliveries:
        return 0
    told = sorted({delivery.notification.pk for delivery in deliveries})
    log.info("Sent: %s of %s.", len(deliveries), told, extra={"sent": len(deliveries), "notifications": told})
    if named := [Delivery(pk=delivery.pk, reference=delivery.reference) for delivery in deliveries if delivery.reference]:
        Delivery.objects.bulk_update(named, ["reference"])
    return mark_sent(by_attempt((delivery.pk, delivery.attempt) for delivery in deliveries), now=now)


def by_attempt(pairs: Iterable[tuple[int, int]]) -> Mapping[int, list[int]]:
    """{attempt: keys of deliveries} from (key, attempt)."""
    found: dict[int, list[int]] = defaultdict(list)
    for key, attempt in pairs:
        found[attempt].append(key)
    return found


def mark_sent(keys: Mapping[int, list[int]], *, now: datetime) -> int:
    """`keys` of deliveries, by the attempt that was theirs."""
    return sum(
        Delivery.objects.filter(among(some), attempt=attempt, state=DeliveryState.PENDING).update(
            state=DeliveryState.SENT, sent_at=now, lease_until=None, last_error=""
        )
        for attempt, some in _in_parts(keys)
    )


def _in_parts(keys: Mapping[int, list[int]]) -> Iterator[tuple[int, list[int]]]:
    for attempt, some in keys.items():
        for at in range(0, len(some), KEYS_AT_ONCE):
            yield attempt, some[at : at + KEYS_AT_ONCE]


def record_failure(delivery: Claimed, error: TransportError, *, now: datetime) -> None:
    """As record_failures, for one."""
    record_failures([(delivery, error)], now=now)


def record_failures(failed: Sequence[tuple[Claimed, TransportError]], *, now: datetime) -> None:
    """Due again later, or dead: after a permanent refusal, or where its channel's schedule has no further try, or none so late.

    All in one go: a domain that refuses many must not hold up the mails of others with a wait for each.
    """
    if not failed:
        return
    ends = [_failed(delivery, error, now) for delivery, error in failed]
    with connection.cursor() as cursor, transaction.atomic():
        cursor.executemany(
            f"UPDATE {_TABLE} SET state = %s, due_at = %s, lease_until = NULL, last_error = %s "  # noqa: S608  a name of ours
            "WHERE id = %s AND attempt = %s AND state = 'pending'",
            ends,
        )


def _failed(delivery: Claimed, error: TransportError, now: datetime) -> tuple[str | int | None, ...]:
    """What becomes of it, and which row it is."""
    schedule, chance = schedule_of(delivery.channel), random.random()  # noqa: S311
    again = retry_at(attempt=delivery.attempt, now=now, chance=chance, asked=error.retry_after, schedule=schedule)
    over = again > delivery.wanted_at + schedule.give_up_after
    dead = error.permanent or delivery.attempt >= schedule.attempts or over
    log.info("Delivery %d failed (attempt %d%s): %s", delivery.pk, delivery.attempt, ", given up" if dead else "", error)
    state = DeliveryState.DEAD if dead else DeliveryState.PENDING
    at = connection.ops.adapt_datetimefield_value(again)
    return state.value, at, (str(error) or "unknown")[:300], delivery.pk, delivery.attempt


def give_back(deliveries: Sequence[Claimed]) -> None:
    """What was claimed and not tried waits again, as if it had not been claimed."""
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for delivery in deliveries:
        alike[delivery.attempt, delivery.last_error].append(delivery.pk)
    for (attempt, last_error), keys in alike.items():
        Delivery.objects.filter(pk__in=keys, attempt=attempt, state=DeliveryState.PENDING).update(
            lease_until=None, attempt=attempt - 1, last_error=last_error
        )


def drop(deliveries: Sequence[Claimed], *, why: str) -> None:
    """They are not sent any more: who they were for has left."""
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries], state=DeliveryState.PENDING).update(
        state=DeliveryState.SUPERSEDED, last_error=why, lease_until=None
    )


def release(keys: Mapping[int, list[int]], *, until: datetime, now: datetime) -> None:
    """Whose lease it is (`until`) is dead: due again at once. The attempt counts, since one of them may be what killed it."""
    for attempt, some in _in_parts(keys):
        Delivery.objects.filter(among(some), attempt=attempt, state=DeliveryState.PENDING, lease_until=until).update(
            lease_until=None, due_at=now
        )


def release_stuck(*, now: datetime) -> int:
    """Leases that ran out: their sender is taken for dead. They are due again, after the last try dead. Answers how many."""
    stuck = Delivery.objects.filter(lease_until__lte=now, state=DeliveryState.PENDING)
    if not stuck.exists():
        return 0  # the usual second: nothing is written
    buried = sum(
        rows.filter(attempt__gte=schedule.attempts).update(
            state=DeliveryState.DEAD, lease_until=None, last_error=f"{schedule.attempts} senders ended with it in hand"
        )
        for schedule, rows in _by_schedule(stuck)
    )
    return buried + stuck.update(lease_until=None, due_at=now)


def _by_schedule(rows: QuerySet[Delivery]) -> Iterator[tuple[Schedule, QuerySet[Delivery]]]:
    for channel, schedule in OF_CHANNELS.items():
        yield schedule, rows.filter(channel=channel)
    yield schedule_of(""), rows.exclude(channel__in=list(OF_CHANNELS))


def soon(*, now: datetime, within: timedelta) -> QuerySet[Delivery]:
    """What is new and falls due so soon that a sender should wait for it; what failed before need not be that exact.

    What fell due this very second counts too: it may have done so after the sender looked for it.
    """
    moment = {"due_at__gt": now - timedelta(seconds=1), "due_at__lte": now + within}
    return Delivery.objects.filter(state=DeliveryState.PENDING, lease_until=None, attempt=0, **moment)
