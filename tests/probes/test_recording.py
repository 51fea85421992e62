"""From outcomes to the record, and silence noticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from incidents.models import Component, Incident, StatusChange
from probes import recording
from probes.models import Probe, ProbeSchedule, Result, Vantage
from probes.recording import Report
from tests.factories import NOON, ComponentFactory, ProbeFactory, ProbeScheduleFactory, VantageFactory
from tests.incidents.helpers import all_notices

pytestmark = pytest.mark.django_db
START = int(NOON.timestamp())


@pytest.fixture
def component() -> Component:
    return ComponentFactory(code="stk-push")


@pytest.fixture
def probe(component: Component) -> Probe:
    probe = ProbeFactory(code="stk-query", component=component, interval=5)
    ProbeScheduleFactory(probe=probe, interval=5)
    return probe


def report(probe: Probe, slot: int, status: str = "ok", *, attempt: int = 0) -> Report:
    return Report(
        probe_id=probe.pk,
        slot=START + 5 * slot,
        attempt=attempt,
        status=status,
        error_class="" if status == "ok" else "busy",
        evidence="" if status == "ok" else "500.003.02 System is busy",
        http_status=200 if status == "ok" else 500,
        total_us=12_000,
        phases={"connect": 100, "ttfb": 11_000},
        started_at=START + 5 * slot + 0.1,
        lateness_ms=100,
    )


def take(probe: Probe, *statuses: str, start: int = 0) -> list[StatusChange]:
    """One batch an outcome, five seconds apart."""
    changes = []
    for number, status in enumerate(statuses):
        slot = start + number
        changes += recording.record(vantage_name="nairobi", reports=[report(probe, slot, status)], now=at(slot))
    return changes


def at(slot: float) -> datetime:
    return datetime.fromtimestamp(START + 5 * slot + 1, UTC)


@pytest.mark.database
def test_two_bad_outcomes_of_three_change_the_component_and_open_a_draft(probe: Probe, component: Component) -> None:
    all_notices()
    take(probe, "ok", "ok", "down")
    component.refresh_from_db()
    assert component.status == "operational"
    [change] = take(probe, "down", start=3)
    component.refresh_from_db()
    assert component.status == "major_outage"
    assert change.since == datetime.fromtimestamp(START + 10, UTC)
    evidence = Incident.objects.get().evidence["stk-push"]["probes"][0]
    assert evidence["probe"] == "stk-query"
    assert evidence["saw"] == "500.003.02 System is busy"


@pytest.mark.database
@pytest.mark.parametrize("words", [r'{"a": "b\c", NULL}', "NULL", "habari — ñ", ""])
def test_the_words_of_an_outcome_are_kept_as_they_came(probe: Probe, words: str) -> None:
    given = replace(report(probe, 0), evidence=words, http_status=None, phases={words: 1})
    recording.record(vantage_name="nairobi", reports=[given], now=at(0))
    kept = Result.objects.get()
    assert (kept.evidence, kept.http_status, kept.phases) == (words, None, {words: 1})


@pytest.mark.database
def test_a_batch_that_comes_twice_counts_once(probe: Probe, component: Component) -> None:
    take(probe, "ok", "ok", "down")
    take(probe, "down", start=2)
    component.refresh_from_db()
    assert component.status == "operational"
    assert Result.objects.count() == 3
    heard = ProbeSchedule.objects.get().last_outcome_at
    recording.record(vantage_name="nairobi", reports=[report(probe, 2, "down")], now=at(8))
    assert ProbeSchedule.objects.get().last_outcome_at == heard, "a batch that comes again tells nothing of now"


def test_a_slot_that_was_run_twice_is_heard_once(probe: Probe) -> None:
    take(probe, "ok")
    heard = ProbeSchedule.objects.get().last_outcome_at
    again = replace(report(probe, 0), started_at=START + 30.0)
    recording.record(vantage_name="nairobi", reports=[again], now=at(7))
    assert ProbeSchedule.objects.get().last_outcome_at == heard


def test_an_outcome_counts_from_when_it_was_measured_not_from_when_it_came(probe: Probe, component: Component) -> None:
    take(probe, "ok")
    recording.record(vantage_name="nairobi", reports=[report(probe, 1)], now=at(1) + timedelta(seconds=290))
    component.refresh_from_db()
    assert ProbeSchedule.objects.get().last_outcome_at == datetime.fromtimestamp(START + 5.1, UTC)
    assert component.status == "unknown", "a backlog of the broker is no proof of green"


def test_an_agent_whose_clock_is_ahead_is_not_heard_from_the_future(probe: Probe) -> None:
    early = replace(report(probe, 0), started_at=START + 3600.0)
    recording.record(vantage_name="nairobi", reports=[early], now=at(0))
    assert ProbeSchedule.objects.get().last_outcome_at == at(0)


def test_a_run_by_hand_does_not_prolong_green(probe: Probe) -> None:
    take(probe, "ok")
    heard = ProbeSchedule.objects.get().last_outcome_at
    recording.record(vantage_name="nairobi", reports=[report(probe, 5, attempt=1)], now=at(5))
    assert ProbeSchedule.objects.get().last_outcome_at == heard


def test_a_confirmation_by_hand_is_kept_but_does_not_count(probe: Probe, component: Component) -> None:
    take(probe, "ok", "ok", "down")
    recording.record(vantage_name="nairobi", reports=[report(probe, 2, "down", attempt=1)], now=at(2))
    component.refresh_from_db()
    assert component.status == "operational"
    assert Result.objects.filter(attempt=1).count() == 1


@pytest.mark.parametrize(("without_a_vote", "shown"), [("skipped", "operational"), ("misconfigured", "unknown")])
def test_slots_skipped_on_purpose_are_not_silence_but_wrong_keys_are(
    probe: Probe, component: Component, without_a_vote: str, shown: str
) -> None:
    take(probe, "ok", *[without_a_vote] * 20)
    recording.sweep_silence(now=at(21))
    component.refresh_from_db()
    assert component.status == shown


def test_some_of_its_probes_down_is_a_partial_outage(probe: Probe, component: Component) -> None:
    other = ProbeFactory(code="stk-oauth", component=component, interval=5)
    ProbeScheduleFactory(probe=other, interval=5)
    take(other, "ok", "ok")
    take(probe, "down", "down")
    component.refresh_from_db()
    assert component.status == "partial_outage"


def test_the_evidence_follows_a_second_probe_that_turns(probe: Probe, component: Component) -> None:
    oauth, gateway = (ProbeFactory(code=code, component=component, interval=5) for code in ("stk-oauth", "stk-gateway"))
    for other in (oauth, gateway):
        ProbeScheduleFactory(probe=other, interval=5)
        take(other, "ok", "ok")
    take(probe, "down", "down")
    take(gateway, "down", "down", start=2)
    component.refresh_from_db()
    assert component.status == "partial_outage"
    said = {item["probe"]: item["says"] for item in Incident.objects.get().evidence["stk-push"]["probes"]}
    assert said == {"stk-query": "major_outage", "stk-oauth": "operational", "stk-gateway": "major_outage"}


def test_a_watched_component_is_unknown_until_a_probe_answers(probe: Probe, component: Component) -> None:
    recording.sweep_silence(now=NOON)
    component.refresh_from_db()
    assert (component.status, component.status_source) == ("unknown", "silence")
    take(probe, "ok")
    component.refresh_from_db()
    assert (component.status, component.status_source) == ("operational", "probes")


def test_silent_probes_turn_the_component_unknown_after_a_minute(probe: Probe, component: Component) -> None:
    take(probe, "ok")
    recording.sweep_silence(now=at(0) + timedelta(seconds=59))
    component.refresh_from_db()
    assert component.status == "operational"
    recording.sweep_silence(now=at(0) + timedelta(seconds=60))
    component.refresh_from_db()
    assert (component.status, component.status_source) == ("unknown", "silence")


def test_the_sweep_tells_when_the_next_probe_falls_silent(probe: Probe, component: Component) -> None:
    assert recording.sweep_silence(now=NOON) is None
    take(probe, "ok")
    other = ProbeFactory(code="stk-oauth", component=component, interval=5)
    ProbeScheduleFactory(probe=other, interval=5)
    take(other, "ok", "ok", "ok", "ok")
    told = recording.sweep_silence(now=at(3))
    measured = ProbeSchedule.objects.get(probe=probe).last_outcome_at
    assert measured is not None
    assert told == measured + timedelta(seconds=60)


def test_silence_is_three_intervals_for_a_slow_probe(probe: Probe, component: Component) -> None:
    ProbeSchedule.objects.update(interval=300)
    take(probe, "ok")
    recording.sweep_silence(now=at(0) + timedelta(seconds=899))
    component.refresh_from_db()
    assert component.status == "operational"
    recording.sweep_silence(now=at(0) + timedelta(seconds=900))
    component.refresh_from_db()
    assert component.status == "unknown"


def test_a_switched_off_probe_leaves_the_component_to_people(probe: Probe, component: Component) -> None:
    take(probe, "down", "down")
    Probe.objects.update(enabled=False)
    recording.sweep_silence(now=at(3))
    component.refresh_from_db()
    assert (component.status, component.observed_status) == ("operational", "")


@pytest.mark.parametrize("switched_off", ["vantage", "schedule"])
@pytest.mark.parametrize("said", ["ok", "down"])
def test_a_probe_that_runs_nowhere_is_silent_not_green(probe: Probe, component: Component, switched_off: str, said: str) -> None:
    take(probe, said, said)
    rows = Vantage.objects.all() if switched_off == "vantage" else ProbeSchedule.objects.all()
    rows.update(enabled=False)
    recording.sweep_silence(now=at(2))
    component.refresh_from_db()
    assert (component.status, component.status_source, component.observed_status) == ("unknown", "silence", "unknown")


def test_a_probe_that_was_never_scheduled_is_silent_too(component: Component) -> None:
    ProbeFactory(component=component)
    recording.sweep_silence(now=NOON)
    component.refresh_from_db()
    assert component.status == "unknown"


def test_a_probe_switched_on_again_is_not_believed_for_what_it_said_before(probe: Probe, component: Component) -> None:
    take(probe, "ok", "ok")
    Vantage.objects.update(enabled=False)
    recording.sweep_silence(now=at(2))
    Vantage.objects.update(enabled=True)
    recording.sweep_silence(now=at(100))
    component.refresh_from_db()
    assert component.status == "unknown"


def test_an_empty_batch_tells_that_the_agent_lives() -> None:
    vantage = VantageFactory()
    recording.record(vantage_name="nairobi", reports=[], now=NOON)
    vantage.refresh_from_db()
    assert vantage.last_heard_at == NOON


def test_outcomes_of_a_removed_probe_are_dropped(probe: Probe) -> None:
    left_over = report(probe, 0)
    probe.delete()
    assert recording.record(vantage_name="nairobi", reports=[left_over], now=NOON) == []
    assert recording.record(vantage_name="nowhere", reports=[left_over], now=NOON) == []


def test_a_component_that_a_killed_worker_left_behind_is_mended_by_the_next_batch(probe: Probe, component: Component) -> None:
    take(probe, "down", "down")
    Component.objects.update(observed_status="operational")
    take(probe, "down", start=2)
    component.refresh_from_db()
    assert component.observed_status == "major_outage"
