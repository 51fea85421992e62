"""Our clock is put back by an hour: what was seen before keeps nothing green, and nothing waits for the hour to come again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.models import Component
from probes import clock_steps, recording, scheduling
from probes.models import Probe, ProbeSchedule, Result
from tests.factories import ComponentFactory, ProbeFactory, ProbeScheduleFactory
from tests.probes.test_recording import at, report, take

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = 720  # slots of five seconds


@pytest.fixture
def component() -> Component:
    return ComponentFactory(code="stk-push")


@pytest.fixture
def probe(component: Component) -> Probe:
    """Well, an hour from now: then the clock is put back."""
    probe = ProbeFactory(code="stk-query", component=component, interval=5)
    ProbeScheduleFactory(probe=probe, interval=5, next_slot=int(at(HOUR).timestamp()))
    take(probe, "ok", "ok", "ok", start=HOUR)
    return probe


def test_while_the_clock_goes_on_nothing_is_forgotten(probe: Probe) -> None:
    scheduling.claim_due(now=int(at(HOUR + 3).timestamp()))
    for seconds in (-50, 0, 3600):
        assert not clock_steps.forget_what_is_ahead(now=at(HOUR + 2) + timedelta(seconds=seconds))
    assert Result.objects.count() == 3


def test_what_was_well_in_a_time_that_has_not_come_is_unknown_until_it_is_heard_again(probe: Probe, component: Component) -> None:
    assert clock_steps.forget_what_is_ahead(now=at(0))
    recording.sweep_silence(now=at(0))
    component.refresh_from_db()
    assert component.status == "unknown"
    take(probe, "ok")
    component.refresh_from_db()
    assert component.status == "operational"
    assert Result.objects.get().slot == report(probe, 0).slot
    assert not clock_steps.forget_what_is_ahead(now=at(1))


def test_what_would_be_due_in_an_hour_is_due_now(probe: Probe) -> None:
    now = int(at(0).timestamp())
    assert scheduling.claim_due(now=now) == []
    clock_steps.forget_what_is_ahead(now=at(0))
    [(due, slot)] = scheduling.claim_due(now=now)
    assert (due.probe_id, slot) == (probe.pk, now)
    assert ProbeSchedule.objects.get().next_slot <= now + 5


def test_an_outcome_that_was_under_way_when_the_clock_was_put_back_is_not_taken(probe: Probe) -> None:
    clock_steps.forget_what_is_ahead(now=at(0))
    recording.record(vantage_name="nairobi", reports=[report(probe, HOUR + 3)], now=at(0))
    assert not Result.objects.exists()
