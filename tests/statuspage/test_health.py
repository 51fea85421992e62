"""/healthz: each claim tested by breaking it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from probes.models import Vantage
from statuspage import health, snapshot
from statuspage.models import Heartbeat
from tests.factories import NOON, ComponentFactory, VantageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_work(settings: Any, valkey_process: Any) -> None:
    """Every part was seen at work just now."""
    settings.REDIS_URL = valkey_process.url
    ComponentFactory()
    VantageFactory(last_heard_at=NOON)
    for name in ("queue:core", "queue:notify", "publisher"):
        Heartbeat.objects.create(name=name, at=NOON)
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)


def failing(seconds: float = 0) -> list[str]:
    parts = health.examine(now=NOON + timedelta(seconds=seconds))
    return sorted(name for name, part in parts.items() if not part.ok)


def test_all_is_well_when_every_part_was_seen_at_work(at_work: None) -> None:
    assert failing() == []


def test_a_publisher_that_stopped_fails_after_fifteen_seconds(at_work: None) -> None:
    assert failing(15) == []
    assert failing(16) == ["publisher"]


def test_agent_and_worker_fail_after_thirty_seconds(at_work: None) -> None:
    Heartbeat.objects.filter(name="publisher").update(at=NOON + timedelta(seconds=31))
    assert failing(31) == ["agent", "worker"]


def test_a_page_whose_links_ran_out_fails(at_work: None) -> None:
    assert "page" in failing(120)


def test_a_vantage_that_was_never_heard_of_fails(at_work: None) -> None:
    VantageFactory(name="mombasa")
    assert failing() == ["agent"]
    Vantage.objects.filter(name="mombasa").update(enabled=False)
    assert failing() == []


def test_one_silent_queue_is_enough(at_work: None) -> None:
    Heartbeat.objects.filter(name="queue:notify").update(at=NOON - timedelta(minutes=2))
    part = health.examine(now=NOON)["worker"]
    assert not part.ok
    assert part.since == NOON - timedelta(minutes=2)


def test_a_dead_broker_fails(at_work: None, valkey_process: Any) -> None:
    valkey_process.kill()
    assert failing() == ["broker"]


def test_a_stopped_broker_fails_instead_of_hanging(at_work: None, valkey_process: Any) -> None:
    import os
    import signal

    os.kill(valkey_process.process.pid, signal.SIGSTOP)
    try:
        assert failing() == ["broker"]
    finally:
        os.kill(valkey_process.process.pid, signal.SIGCONT)


def test_a_database_that_does_not_answer_is_told_not_thrown(at_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(connection, "cursor", gone)
    assert failing() == ["agent", "database", "publisher", "worker"]


def test_the_answer_is_json_and_never_cached(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "no-store" in answer.headers["Cache-Control"]
    parts = answer.json()["parts"]
    assert set(parts) == {"page", "database", "broker", "agent", "worker", "publisher"}
    assert parts["database"]["ok"]
    assert parts["page"]["detail"] == "there is no snapshot"
