"""/healthz: each claim tested by breaking it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import Client

from probes.models import ProbeSchedule, Vantage
from statuspage import broker_client, health, snapshot
from statuspage.models import Heartbeat
from subscribers.models import Notification
from tests import servers
from tests.factories import NOON, ComponentFactory, ProbeFactory, VantageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_work(settings: Any, valkey_process: Any) -> None:
    """Every part was seen at work just now."""
    settings.REDIS_URL = valkey_process.url
    ComponentFactory()
    VantageFactory(last_heard_at=NOON)
    for name in ("queue:core", "queue:notify", "publisher"):
        Heartbeat.objects.create(name=name, at=NOON)
    mark_of_beat()
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)


def mark_of_beat(seconds: float = 0) -> None:
    with broker_client.connect(django_settings.REDIS_URL) as client:
        client.set(broker_client.BEAT, repr(NOON.timestamp() + seconds))


def failing(seconds: float = 0) -> list[str]:
    parts = health.examine(now=NOON + timedelta(seconds=seconds))
    return sorted(name for name, part in parts.items() if not part.ok)


def test_all_is_well_when_every_part_was_seen_at_work(at_work: None) -> None:
    assert failing() == []


def test_a_publisher_that_stopped_fails_after_fifteen_seconds(at_work: None) -> None:
    assert failing(15) == []
    mark_of_beat(seconds=16)
    assert failing(16) == ["publisher"]


def test_what_was_seen_at_work_in_a_time_that_has_not_come_proves_nothing(at_work: None) -> None:
    assert failing(-3600) == ["agent", "beat", "page", "publisher", "worker"]


def test_a_beat_that_stopped_fails_after_fifteen_seconds(at_work: None) -> None:
    Heartbeat.objects.filter(name="publisher").update(at=NOON + timedelta(seconds=16))
    assert failing(16) == ["beat"]
    part = health.examine(now=NOON + timedelta(seconds=16))["beat"]
    assert part.since == NOON
    with broker_client.connect(django_settings.REDIS_URL) as client:
        client.delete(broker_client.BEAT)
    assert health.examine(now=NOON)["beat"].detail == "never seen at work"


def test_agent_and_worker_fail_after_thirty_seconds(at_work: None) -> None:
    Heartbeat.objects.filter(name="publisher").update(at=NOON + timedelta(seconds=31))
    mark_of_beat(seconds=31)
    assert failing(30) == []
    assert failing(31) == ["agent", "worker"]


def test_a_vantage_whose_probes_run_seldom_may_be_silent_for_three_intervals(at_work: None) -> None:
    vantage = Vantage.objects.get()
    for interval in (60, 300):
        ProbeSchedule.objects.create(probe=ProbeFactory(), vantage=vantage, interval=interval)
    assert "agent" not in failing(180)
    assert "agent" in failing(181)
    ProbeSchedule.objects.filter(interval=60).update(enabled=False)
    assert "agent" not in failing(900)


def test_a_page_whose_links_ran_out_fails(at_work: None) -> None:
    assert "page" in failing(120)


def test_a_snapshot_folder_that_cannot_be_read_fails_and_is_told(at_work: None, snapshot_dir: Path) -> None:
    (snapshot_dir / "current" / "manifest.json").write_bytes(b"\xff not JSON")
    part = health.examine(now=NOON)["page"]
    assert (part.ok, part.detail) == (False, "there is no snapshot")
    shutil.rmtree(snapshot_dir)
    snapshot_dir.write_text("a file where the folder should be")
    assert failing() == ["page"]


def test_a_vantage_that_was_never_heard_of_fails(at_work: None) -> None:
    VantageFactory(name="mombasa")
    assert failing() == ["agent"]
    Vantage.objects.filter(name="mombasa").update(enabled=False)
    assert failing() == []


def test_a_copy_without_a_vantage_measures_nothing_and_says_so(at_work: None) -> None:
    Vantage.objects.update(enabled=False)
    part = health.examine(now=NOON)["agent"]
    assert (part.ok, part.detail) == (False, "no vantage is enabled")


def test_a_process_that_was_never_seen_at_work_fails(at_work: None) -> None:
    Heartbeat.objects.filter(name__in=["publisher", "queue:core"]).delete()
    assert failing() == ["publisher", "worker"]
    assert health.examine(now=NOON)["worker"].detail == "never seen at work: queue:core"


def test_mail_that_is_due_for_more_than_a_minute_fails_and_tells_since_when(at_work: None) -> None:
    Notification.objects.create(record_seq=1, kind="incident_update", created_at=NOON, send_at=NOON)
    mark_of_beat(seconds=61)
    assert "mail" not in failing(59)
    part = health.examine(now=NOON + timedelta(seconds=61))["mail"]
    assert (part.ok, part.detail, part.since) == (False, "waits to be sent", NOON)


def test_the_vantage_of_pushes_has_no_agent_that_could_be_missed(at_work: None) -> None:
    VantageFactory(name="pushed", is_passive=True)
    assert failing() == []


def test_one_silent_queue_is_enough(at_work: None) -> None:
    Heartbeat.objects.filter(name="queue:notify").update(at=NOON - timedelta(minutes=2))
    part = health.examine(now=NOON)["worker"]
    assert not part.ok
    assert part.since == NOON - timedelta(minutes=2)


def test_a_dead_broker_fails_and_is_told_with_its_last_answer(at_work: None, valkey_process: Any) -> None:
    assert failing() == []
    valkey_process.kill()
    assert failing(5) == ["beat", "broker"]
    assert health.examine(now=NOON + timedelta(seconds=5))["broker"].since == NOON


def test_a_stopped_broker_fails_instead_of_hanging(at_work: None, valkey_process: Any) -> None:
    os.kill(valkey_process.process.pid, signal.SIGSTOP)
    try:
        assert failing() == ["beat", "broker"]
    finally:
        os.kill(valkey_process.process.pid, signal.SIGCONT)


def test_a_database_that_does_not_answer_is_told_not_thrown(at_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failing() == []

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(connection, "cursor", gone)
    assert failing(5) == ["agent", "database", "mail", "publisher", "worker"]
    assert health.examine(now=NOON + timedelta(seconds=5))["database"].since == NOON


@pytest.mark.django_db(transaction=True)
def test_two_hundred_is_for_a_copy_with_every_part_at_work(at_work: None, client: Client) -> None:
    with time_machine.travel(NOON, tick=False):
        assert client.get("/healthz").status_code == 200
        Heartbeat.objects.filter(name="publisher").update(at=NOON - timedelta(minutes=1))
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")


def test_the_answer_is_json_and_never_cached(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "no-store" in answer.headers["Cache-Control"]
    parts = answer.json()["parts"]
    assert set(parts) == {"page", "database", "broker", "beat", "agent", "worker", "publisher", "mail"}
    assert parts["database"]["ok"]
    assert parts["page"]["detail"] == "there is no snapshot"


@pytest.mark.parametrize(
    ("seconds", "asked", "status", "form"),
    [(0, "", 200, "fresh"), (0, "?fresh", 200, "fresh"), (120, "", 200, "stale"), (120, "?fresh", 503, "stale")],
)
def test_a_host_is_ready_while_it_has_a_page_to_show(
    client: Client, django_assert_num_queries: Any, seconds: int, asked: str, status: int, form: str
) -> None:
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)
    with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False), django_assert_num_queries(0):
        answer = client.get(f"/readyz{asked}")
    assert (answer.status_code, answer.json()["page"]) == (status, form)


def test_a_host_without_a_page_is_not_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "page": "none"})


ASKS_TWICE = """
import django
django.setup()
from django.test import Client
for _ in range(2):
    answer = Client(headers={"host": "localhost"}).get("/healthz")
    print(answer.status_code, answer.json()["parts"]["database"]["detail"], flush=True)
    input()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """PostgreSQL runs as another user, who may not enter pytest's own folders."""
    made = Path(tempfile.mkdtemp(prefix="hali-stopped-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_stopped_database_is_told_and_holds_nobody_up(folder: Path) -> None:
    server = servers.start_postgresql(folder)
    environment = {**os.environ, "DATABASE_URL": servers.make_database(server.url, "stopped"), "DEBUG": "false"}
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKS_TWICE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asker.stdin is not None
    assert asker.stdout is not None
    processes = [psutil.Process(server.process.pid)]
    try:
        assert asker.stdout.readline() == "503 postgresql\n"  # no table in it, but it answers
        processes += processes[0].children(recursive=True)
        for process in processes:
            process.suspend()
        asker.stdin.write("\n")
        asker.stdin.flush()
        assert "503 the database did not answer" in asker.stdout.readline()
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        asker.kill()
        asker.communicate()
        server.stop()
