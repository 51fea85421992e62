"""Many rows in one short statement. The ORM's own ways take the processor three to six times as long, for each outcome."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import DateTimeField, JSONField, Model, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast


def insert_new(model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of these fields (their column values); those that a constraint already knows are left out."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(_quoted(field) for field in fields)
    _run(
        f"INSERT INTO {_table(model)} ({columns}) SELECT * FROM {_given(fields)} ON CONFLICT DO NOTHING",  # noqa: S608
        f"INSERT INTO {_table(model)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))}) ON CONFLICT DO NOTHING",  # noqa: S608
        fields,
        rows,
    )


def update(rows: Sequence[Any], names: Sequence[str], *, model: type[Model] | None = None) -> None:
    """Write these fields of the rows by their primary key: instances of one model, or what has its fields."""
    if not rows:
        return
    model = model or type(rows[0])
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    keyed = [*fields, model._meta.pk]
    columns = [_quoted(field) for field in fields]
    new = ", ".join(f"{column} = new.c{number}" for number, column in enumerate(columns))
    one = ", ".join(f"{column} = %s" for column in columns)
    _run(
        f"UPDATE {_table(model)} old SET {new} FROM {_given(keyed)} WHERE old.id = new.c{len(fields)}",  # noqa: S608
        f"UPDATE {_table(model)} SET {one} WHERE id = %s",  # noqa: S608
        keyed,
        [[getattr(row, field.attname) for field in keyed] for row in rows],
    )


def ids(values: Sequence[int]) -> RawSQL:
    """Many primary keys as one parameter: `filter(pk__in=ids(values))`. A placeholder for each costs more than the query."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", ["{" + ",".join(map(str, values)) + "}"])  # as a list it is looked through
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(list(values))])


# --- Columns read as text: of many rows, each costs less to read here than on Django's way -----------------------------------


def text_of(name: str) -> Cast:
    """The field as text, for `values_list`."""
    return Cast(name, TextField())


@lru_cache(maxsize=4096)
def json_in(text: str) -> Any:
    """What that of a JSON field says: the same object each time, for reading only."""
    return json.loads(text)


def moment_in(text: str | None) -> datetime | None:
    """What that of a moment says. SQLite keeps no zone: all is UTC."""
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- Statements ------------------------------------------------------------------------------------------------------------


def _run(on_postgresql: str, for_each: str, fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> None:
    """PostgreSQL takes each column as one array; SQLite, which is in this process, takes the rows one after another."""
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.executemany(for_each, _prepared(fields, rows))
        return
    columns = [_array(field, values) for field, values in zip(fields, zip(*rows, strict=True), strict=True)]
    with _beside() as cursor:
        cursor.execute(on_postgresql, columns)


def _beside() -> Any:
    """A cursor that sends values beside the statement. Django's own writes them into it, at a cost where they are long."""
    from django.db.backends.postgresql.base import ServerBindingCursor  # SQLite's processes have no psycopg

    connection.ensure_connection()
    made: Any = ServerBindingCursor
    raw = made(connection.connection)
    return connection.make_debug_cursor(raw) if connection.queries_logged else connection.make_cursor(raw)


def _given(fields: Sequence[Any]) -> str:
    """The rows as `new`, whose columns are c0, c1 and so on."""
    arrays = ", ".join(f"%s::{_type(field)}[]" for field in fields)
    return f"unnest({arrays}) new({', '.join(f'c{number}' for number in range(len(fields)))})"


def _type(field: Any) -> str:
    """Without a length: a cast cuts what is too long, storing it is an error."""
    kind = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    return re.sub(r"\(.*\)", "", kind)


_as_json = json.JSONEncoder(separators=(",", ":")).encode


def _array(field: Any, values: Iterable[Any]) -> str:
    """PostgreSQL's own text of an array: half the work of any list that is looked through for us, here and there."""
    if isinstance(field, JSONField):
        values = [None if value is None else _as_json(value) for value in values]
    values = list(values)
    items = {value: _item(value) for value in set(values)}  # in most columns many are alike
    return "{" + ",".join([items[value] for value in values]) + "}"


def _item(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else f'"{value}"' if isinstance(value, datetime) else str(value)


def _prepared(fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    special = {
        number: field.get_db_prep_save for number, field in enumerate(fields) if isinstance(field, (JSONField, DateTimeField))
    }
    own = connections[DEFAULT_DB_ALIAS]  # `connection` looks it up anew for each value
    found = [list(row) for row in rows]
    for row in found:
        for number, prepare in special.items():
            row[number] = prepare(row[number], own)
    return found


def _quoted(field: Any) -> str:
    return connection.ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
