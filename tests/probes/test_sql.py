"""The prober sql, through `run`, against a real PostgreSQL and a real SQLite file. Whatever a query tries, nothing changes."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import run
from tests.probes.conftest import Listener
from tests.servers import make_database

Listen = Callable[..., Listener]
COUNT = "SELECT count(*) FROM payouts WHERE state = 'waiting'"


def probe(query: str = COUNT, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    whole = {"url": "LEDGER", "query": query, **(spec or {"delayed_above": 5})}
    return run(Task(1, "depth", "sql", whole, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


ROWS = "CREATE TABLE payouts (id integer, state text)"
FILL = "INSERT INTO payouts VALUES (1, 'waiting'), (2, 'waiting'), (3, 'done')"


@pytest.fixture(scope="module")
def ledger(postgresql: str) -> str:
    url = make_database(postgresql, "ledger")
    with psycopg.connect(url) as connection:
        connection.execute(ROWS)
        connection.execute(FILL)
    return url


@pytest.fixture
def pg(ledger: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HALI_SECRET_LEDGER", ledger)
    return ledger


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute(ROWS)
    connection.execute(FILL)
    connection.commit()
    connection.close()
    monkeypatch.setenv("HALI_SECRET_LEDGER", f"sqlite:///{path}")
    return path


@pytest.fixture(params=["pg", "lite"])
def either(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.mark.parametrize(
    ("limits", "status"),
    [({}, "ok"), ({"delayed_above": 1}, "delayed"), ({"down_above": 1}, "down"), ({"degraded_below": 3}, "degraded")],
)
def test_the_number_is_judged_by_the_thresholds(either: str, limits: dict[str, Any], status: str) -> None:
    outcome = probe(**limits)
    assert judged(outcome) == (status, "assertion" if status == "down" else "")
    assert outcome.evidence.startswith("2")
    assert outcome.total_us is not None


def test_a_number_may_have_places_and_come_from_with(either: str) -> None:
    assert probe("WITH x AS (SELECT 1.5 AS n) SELECT n FROM x").evidence.startswith("1.5 ")


def test_no_statement_changes_anything_in_postgresql(pg: str) -> None:
    tries = [
        "WITH gone AS (DELETE FROM payouts RETURNING 1) SELECT count(*) FROM gone",
        "SELECT 1; DELETE FROM payouts",
        "SELECT 1; COMMIT; SET default_transaction_read_only = off; DELETE FROM payouts",
        "SELECT id INTO stolen FROM payouts",
        "SELECT count(*) FROM payouts FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "select nextval('x')",
    ]
    assert {probe(query).status.value for query in tries} == {"misconfigured"}
    with psycopg.connect(pg) as connection:
        assert connection.execute("SELECT count(*) FROM payouts").fetchone() == (3,)
        assert connection.execute("SELECT to_regclass('stolen')").fetchone() == (None,)


def test_no_statement_changes_anything_in_sqlite(lite: Path, tmp_path: Path) -> None:
    tries = [
        "WITH x AS (SELECT 1) DELETE FROM payouts",
        "WITH x AS (SELECT 1) INSERT INTO payouts SELECT 9, 'x'",
        "SELECT 1; DELETE FROM payouts",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('/tmp/x')",
    ]
    assert {probe(query).status.value for query in tries} == {"misconfigured"}
    assert sqlite3.connect(lite).execute("SELECT count(*) FROM payouts").fetchone() == (3,)


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM payouts", "COPY payouts TO PROGRAM 'true'", "COMMIT", "; SELECT 1", "-- x\nDROP TABLE payouts", "selection"],
)
def test_what_does_not_begin_as_a_question_is_refused_unasked(query: str) -> None:
    outcome = probe(query)
    assert judged(outcome) == ("misconfigured", "target")
    assert "only reading is allowed" in outcome.evidence


@pytest.mark.parametrize(
    "query", ["SELECT 'planted'", "SELECT NULL", "SELECT 1 WHERE 1 = 0", "SELECT max(id) FROM payouts WHERE id > 99"]
)
def test_what_is_no_number_is_our_fault_and_is_not_repeated(either: str, query: str) -> None:
    outcome = probe(query)
    assert judged(outcome) == ("misconfigured", "target")
    assert "planted" not in outcome.evidence
    assert "gives no number" in outcome.evidence


def test_a_query_the_database_does_not_know_is_our_fault(either: str) -> None:
    assert judged(probe("SELECT count(*) FROM planted_table")) == ("misconfigured", "target")


@pytest.mark.parametrize("query", ["SELECT pg_sleep(30)::text::int"])
def test_a_long_query_ends_at_the_deadline_in_postgresql(pg: str, query: str) -> None:
    outcome = probe(query, timeout=0.5)
    assert outcome.status == "down"
    assert outcome.error_class in {"deadline", "timeout_read"}


def test_a_long_query_ends_at_the_deadline_in_sqlite(lite: Path) -> None:
    endless = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x"
    assert judged(probe(endless, timeout=0.3)) == ("down", "deadline")


def test_a_refused_user_is_our_fault_and_is_shown_nowhere(pg: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_LEDGER", pg.replace("hali@", "nobody-planted:planted-pw@"))
    outcome = probe()
    assert outcome.status == "misconfigured"
    assert "planted" not in repr(outcome)


def test_a_database_that_is_not_there_is_our_fault(pg: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_LEDGER", f"{pg}-planted")
    outcome = probe()
    assert judged(outcome) == ("misconfigured", "target")
    assert "planted" not in repr(outcome)


def test_nobody_listening_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HALI_SECRET_LEDGER", f"postgres://hali@127.0.0.1:{unused.getsockname()[1]}/ledger")
        assert judged(probe()) == ("down", "refused")


def _drip(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"N")


@pytest.mark.parametrize("act", [lambda connection, over: over.wait(), _drip])
def test_a_server_that_says_nothing_does_not_outlive_the_deadline(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, act: Any
) -> None:
    monkeypatch.setenv("HALI_SECRET_LEDGER", f"postgres://hali@127.0.0.1:{listen(act).port}/ledger?sslmode=disable")
    outcome = probe(timeout=0.3)
    assert outcome.status == "down"


def test_an_address_this_agent_may_not_ask_is_not_connected_to(
    settings: Any, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    listener = listen(answer=b"N")
    for host in ("127.0.0.1", "localhost"):
        monkeypatch.setenv("HALI_SECRET_LEDGER", f"postgres://hali@{host}:{listener.port}/ledger")
        assert judged(probe()) == ("misconfigured", "target")
    assert listener.heard == []


def test_a_file_that_is_not_there_is_down_and_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_LEDGER", f"sqlite:///{tmp_path}/nowhere.sqlite3")
    assert judged(probe()) == ("down", "refused")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "mysql://planted",
        "postgres:///ledger",
        "postgres://h/x?planted=1",
        "postgres://a,b/x",
        "sqlite:planted",
        "postgres:///x?host=/tmp",
    ],
)
def test_an_address_that_is_none_is_named_by_its_variable_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HALI_SECRET_LEDGER", url)
    outcome = probe()
    assert judged(outcome) == ("misconfigured", "target")
    assert outcome.evidence.startswith("HALI_SECRET_LEDGER: ")
    assert "planted" not in outcome.evidence


def test_a_threshold_is_needed() -> None:
    spec = {"url": "LEDGER", "query": COUNT}
    outcome = run(Task(1, "depth", "sql", spec, interval=60, timeout=1, slot=0))
    assert outcome.evidence.startswith("there is no threshold")
