"""The publisher's second."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from incidents.models import Component, IncidentUpdate, RecordEntry
from probes import recording
from statuspage import snapshot, ticking
from statuspage.models import Heartbeat
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, ProbeFactory, ProbeScheduleFactory
from tests.incidents.plans import announced, at

pytestmark = pytest.mark.django_db


def links(settings: Any) -> list[int]:
    return sorted(int(path.name) for path in (settings.SNAPSHOT_DIR / "live").iterdir())


def test_a_tick_sweeps_notifies_writes_and_extends(settings: Any) -> None:
    component = ComponentFactory()
    ProbeScheduleFactory(probe=ProbeFactory(component=component))
    ticking.tick(now=NOON)
    component.refresh_from_db()
    assert component.status == "unknown"
    assert Notification.objects.count() == RecordEntry.objects.count() == 1
    assert (settings.SNAPSHOT_DIR / "current" / "fresh" / "index.html").exists()
    slot = int(NOON.timestamp()) // 10
    assert links(settings)[0] <= slot
    assert slot + 5 <= links(settings)[-1] <= slot + 6
    assert Heartbeat.objects.get(name="publisher").at == NOON


def test_a_tick_that_could_not_read_the_database_extends_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ComponentFactory()
    ticking.tick(now=NOON)
    before = links(settings)

    def gone(**_: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(recording, "sweep_silence", gone)
    with pytest.raises(OperationalError):
        ticking.tick(now=NOON + timedelta(seconds=30))
    assert links(settings) == before


def test_a_page_is_not_called_fresh_for_longer_than_what_probes_said_counts(settings: Any) -> None:
    ProbeScheduleFactory(
        probe=ProbeFactory(interval=5), interval=5, confirmed="operational", last_outcome_at=NOON - timedelta(seconds=40)
    )
    ticking.tick(now=NOON)
    assert links(settings)[-1] <= (int(NOON.timestamp()) + 20) // 10 + 1


def test_links_that_ran_out_are_removed(settings: Any) -> None:
    ComponentFactory()
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)
    later = NOON + timedelta(minutes=10)
    snapshot.refresh(now=later)
    snapshot.extend_freshness(now=later)
    assert links(settings)[0] >= int(later.timestamp()) // 10 - 1


def test_nothing_public_comes_of_an_empty_house(settings: Any) -> None:
    ticking.tick(now=NOON)
    assert not IncidentUpdate.objects.exists()
    assert not Component.objects.exists()
    assert "Everything is working" not in (settings.SNAPSHOT_DIR / "current" / "fresh" / "index.html").read_text()


def test_a_fault_of_our_own_is_logged_and_the_publisher_goes_on(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    seen: list[str] = []

    def fails_then_ends(**_: object) -> None:
        seen.append("tick")
        if len(seen) == 2:
            stop.set()
        raise ZeroDivisionError("of nobody's making")

    monkeypatch.setattr(ticking, "PERIOD", 0.0)
    monkeypatch.setattr(recording, "sweep_silence", fails_then_ends)
    ticking.run_until(stop)
    assert len(seen) == 2
    [line] = [message for message in caplog.messages if "The tick failed" in message]
    assert "ZeroDivisionError: of nobody's making" in line
    assert "fails_then_ends" in line
    assert not (settings.SNAPSHOT_DIR / "live").exists()


def test_a_tick_begins_announced_work_and_ends_it() -> None:
    component = ComponentFactory()
    announced({component: ""})
    for hours, status in ((0, "under_maintenance"), (3, "operational")):
        ticking.tick(now=at(hours))
        component.refresh_from_db()
        assert component.status == status
    assert Notification.objects.count() == RecordEntry.objects.count()


def test_a_gate_that_is_switched_off_is_said_when_the_publisher_starts(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GATES_OFF = ["signature"]
    monkeypatch.setattr(ticking, "run_until", lambda stop: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    call_command("publisher")
    assert "(statuspage.W001) HALI_GATES_OFF switches off the gate signature" in caplog.text
