"""Rows that nobody changes or deletes, kept so by the database itself. Called by a migration."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

_FUNCTION = """
CREATE OR REPLACE FUNCTION hali_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


def install(connection: BaseDatabaseWrapper, table: str) -> None:
    """Refuse UPDATE, DELETE and, where there is one, TRUNCATE on the table: each raises IntegrityError."""
    with connection.cursor() as cursor:
        for statement in _statements(connection.vendor, table):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper, table: str) -> None:
    """For a migration backwards, and for tests that empty their tables."""
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in _names(connection.vendor, table):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def is_installed(connection: BaseDatabaseWrapper, table: str) -> bool:
    catalogue = {
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
    }
    with connection.cursor() as cursor:
        cursor.execute(catalogue[connection.vendor], [table])
        return {name for (name,) in cursor.fetchall()} >= set(_names(connection.vendor, table))


def _names(vendor: str, table: str) -> list[str]:
    acts = ("update", "delete", "truncate") if vendor == "postgresql" else ("update", "delete")
    return [f"{table}_no_{act}" for act in acts]


def _statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        rows = [
            f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} FOR EACH ROW EXECUTE FUNCTION hali_append_only()"
            for act in ("update", "delete")
        ]
        whole = f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION hali_append_only()"
        return [_FUNCTION, *rows, whole]
    return [
        f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("update", "delete")
    ]
