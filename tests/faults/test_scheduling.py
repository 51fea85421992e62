"""Scheduling under faults, with real processes on PostgreSQL: each slot is run once, no transition is lost, lateness is told.

What was asked is counted at the target itself: a slot that ran twice would show there, whatever our rows say.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tests import servers
from tests.copies import ROOT, RunningCopy, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
SERVICE = "Savings and loans"
INTERVAL = 5
PROBES = 6
AWAY = 30.0  # seconds


class Target:
    """Counts what each path is asked. `is_failing`: it answers 500; `takes`: seconds before it answers."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.under_way = 0
        self.is_failing, self.takes = False, 0.0
        self._lock = threading.Lock()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.asked[request.path] += 1
            self.under_way += 1
        try:
            time.sleep(self.takes)
            request.send_response(500 if self.is_failing else 200)
            request.send_header("Content-Length", "0")
            request.end_headers()
        except OSError:  # whoever asked was killed
            pass
        finally:
            with self._lock:
                self.under_way -= 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class House:
    """A copy on PostgreSQL with a broker of its own, and probes of the counting target beside the demo's."""

    def __init__(self, folder: Path, database: servers.Server, broker: servers.Server, target: Target) -> None:
        self.database, self.broker, self.target = database, broker, target
        self.rows = servers.make_database(database.url, "copy")
        self.copy = RunningCopy(folder, {"DATABASE_URL": self.rows, "REDIS_URL": broker.url})
        self._definitions = folder.parent / "probes.yaml"
        self._stack = ExitStack()

    def start(self) -> None:
        self.copy.start(seconds=200)
        self.load()

    def stop(self) -> None:
        self._stack.close()
        self.copy.stop()

    def load(self) -> None:
        probes = "".join(
            f"  - code: count-{number}\n    spec:\n      url: {self.target.url}/count-{number}\n" for number in range(PROBES)
        )
        defaults = f"interval: {INTERVAL}, timeout: 4, vantages: [nairobi], component: savings, kind: http"
        self._definitions.write_text(f"defaults: {{{defaults}}}\nprobes:\n{probes}")
        loaded = self.copy.manage("load_probes", str(self._definitions))
        assert loaded.returncode == 0, loaded.stderr

    def start_another(self, *module: str) -> None:
        """One process more, beside those of the copy."""
        with (self.copy.folder / "another.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module], cwd=ROOT, env=self.copy.environment, stdout=log, stderr=log
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.rows, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def switch(self, *, on: bool) -> None:
        with psycopg.connect(self.rows, autocommit=True) as connection:
            connection.execute("UPDATE probes_probe SET enabled = %s WHERE code LIKE 'count-%%'", [on])

    def rests(self) -> tuple[Counter[str], Counter[str]]:
        """How often each path was asked and how many outcomes are kept, at a moment when nothing is under way."""
        self.switch(on=False)
        before: list[Any] = []

        def is_quiet() -> bool:
            now = [self.target.under_way, Counter(self.target.asked), self.outcomes()]
            before.append(now)
            return now[0] == 0 and before[-25:].count(now) == 25  # about five seconds: runs are sent out two ahead

        wait_for("nothing is asked any more", is_quiet, seconds=60)
        self.switch(on=True)
        return Counter(self.target.asked), self.outcomes()

    def forget(self) -> None:
        """The troubles of the test before: a third one in half an hour is rightly held for ten minutes."""
        with psycopg.connect(self.rows, autocommit=True) as connection:
            connection.execute(
                "DELETE FROM probes_probeverdict WHERE probe_id IN (SELECT id FROM probes_probe WHERE code LIKE 'count-%')"
            )

    def outcomes(self, where: str = "r.status <> 'skipped'") -> Counter[str]:
        """How many outcomes each counting probe has."""
        found = self.ask(
            "SELECT '/' || p.code, count(*) FROM probes_result r JOIN probes_probe p ON p.id = r.probe_id "
            f"WHERE p.code LIKE 'count-%' AND {where} GROUP BY p.code"
        )
        return Counter(dict(found))

    def has_seen(self, more: int) -> None:
        """Wait until every counting probe has so many outcomes more."""
        before = self.outcomes()
        wait_for(
            f"{more} outcomes more of each",
            lambda: all(self.outcomes()[path] >= before[path] + more for path in self.paths),
            seconds=120,
        )

    @property
    def paths(self) -> list[str]:
        return [f"/count-{number}" for number in range(PROBES)]

    def shows(self, *states: str) -> None:
        wait_for(f"{SERVICE} is {' or '.join(states)}", lambda: self.copy.component(SERVICE) in states, seconds=120)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        # Not in pytest's folder: that is closed to PostgreSQL's user again and again.
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hali-postgresql-")))
        database = servers.start_postgresql(folder)
        stack.callback(lambda: database.stop())
        broker = servers.start_valkey(tmp_path_factory.mktemp("valkey"))
        stack.callback(lambda: broker.stop())
        target = Target()
        stack.callback(target.close)
        found = House(tmp_path_factory.mktemp("house") / "copy", database, broker, target)
        stack.callback(found.stop)
        found.start()
        yield found


@pytest.fixture(autouse=True)
def _all_well(house: House) -> None:
    house.target.is_failing, house.target.takes = False, 0.0
    wait_for("everything is at work", house.copy.is_healthy, seconds=120)
    house.forget()
    house.shows("operational")


def at_most_once_each(house: House, asked: Counter[str], since: float) -> None:
    """No path was asked more often than it had slots since then."""
    slots = (time.time() - since) / INTERVAL + 2
    times = {path: house.target.asked[path] - asked[path] for path in house.paths}
    assert {path: count for path, count in times.items() if count > slots} == {}


def test_with_three_beats_and_three_dispatchers_every_slot_is_asked_once_and_kept_once(house: House) -> None:
    asked, kept = house.rests()  # what other faults lost is no part of this
    for number in (2, 3):
        house.start_another("statuspage.beat")
        house.start_another("statuspage.worker", "--queues", "core", "--concurrency", "2", "--name", f"worker{number}")
    house.has_seen(6)
    house.switch(on=False)
    try:
        wait_for(
            "nothing is asked any more and all is kept",
            lambda: house.outcomes() - kept == house.target.asked - asked,
            seconds=60,
        )
    finally:
        house.switch(on=True)


def test_an_agent_killed_in_the_middle_of_a_run_runs_no_slot_twice_and_loses_no_transition(house: House) -> None:
    house.target.takes = 0.5
    asked, since = Counter(house.target.asked), time.time()
    wait_for("a run is under way", lambda: house.target.under_way > 0)
    house.target.is_failing = True
    house.copy.kill("agent")
    wait_for("the agent is back", lambda: house.copy.is_back("agent"))
    house.shows("major_outage")
    house.target.is_failing = False
    house.shows("operational")
    at_most_once_each(house, asked, since)


def test_a_broker_that_is_restarted_runs_no_slot_twice_and_loses_no_transition(house: House) -> None:
    asked, since = Counter(house.target.asked), time.time()
    house.target.is_failing = True
    house.broker.kill()
    time.sleep(5)  # it is away, and everybody notices
    house.broker.start_again()
    house.shows("major_outage")
    house.target.is_failing = False
    house.shows("operational")
    at_most_once_each(house, asked, since)


def test_a_database_that_is_away_for_30_seconds_loses_no_transition_and_the_gap_is_told(house: House) -> None:
    asked, since = Counter(house.target.asked), time.time()
    house.database.stop()
    house.target.is_failing = True
    time.sleep(AWAY)
    assert house.copy.page("/"), "readers have their page"
    house.database.start_again()
    house.shows("major_outage")
    films = house.ask(
        "SELECT s.state->'film' FROM probes_probeschedule s JOIN probes_probe p ON p.id = s.probe_id WHERE p.code LIKE 'count-%'"
    )
    reach_back = [
        film["letters"] for (film,) in films if film["end"] - film["every"] * (len(film["letters"]) - 1) < since + AWAY / 2
    ]
    assert [letters for letters in reach_back if "..." not in letters] == [], "slots that were not run stand as no data"
    house.target.is_failing = False
    house.shows("operational")
    assert house.outcomes("r.status = 'down' AND r.http_status IS DISTINCT FROM 500") == Counter(), (
        "nothing of ours is told as theirs"
    )
    at_most_once_each(house, asked, since)
