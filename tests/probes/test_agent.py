"""An agent needs only the broker: a real one, on Valkey and on Redis, with a database address that nothing answers."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery import Celery

from probes.outcome import Task
from tests import servers
from tests.copies import ROOT, wait_for

pytestmark = pytest.mark.broker


class Fine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def target() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Fine)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def dispatcher(broker_url: str) -> Iterator[Celery]:
    """The other side of the broker: sends batches, reads outcomes."""
    app = Celery("dispatcher", broker=broker_url, set_as_current=False)
    app.conf.update(broker_transport_options={"global_keyprefix": "hali:"}, task_serializer="json", accept_content=["json"])
    yield app
    app.close()


@pytest.fixture
def agent(broker_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HALI_AGENT": "nairobi",
        "HALI_DATA_DIR": str(tmp_path),
        "REDIS_URL": broker_url,
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/nowhere",
    }
    command = [sys.executable, "-m", "statuspage.worker", "--name", "agent", "--queues", "probes.nairobi", "--pool", "threads"]
    with (tmp_path / "agent.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait()


def outcomes(broker_url: str) -> list[Any]:
    """Take the messages that wait in the queue core."""
    found = []
    with servers.client(broker_url) as connection:
        while raw := connection.lpop("hali:core"):
            found.append(json.loads(base64.b64decode(json.loads(raw)["body"])))
    return found


def test_an_agent_runs_a_batch_without_any_database(
    dispatcher: Celery, agent: subprocess.Popen[bytes], target: str, broker_url: str
) -> None:
    now = int(time.time())
    tasks = [
        Task(probe_id=1, code="page", kind="http", spec={"url": target}, interval=60, timeout=5, slot=now),
        Task(probe_id=2, code="nobody", kind="http", spec={"url": "http://127.0.0.1:1/"}, interval=60, timeout=5, slot=now),
        Task(probe_id=3, code="odd", kind="no-such-kind", spec={}, interval=60, timeout=5, slot=now),
    ]
    dispatcher.send_task(
        "probes.tasks.run_batch", args=["nairobi", [task.as_message() for task in tasks]], queue="probes.nairobi"
    )
    [message] = wait_for("the outcomes", lambda: outcomes(broker_url))
    (vantage, reports), _, _ = message
    assert vantage == "nairobi"
    assert [(report["probe_id"], report["status"]) for report in reports] == [(1, "ok"), (2, "down"), (3, "misconfigured")]
    assert reports[0]["total_us"] > 0
    assert reports[1]["error_class"] == "refused"
    assert agent.poll() is None


def test_a_batch_that_comes_too_late_says_nothing_about_the_target(
    dispatcher: Celery, agent: subprocess.Popen[bytes], target: str, broker_url: str
) -> None:
    late = Task(probe_id=1, code="page", kind="http", spec={"url": target}, interval=5, timeout=5, slot=int(time.time()) - 60)
    dispatcher.send_task("probes.tasks.run_batch", args=["nairobi", [late.as_message()]], queue="probes.nairobi")
    [message] = wait_for("the outcomes", lambda: outcomes(broker_url))
    assert message[0][1][0]["status"] == "skipped"


def test_a_slow_probe_holds_back_no_other_of_its_batch(
    dispatcher: Celery, agent: subprocess.Popen[bytes], target: str, broker_url: str
) -> None:
    now = int(time.time())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        tasks = [
            Task(probe_id=1, code="hangs", kind="http", spec=hangs, interval=60, timeout=4, slot=now),
            Task(probe_id=2, code="page", kind="http", spec={"url": target}, interval=60, timeout=4, slot=now),
        ]
        messages = [task.as_message() for task in tasks]
        dispatcher.send_task("probes.tasks.run_batch", args=["nairobi", messages], queue="probes.nairobi")
        [first] = wait_for("the fast one's outcome", lambda: outcomes(broker_url))
        [second] = wait_for("the slow one's outcome", lambda: outcomes(broker_url))
    assert [[report["probe_id"] for report in reports] for (_, reports), _, _ in (first, second)] == [[2], [1]]


def test_a_probe_never_overlaps_itself(dispatcher: Celery, agent: subprocess.Popen[bytes], target: str, broker_url: str) -> None:
    """The first run hangs beyond the next slot: that one is left out, and another probe of the same message is not."""
    now = int(time.time())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        first = Task(probe_id=1, code="hangs", kind="http", spec=hangs, interval=60, timeout=6, slot=now)
        other = Task(probe_id=2, code="page", kind="http", spec={"url": target}, interval=60, timeout=6, slot=now)
        again = replace(first, slot=now + 1)
        for tasks in ([first], [again, other]):
            messages = [task.as_message() for task in tasks]
            dispatcher.send_task("probes.tasks.run_batch", args=["nairobi", messages], queue="probes.nairobi")
            if tasks == [first]:
                held = silent.accept()[0]  # it is being asked
        found: dict[tuple[int, int], tuple[str, str]] = {}

        def all_there() -> bool:
            for (_, reports), _, _ in outcomes(broker_url):
                found.update({(one["probe_id"], one["slot"]): (one["status"], one["error_class"]) for one in reports})
            return len(found) == 3

        wait_for("three outcomes", all_there)
        held.close()
    assert found[1, now + 1] == ("skipped", "overlap")
    assert found[2, now] == ("ok", "")
    assert found[1, now][0] == "down"
