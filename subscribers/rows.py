"""What a sender holds: a few plain values of each row. Rows of the models take several times as long to make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from subscribers.models import Notification, Subscriber


@dataclass(slots=True, eq=False)
class Claimed:
    """A Delivery that this sender may send until `lease_until`. `reference`: the other side's name of it, once it is sent."""

    pk: int
    notification: Notification
    subscriber_id: int
    domain: str
    attempt: int
    wanted_at: datetime
    digest: bool
    last_error: str
    due_at: datetime | None = None
    channel: str = ""
    reference: str = ""
    lease_until: datetime | None = None


class Reader(NamedTuple):
    """A Subscriber, as far as a parcel needs one."""

    pk: int
    public_id: str
    channel: str
    address_encrypted: str
    address_hash: str
    domain: str
    language: str


def readers(keys: Iterable[int]) -> Mapping[int, Reader]:
    """Those of them who hear of us now, by row id."""
    rows = Subscriber.objects.active().filter(among(set(keys))).values_list(*Reader._fields)
    return {row[0]: Reader._make(row) for row in rows}


def among(keys: Collection[int]) -> Any:
    """For `filter`: rows of these ids. PostgreSQL gets them as one value: to bind hundreds of them costs more than the rows."""
    if connection.vendor != "postgresql":
        return Q(pk__in=keys)
    return RawSQL("id = ANY(%s::bigint[])", [list(keys)], output_field=BooleanField())
