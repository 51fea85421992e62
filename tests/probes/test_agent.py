"""An agent needs only the broker and its key: a real one, on Valkey and on Redis, and a database address that nothing answers."""

from __future__ import annotations

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis
from celery import Celery

from probes import signed_batches, vantages
from probes.outcome import Task
from probes.signed_batches import Batch
from tests import servers
from tests.copies import ROOT, wait_for
from tests.probes import gateways
from tests.probes.test_flow import example

pytestmark = [pytest.mark.long, pytest.mark.broker]
KEY = signed_batches.new_key()
SHARED = "mombasa"  # the vantage of the agent that all tests share
QUEUE = f"probes.{SHARED}"


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


@pytest.fixture(scope="module", params=["valkey", "redis"])
def broker_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One of each for all tests here."""
    if request.param == "redis":
        yield str(request.getfixturevalue("redis_server"))
        return
    server = servers.start_valkey(tmp_path_factory.mktemp("valkey"))
    yield server.url
    server.stop()


@pytest.fixture
def dispatcher(broker_url: str) -> Iterator[Celery]:
    """The other side of the broker: sends batches, reads outcomes."""
    app = Celery("dispatcher", broker=broker_url, set_as_current=False)
    app.conf.update(broker_transport_options={"global_keyprefix": "hali:"}, task_serializer="json", accept_content=["json"])
    with servers.client(broker_url) as connection:
        connection.delete("hali:core")  # what another test left, perhaps under another key
    yield app
    app.close()


@pytest.fixture(scope="module")
def agent(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """It goes on from test to test, as one does for months."""
    with started_agent(broker_url, tmp_path_factory.mktemp("agent"), vantage=SHARED) as process:
        yield process


@contextmanager
def started_agent(broker_url: str, tmp_path: Path, *, vantage: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HALI_AGENT": vantage,
        "HALI_AGENT_KEY": KEY,
        "HALI_SECRET_BANK_KEY": gateways.SECRETS["BANK_KEY"],
        "HALI_DATA_DIR": str(tmp_path),
        "REDIS_URL": broker_url,
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/nowhere",
    }
    command = [sys.executable, "-m", "statuspage.worker", "--name", "agent", "--queues", f"probes.{vantage}", "--pool", "threads"]
    with (tmp_path / "agent.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def outcomes(broker_url: str) -> list[Batch]:
    """Take the batches that wait in the queue core; their signatures are checked as the core does."""
    found = []
    with servers.client(broker_url) as connection:
        while raw := connection.lpop("hali:core"):
            (vantage, payload, signature), _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))
            public_key = signed_batches.public_key_of(KEY)
            found.append(signed_batches.unpack(payload, signature, vantage=vantage, public_key=public_key))
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
    dispatcher.send_task("probes.agent_tasks.run_batch", args=[SHARED, [task.as_message() for task in tasks]], queue=QUEUE)
    [batch] = wait_for("the outcomes", lambda: outcomes(broker_url))
    reports = batch.reports
    assert batch.vantage == SHARED
    assert [(report["probe_id"], report["status"]) for report in reports] == [(1, "ok"), (2, "down"), (3, "misconfigured")]
    assert reports[0]["total_us"] > 0
    assert reports[1]["error_class"] == "refused"
    assert agent.poll() is None


def test_a_batch_that_comes_too_late_says_nothing_about_the_target(
    dispatcher: Celery, agent: subprocess.Popen[bytes], target: str, broker_url: str
) -> None:
    late = Task(probe_id=1, code="page", kind="http", spec={"url": target}, interval=5, timeout=5, slot=int(time.time()) - 60)
    dispatcher.send_task("probes.agent_tasks.run_batch", args=[SHARED, [late.as_message()]], queue=QUEUE)
    [batch] = wait_for("the outcomes", lambda: outcomes(broker_url))
    assert batch.reports[0]["status"] == "skipped"


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
        dispatcher.send_task("probes.agent_tasks.run_batch", args=[SHARED, messages], queue=QUEUE)
        [first] = wait_for("the fast one's outcome", lambda: outcomes(broker_url))
        [second] = wait_for("the slow one's outcome", lambda: outcomes(broker_url))
    assert [[report["probe_id"] for report in batch.reports] for batch in (first, second)] == [[2], [1]]


def test_a_probe_never_overlaps_itself(dispatcher: Celery, agent: subprocess.Popen[bytes], target: str, broker_url: str) -> None:
    """The first run hangs beyond the next slot: that one is left out, and another probe of the same message is not."""
    now = int(time.time())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        first = Task(probe_id=1, code="hangs", kind="http", spec=hangs, interval=60, timeout=30, slot=now)
        other = Task(probe_id=2, code="page", kind="http", spec={"url": target}, interval=60, timeout=30, slot=now)
        again = first._replace(slot=now + 1)
        for tasks in ([first], [again, other]):
            messages = [task.as_message() for task in tasks]
            dispatcher.send_task("probes.agent_tasks.run_batch", args=[SHARED, messages], queue=QUEUE)
            if tasks == [first]:
                held = silent.accept()[0]  # it is being asked
        found: dict[tuple[int, int], tuple[str, str]] = {}

        def are_there(count: int) -> bool:
            for batch in outcomes(broker_url):
                found.update({(one["probe_id"], one["slot"]): (one["status"], one["error_class"]) for one in batch.reports})
            return len(found) == count

        wait_for("two outcomes", lambda: are_there(2))
        held.close()
        wait_for("that of the run which hung", lambda: are_there(3))
    assert found[1, now + 1] == ("skipped", "overlap")
    assert found[2, now] == ("ok", "")
    assert found[1, now][0] == "down"


def test_an_agent_tells_how_its_clock_differs_from_the_dispatchers(
    dispatcher: Celery, agent: subprocess.Popen[bytes], broker_url: str
) -> None:
    options = {"dispatched_at": time.time() - 40}
    dispatcher.send_task("probes.agent_tasks.run_batch", args=[SHARED, []], kwargs=options, queue=QUEUE)
    [batch] = wait_for("a sign of life", lambda: outcomes(broker_url))
    assert batch.reports == []
    assert batch.outward_s is not None
    assert batch.outward_s >= 40


def test_a_flow_is_run_with_secrets_of_the_agents_own_and_none_of_them_travels(
    dispatcher: Celery, agent: subprocess.Popen[bytes], broker_url: str
) -> None:
    gateway = gateways.Gateway(gateways.bank)
    try:
        spec = {**example("bank"), "base_url": gateway.url}
        task = Task(probe_id=1, code="bank", kind="flow", spec=spec, interval=60, timeout=5, slot=int(time.time()))
        dispatcher.send_task("probes.agent_tasks.run_batch", args=[SHARED, [task.as_message()]], queue=QUEUE)
        [batch] = wait_for("the outcomes", lambda: outcomes(broker_url))
    finally:
        gateway.close()
    assert (batch.reports[0]["status"], batch.reports[0]["error_class"]) == ("ok", "")
    assert gateway.asked[0].body["key"] == gateways.SECRETS["BANK_KEY"]
    assert gateways.SECRETS["BANK_KEY"] not in json.dumps([task.as_message(), batch.reports])


# --- What its user may do at the broker --------------------------------------------------------------


@pytest.fixture
def agents_user(redis_url: str) -> Iterator[str]:
    """The address an agent is given: its user has the rule that add_vantage prints."""
    with servers.client(redis_url) as connection:
        connection.execute_command(*shlex.split(vantages.acl_line("nairobi").replace("<password>", "hunter2")))
    yield redis_url.replace("redis://", "redis://agent-nairobi:hunter2@")
    with servers.client(redis_url) as connection:
        connection.execute_command("ACL", "DELUSER", "agent-nairobi")
        connection.execute_command("ACL", "LOG", "RESET")


def test_the_rule_that_is_printed_lets_an_agent_work(agents_user: str, redis_url: str, target: str, tmp_path: Path) -> None:
    with (
        started_agent(agents_user, tmp_path, vantage="nairobi"),
        Celery("dispatcher", broker=redis_url, set_as_current=False) as app,
    ):
        app.conf.update(broker_transport_options={"global_keyprefix": "hali:"}, task_serializer="json")
        task = Task(probe_id=1, code="page", kind="http", spec={"url": target}, interval=60, timeout=5, slot=int(time.time()))
        app.send_task("probes.agent_tasks.run_batch", args=["nairobi", [task.as_message()]], queue="probes.nairobi")
        [batch] = wait_for("the outcomes", lambda: outcomes(redis_url))
        with servers.client(redis_url) as connection:
            refused = connection.acl_log()
    assert batch.reports[0]["status"] == "ok"
    assert [(entry["reason"], entry["object"]) for entry in refused] == []


@pytest.mark.parametrize(
    "command",
    [
        ("LPOP", "hali:core"),
        ("BRPOP", "hali:core", "1"),
        ("LRANGE", "hali:core", "0", "-1"),
        ("LPUSH", "hali:notify", "x"),
        ("BRPOP", "hali:probes.mombasa", "1"),
        ("LPUSH", "hali:probes.mombasa", "x"),
        ("HGET", "hali:unacked", "x"),
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("PUBLISH", "x", "y"),
    ],
)
def test_the_rule_lets_it_do_nothing_else(agents_user: str, command: tuple[str, ...]) -> None:
    with servers.client(agents_user) as connection, pytest.raises(redis.exceptions.NoPermissionError):
        connection.execute_command(*command)
