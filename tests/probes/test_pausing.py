"""A pause has an end and a reason; a run by hand is read and never counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incidents.models import AuditEvent
from probes import pausing, recording, scheduling
from probes.models import ProbeSchedule, Result
from probes.recording import Report
from tests.factories import NOON, ProbeScheduleFactory, UserFactory, VantageFactory

pytestmark = pytest.mark.django_db
NOW = int(NOON.timestamp())


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def pause(row: ProbeSchedule, *, until: datetime = NOON + timedelta(hours=1), reason: str = "the bank moves house") -> None:
    pausing.pause(probe=row.probe, until=until, reason=reason, now=NOON, actor=UserFactory(username="eve"))


def test_a_paused_probe_runs_nowhere_until_its_end() -> None:
    row = ProbeScheduleFactory(interval=5, next_slot=NOW)
    pause(row)
    assert scheduling.claim_due(now=NOW + 60) == []
    assert [found.pk for found, _ in scheduling.claim_due(now=NOW + 3600)] == [row.pk]


def test_a_pause_that_is_ended_runs_at_once() -> None:
    row = ProbeScheduleFactory(interval=5, next_slot=NOW)
    pause(row)
    assert pausing.resume(probe=row.probe, now=at(60))
    assert len(scheduling.claim_due(now=NOW + 61)) == 1
    assert not pausing.resume(probe=row.probe, now=at(61))


def test_what_is_paused_cannot_be_confirmed() -> None:
    row = ProbeScheduleFactory(interval=5, next_slot=NOW)
    recording.record(vantage_name="nairobi", reports=[Report(row.probe_id, NOW, 0, "ok", "", "", 200, 1, {}, NOW, 0)], now=NOON)
    pause(row)
    recording.sweep_silence(now=at(59))
    row.probe.component.refresh_from_db()
    assert row.probe.component.status == "operational"
    recording.sweep_silence(now=at(61))
    row.probe.component.refresh_from_db()
    assert row.probe.component.status == "unknown"


def test_a_pause_and_its_end_stand_in_the_audit_log_with_the_reason() -> None:
    row = ProbeScheduleFactory()
    pause(row)
    pausing.resume(probe=row.probe, now=at(60), by="a command")
    paused, resumed = AuditEvent.objects.order_by("id")
    assert (paused.act, paused.actor_name, paused.target) == ("probe.pause", "eve", row.probe.code)
    assert paused.details == {"until": "2026-11-24T10:00:00+00:00", "reason": "the bank moves house"}
    assert (resumed.act, resumed.actor_name) == ("probe.resume", "a command")


@pytest.mark.parametrize(
    ("until", "reason", "says"),
    [
        (at(3600), " ", "Say why"),
        (at(3600), "x" * 201, "keep it to 200"),
        (at(0), "works", "give a later time"),
        (at(31 * 86400), "works", "within 30 days"),
    ],
)
def test_a_pause_without_end_or_reason_is_refused(until: datetime, reason: str, says: str) -> None:
    row = ProbeScheduleFactory()
    with pytest.raises(pausing.PauseRefused, match=says):
        pause(row, until=until, reason=reason)
    row.probe.refresh_from_db()
    assert row.probe.paused_until is None


def test_a_run_by_hand_is_sent_once_whatever_the_schedule_says() -> None:
    row = ProbeScheduleFactory(next_slot=NOW + 9999, probe__enabled=False)
    ProbeScheduleFactory(probe=row.probe, vantage=VantageFactory(name="mombasa"), enabled=False)
    asked = pausing.run_now(probe=row.probe, now=NOON, by="a command")
    assert [found.pk for found in asked] == [row.pk]
    [batch] = scheduling.into_batches(scheduling.claim_asked(now=NOW + 1), attempt=1)
    assert [(task.slot, task.attempt) for task in batch.tasks] == [(NOW + 1, 1)]
    assert scheduling.claim_asked(now=NOW + 2) == []
    assert AuditEvent.objects.get().details == {"at": ["nairobi"]}


def test_a_run_by_hand_counts_in_no_window() -> None:
    row = ProbeScheduleFactory(interval=5)
    report = Report(row.probe_id, NOW, 1, "down", "refused", "", None, None, {}, NOW, 0)
    recording.record(vantage_name="nairobi", reports=[report], now=datetime.fromtimestamp(NOW, UTC))
    row.refresh_from_db()
    assert (row.state, row.last_outcome_at, row.confirmed) == ({}, None, "")
    assert Result.objects.get().attempt == 1
