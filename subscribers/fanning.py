"""Fan-out: the Deliveries of a Notification, in chunks that the database makes by itself.

A chunk is a range of subscriber ids and one INSERT ... SELECT; the cursor moves in the chunk's own transaction, so a fan-out that
is killed anywhere goes on there and makes nothing twice. It runs while the hold lasts: the first mail leaves when the hold ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When

from incidents.models import StatusChange
from subscribers import audience, items
from subscribers.items import Item
from subscribers.models import Delivery, DeliveryState, Notification, Rhythm, Subscriber
from subscribers.transports import TRANSPORTS

log = logging.getLogger(__name__)

CHUNK = 8_000  # subscribers looked at in one transaction: well below 0.2 s on PostgreSQL
LAST = 2**63 - 1
_ABOVE, _UP_TO = -(2**62), -(2**62) - 1  # stand for the ends of a chunk in a Plan's parameters

_COLUMNS = (
    "notification_id",
    "subscriber_id",
    "channel",
    "domain",
    "state",
    "attempt",
    "due_at",
    "wanted_at",
    "digest",
    "last_error",
    "reference",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all chunks of a Notification have in common: who hears of it, as one statement that takes long to write."""

    in_chunks: bool  # False for what only webhooks hear: they are few
    statement: str
    parameters: tuple[Any, ...]


def fan_out(*, now: datetime, limit: int = 20 * CHUNK, is_over: Callable[[], bool] = lambda: False) -> int:
    """Make the Deliveries of waiting Notifications, oldest first, and about `limit` at most; answers how many were made.

    `is_over` is asked after each chunk.
    """
    made, known = 0, dict[int, Plan | None]()
    while made < limit:
        step = _expand_chunk(now, known)
        if step is None:
            break
        made += step
        if is_over():
            break
    return made


def _expand_chunk(now: datetime, known: dict[int, Plan | None]) -> int | None:
    """One chunk of the oldest waiting Notification; None when none waits (or others hold them all). `known`: made before."""
    with transaction.atomic():
        _commit_without_waiting()
        notification = _waiting().select_for_update(skip_locked=True).order_by("id").first()
        if notification is None:
            return None
        if notification.pk not in known:
            document = items.document_of(notification.kind, notification.record_seq)
            known[notification.pk] = _plan(notification, items.item_of(document), now) if document else None
        plan, made, last = known[notification.pk], 0, None
        if plan is not None and notification.stopped_at is None:
            last = _end_of_chunk(notification.cursor) if plan.in_chunks else None
            made = _insert(plan, {_ABOVE: notification.cursor, _UP_TO: last or LAST})
        notification.cursor = last or notification.cursor
        notification.expanded_at = now if last is None else None
        notification.save(update_fields=["cursor", "expanded_at"])
    if last is None:
        told = {"entry": notification.record_seq, "notification": notification.pk}
        log.info("Entry %s is notification %s: all its deliveries exist.", *told.values(), extra=told)
    return made


def _waiting() -> QuerySet[Notification]:
    """A withdrawal waits for what it takes back, which another worker may hold: who reads that is known when all are listed."""
    unlisted = Notification.objects.filter(expanded_at__isnull=True)
    taken_back = unlisted.filter(
        thread=OuterRef("thread"), record_seq__lt=OuterRef("record_seq"), kind__in=["statement", "rebuttal"]
    )
    return unlisted.exclude(Exists(taken_back), kind="withdrawal")


def _commit_without_waiting() -> None:
    """Not for the disk: a crash of the database may undo the last chunks together with their cursor, and they are made again.

    None of them was told by then: a claim is a commit that waits, and takes with it whatever was committed before.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")


def _end_of_chunk(cursor: int) -> int | None:
    """The last id of the next chunk; None when it is the last one."""
    return Subscriber.objects.filter(pk__gt=cursor).order_by("pk").values_list("pk", flat=True)[CHUNK - 1 : CHUNK].first()


def _plan(notification: Notification, item: Item, now: datetime) -> Plan:
    """Deliveries for whoever of a chunk hears of it: confirmed before the publication."""
    between = (_ABOVE, _UP_TO)
    chosen = audience.recipients(item, between=between).filter(
        ~Exists(_made(notification, between)), confirmed_at__lte=item.published_at, channel__in=list(TRANSPORTS)
    )
    due_at = audience.quiet_until(item, notification.send_at)
    query, parameters = _rows(chosen, notification, due_at, _next_digest(now)).query.sql_with_params()
    columns = ", ".join(connection.ops.quote_name(column) for column in _COLUMNS)
    table = connection.ops.quote_name(Delivery._meta.db_table)
    return Plan(not isinstance(item.document, StatusChange), f"INSERT INTO {table} ({columns}) {query}", tuple(parameters))


def _insert(plan: Plan, ends: dict[int, int]) -> int:
    """The Deliveries of one chunk; answers how many."""
    parameters = [ends.get(value, value) if isinstance(value, int) else value for value in plan.parameters]
    with connection.cursor() as cursor:
        cursor.execute(plan.statement, parameters)
        return int(cursor.rowcount)


def _made(notification: Notification, between: tuple[int, int]) -> QuerySet[Delivery]:
    """Deliveries that a subscriber of these ids has already. Nobody adds any meanwhile: the Notification is locked. ON CONFLICT
    would say the same, and look through each index once more for every row."""
    rows = Delivery.objects.filter(notification=notification, subscriber__gt=between[0], subscriber__lte=between[1])
    return rows.filter(subscriber=OuterRef("pk"))


def _rows(
    chosen: QuerySet[Subscriber], notification: Notification, due_at: datetime, digest_at: datetime
) -> QuerySet[Subscriber, tuple[object, ...]]:
    """The chosen as rows of Delivery, in the order of _COLUMNS."""
    in_digest = models.Q(rhythm=Rhythm.DIGEST)
    when = Case(When(in_digest, then=Value(digest_at)), default=Value(due_at), output_field=models.DateTimeField())
    return chosen.order_by("pk").values_list(
        Value(notification.pk, output_field=models.BigIntegerField()),
        "pk",
        "channel",
        "domain",
        Value(DeliveryState.PENDING.value),
        Value(0),
        when,
        when,
        Case(When(in_digest, then=Value(True)), default=Value(False), output_field=models.BooleanField()),
        Value(""),
        Value("", output_field=models.CharField()),
    )


def _next_digest(now: datetime) -> datetime:
    """The next time the day's news goes out in one."""
    local = now.astimezone(ZoneInfo(settings.PAGE_TIME_ZONE))
    today = datetime.combine(local.date(), settings.DIGEST_AT, tzinfo=local.tzinfo)
    return today if today > local else datetime.combine(local.date() + timedelta(days=1), settings.DIGEST_AT, tzinfo=local.tzinfo)
