"""PostgreSQL keeps results in a table a UTC day, made ahead and dropped whole; SQLite has one table, and nothing to do here.

A row whose day has no table yet lies in the rest, and moves when the table is made: nothing is ever refused for its day.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import OperationalError, connection, transaction

DAY = 86400
AHEAD = 7  # days
_TABLE, _REST = "probes_result", "probes_result_rest"


def are_used() -> bool:
    return connection.vendor == "postgresql"


def name_of(day: int) -> str:
    """The table of the UTC day that begins at `day` (epoch seconds)."""
    return f"{_TABLE}_{datetime.fromtimestamp(day, UTC):%Y%m%d}"


def days() -> list[int]:
    """The days that have a table, as epoch seconds, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass AND child.relname <> %s",
            [_TABLE, _REST],
        )
        dates = [str(name).removeprefix(f"{_TABLE}_") for (name,) in cursor.fetchall()]
    return sorted(int(datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC).timestamp()) for date in dates)


def make_ahead(*, now: int) -> list[int]:
    """Make the tables of today and the next days where they are missing, and answer their days."""
    today = now - now % DAY
    missing = sorted({today + number * DAY for number in range(AHEAD + 1)} - set(days()))
    for day in missing:
        _make(day)
    return missing


def _make(day: int) -> None:
    """Made beside the others and attached, so that recorders go on; only those who write to the rest wait."""
    name, bounds = name_of(day), [day, day + DAY]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {_REST} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {name} (LIKE {_TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {_REST} WHERE slot >= %s AND slot < %s RETURNING *)"  # noqa: S608  a name of ours
            f" INSERT INTO {name} SELECT * FROM moved",
            bounds,
        )
        cursor.execute(f"ALTER TABLE {_TABLE} ATTACH PARTITION {name} FOR VALUES FROM ({day}) TO ({day + DAY})")


def drop_before(*, slot: int, patience_ms: int = 2000) -> list[int]:
    """Drop the tables of days that ended at or before `slot`, and answer these days.

    Dropping waits for readers and makes recorders wait behind it: for `patience_ms` at most, then the next time tries again.
    """
    dropped = []
    for day in days():
        if day + DAY > slot:
            break
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {int(patience_ms)}")
                cursor.execute(f"DROP TABLE {name_of(day)}")
        except OperationalError:
            break
        dropped.append(day)
    return dropped


def prune_rest(*, before: int, limit: int) -> int:
    """Delete results of slots before `before` that have no day of their own, at most `limit`; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {_REST} WHERE ctid IN (SELECT ctid FROM {_REST} WHERE slot < %s LIMIT %s)",  # noqa: S608
            [before, limit],
        )
        return int(cursor.rowcount)
