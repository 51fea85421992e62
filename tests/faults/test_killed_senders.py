"""Senders killed with -9 again and again, the broker and the database restarted: every reader gets the mail.

TEST_OUTBOX=full sends 20,000 mails with a kill every 5 seconds; otherwise 1,500 with a kill every 2. On a busy machine a killed
sender needs longer to start than that, so a kill also waits until some mails have arrived since the one before.
"""

from __future__ import annotations

import os
import random
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests import servers
from tests.copies import ROOT, free_port, wait_for
from tests.servers import Server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
FULL = os.environ.get("TEST_OUTBOX") == "full"
MAILS, KILL_EVERY, RATE = (20_000, 5.0, 30_000) if FULL else (1_500, 2.0, 9_000)
BETWEEN_KILLS = 1_000 if FULL else 200  # mails that arrive before the next kill, at least
CONNECTIONS, SENDERS = 2, 2
COMMANDS = {
    "publisher": ["manage.py", "publisher"],
    **{
        f"worker{n}": ["-m", "statuspage.worker", "--queues", "notify", "--pool", "solo", "--name", f"w{n}"]
        for n in range(SENDERS)
    },
}


class Running:
    """Publisher and senders over real servers; what is killed is started again, as a supervisor would."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *COMMANDS[name]], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        psutil.Process(self.processes[name].pid).kill()
        self.processes[name].wait()
        self.start(name)

    def keep_up(self) -> None:
        """Who ended by itself (the database was away) is started again."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                self.start(name)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "valkey").mkdir()
    server = servers.start_valkey(tmp_path / "valkey")
    yield server
    server.stop()


@pytest.fixture
def database() -> Iterator[Server]:
    """In a folder that other test runs leave alone: its server is no user of ours."""
    with tempfile.TemporaryDirectory(prefix="hali-killed-", ignore_cleanup_errors=True) as folder:
        server = servers.start_postgresql(Path(folder))
        yield server
        server.stop()


@dataclass(frozen=True)
class Sink:
    """A mail server of its own process. `listed`: its file, a line `<recipient> <Message-ID>` for each mail it took."""

    port: int
    listed: Path

    def mails(self) -> list[tuple[str, str]]:
        lines = self.listed.read_text().splitlines() if self.listed.exists() else []
        return [(recipient, key) for recipient, key in map(str.split, lines)]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink(free_port(), tmp_path / "mails")
    command = [sys.executable, "-m", "tests.benchmarks.mail_sink", str(made.port), str(made.listed)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for("the sink listens", lambda: _listens(made.port), seconds=30)
        yield made
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=2).quit()
    except OSError:
        return False
    return True


@pytest.fixture
def running(tmp_path: Path, database: Server, broker: Server, sink: Sink) -> Iterator[Running]:
    environment = {
        **os.environ,
        "HALI_DATA_DIR": str(tmp_path),
        "DATABASE_URL": servers.make_database(database.url, "killed"),
        "REDIS_URL": broker.url,
        "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}",
        "HALI_SENDERS": str(SENDERS),
        "HALI_MAIL_CONNECTIONS": str(CONNECTIONS),
        "HALI_SEND_HOLD": "2",
        "HALI_SEND_RATES": f"email={RATE}",
        "HALI_LOG_LEVEL": "WARNING",
    }
    made = Running(tmp_path, environment)
    rows = [sys.executable, "-m", "tests.benchmarks.outbox_rows", str(MAILS)]
    subprocess.run(rows, cwd=ROOT, env=environment, check=True, timeout=600)
    for name in COMMANDS:
        made.start(name)
    yield made
    made.end()


def test_every_reader_gets_the_mail_whoever_is_killed(running: Running, broker: Server, database: Server, sink: Sink) -> None:
    kills = 0
    chance = random.Random(20240109)
    restarts, restarted = iter([broker, database]), []
    wait_for("the first mails", sink.mails, seconds=120)
    next_kill, seen = time.monotonic() + KILL_EVERY, 0
    limit = time.monotonic() + (600 if FULL else 400)
    while (told := len({recipient for recipient, _ in sink.mails()})) < MAILS:
        assert time.monotonic() < limit, f"{told} of {MAILS} after {kills} kills"
        time.sleep(0.2)  # between two looks
        running.keep_up()
        arrived = len(sink.mails())
        if time.monotonic() >= next_kill and arrived >= seen + BETWEEN_KILLS:  # on a busy machine they first have to start
            running.kill(chance.choice([name for name in COMMANDS if name.startswith("worker")]))
            kills += 1
            if kills >= 2 and (server := next(restarts, None)):
                server.stop()
                server.start_again()
                restarted.append(server)
            next_kill, seen = time.monotonic() + KILL_EVERY, arrived
    times = Counter(key for _, key in sink.mails())
    repeated = sum(count - 1 for count in times.values())
    assert restarted == [broker, database], f"{kills} kills were too few"
    assert len(times) == MAILS
    assert repeated <= (kills + 2) * CONNECTIONS, "one in flight a connection of whoever was killed"
