"""The prober `sql`: one number from a read-only query, against thresholds. PostgreSQL and SQLite.

Three locks keep it from changing anything: one statement that begins with SELECT or WITH, a read-only transaction that is rolled
back, and, where its owner is wise, a database user who may do no more.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import conninfo

from probes.outcome import Outcome, TargetError
from probes.probers import connections, credentials, limits, specs, thresholds
from probes.probers.runs import Failure, Run
from probes.probers.specs import Spec

KEYS = ("url", "query", *thresholds.KEYS, *limits.KEYS)
BEGINS = re.compile(r"\s*(select|with)\b", re.ASCII | re.IGNORECASE)
POSTGRESQL = ("postgres", "postgresql")
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.secret_name(spec.get("url"), "url")
    query = specs.text(spec, "query", required=True, at_most=4000)
    if not BEGINS.match(query):
        specs.refuse("query: begins with neither SELECT nor WITH; only reading is allowed.", None)
    if "\x00" in query:
        specs.refuse("query: holds a NUL character; take it out.", None)
    thresholds.validate(spec)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all. `url`: HALI_SECRET_<url>, postgres://… or sqlite:///…"""
    address, variable = credentials.secret(spec["url"]), f"HALI_SECRET_{spec['url']}"
    scheme = address.partition(":")[0]
    run = Run(timeout)
    try:
        if scheme in POSTGRESQL:
            value = _from_postgresql(spec["query"], run, _parameters(address, variable))
        elif scheme == "sqlite":
            value = _from_sqlite(spec["query"], run, _file(address, variable))
        else:
            raise TargetError(f"{variable}: give postgres://… or sqlite:///path.")
        number = _number(value)
    except Failure as failure:
        return run.failed(failure)
    return thresholds.outcome(spec, run, number)


def _number(value: Any) -> float:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and value == value:  # NaN is not itself
        return float(value)
    raise Failure("target", "query: gives no number in the first column of its first row; use coalesce(…, 0) or count(*)")


# --- PostgreSQL -----------------------------------------------------------------------------------


def _parameters(address: str, variable: str) -> dict[str, Any]:
    try:
        found = conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        raise TargetError(f"{variable}: is not an address of PostgreSQL; give postgres://user:password@host:port/name.") from None
    host = str(found.get("host") or "")
    if not host or "," in host or host.startswith("/") or "hostaddr" in found:
        raise TargetError(f"{variable}: give one host by its name or address, such as postgres://user@db.example/name.")
    credentials.remember(str(found.get("password") or ""))
    return dict(found)


def _from_postgresql(query: str, run: Run, parameters: dict[str, Any]) -> Any:
    port = int(parameters.get("port") or 5432)
    found = connections.resolve(run, str(parameters["host"]), port)
    parameters |= {
        "hostaddr": ",".join(str(address[0]) for _, address in found),  # those that were judged, not looked up again
        "host": ",".join([str(parameters["host"])] * len(found)),
        "port": port,
        "connect_timeout": max(2, int(run.left) + 1),  # libpq's least; `within` is more exact
        "application_name": "hali-probe",
        "options": f"-c default_transaction_read_only=on -c statement_timeout={max(1, int(run.left * 1000))}",
    }
    opened: list[psycopg.Connection[Any]] = []
    try:
        return connections.within(run.left, lambda: _read_postgresql(query, run, parameters, opened))
    except TimeoutError:
        _hang_up(opened)
        phase = "timeout_read" if "connect" in run.phases else "timeout_connect"
        raise Failure(phase, "no answer from the database in time") from None
    except psycopg.Error as error:
        raise _postgresql_failure(error, "connect" in run.phases) from None


def _read_postgresql(query: str, run: Run, parameters: dict[str, Any], opened: list[psycopg.Connection[Any]]) -> Any:
    with psycopg.connect(**parameters) as connection:
        opened.append(connection)
        run.mark("connect")
        connection.read_only = True
        # A prepared statement is one statement: "COMMIT; DROP …" is refused by the server.
        row = connection.execute(query.encode(), prepare=True).fetchone()
        connection.rollback()
        run.mark("ttfb")
        return row[0] if row else None


def _hang_up(opened: list[psycopg.Connection[Any]]) -> None:
    """So that the thread that waits for an answer ends too."""
    with suppress(OSError, psycopg.Error, IndexError), socket.socket(fileno=os.dup(opened[0].fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _postgresql_failure(error: psycopg.Error, is_connected: bool) -> Failure:
    """By the error's code: its words may hold values."""
    code = error.sqlstate or ""
    if code.startswith("28"):
        return Failure("credentials", "our user or password is refused")
    if code in {"57014", "25P03", "25P04"}:
        return Failure("deadline", "the query was not done in time")
    if code.startswith("25"):  # it writes, or would end the transaction that keeps it from writing
        return Failure("target", f"query: only reading is allowed (SQLSTATE {code})")
    if code == "42501":
        return Failure("credentials", "our user may not read this")
    if code.startswith(("42", "3D", "22", "0A", "26")):
        return Failure("target", f"query: the database refuses it (SQLSTATE {code})")
    if code:
        return Failure("status", f"the database answers SQLSTATE {code}")
    if is_connected:
        return Failure("refused", "the connection to the database was closed")
    return _unconnected(str(error))


def _unconnected(words: str) -> Failure:
    """libpq has no codes before the server speaks with us."""
    if "password authentication failed" in words or "no password supplied" in words or "pg_hba.conf" in words:
        return Failure("credentials", "our user or password is refused")
    if ("root certificate" in words and "does not exist" in words) or "could not read root certificate" in words:
        return Failure("target", "sslrootcert of the database's address: this agent cannot read the file it names")
    if "does not exist" in words:
        return Failure("target", "there is no such database or user")
    if "timeout expired" in words:
        return Failure("timeout_connect", "no connection in time")
    if "SSL" in words or "certificate" in words:
        return Failure("tls", "no secure connection to the database")
    if "starting up" in words or "shutting down" in words or "too many" in words or "remaining connection slots" in words:
        return Failure("status", "the database takes no connections now")
    return Failure("refused", "the connection to the database was refused")


# --- SQLite ---------------------------------------------------------------------------------------


def _file(address: str, variable: str) -> Path:
    path = unquote(urlsplit(address).path).removeprefix("/")
    if not address.startswith("sqlite:///") or not path:
        raise TargetError(f"{variable}: give sqlite:///path, with four slashes for an absolute one.")
    return Path(path)


def _from_sqlite(query: str, run: Run, path: Path) -> Any:
    if not path.is_file():
        raise Failure("refused", "there is no such database file on this agent")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=run.left)
    except sqlite3.Error:
        raise Failure("refused", "the database file cannot be opened") from None
    try:
        run.mark("connect")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
        connection.set_authorizer(lambda act, *rest: sqlite3.SQLITE_OK if act in _ALLOWED else sqlite3.SQLITE_DENY)
        connection.set_progress_handler(lambda: 1 if time.monotonic() > run.deadline else 0, 10_000)
        row = connection.execute(query).fetchone()
        run.mark("ttfb")
        return row[0] if row else None
    except sqlite3.ProgrammingError:
        raise Failure("target", "query: give one statement") from None
    except sqlite3.Error as error:
        raise _sqlite_failure(error, run) from None
    finally:
        connection.close()


def _sqlite_failure(error: sqlite3.Error, run: Run) -> Failure:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_INTERRUPT or run.is_over:
        return Failure("deadline", "the query was not done in time")
    if code == sqlite3.SQLITE_AUTH:
        return Failure("target", "query: it does more than reading")
    if code == sqlite3.SQLITE_ERROR:
        return Failure("target", "query: the database refuses it")
    return Failure("status", f"the database answers {getattr(error, 'sqlite_errorname', 'an error')}")
