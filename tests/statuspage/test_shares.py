"""The share of payments an incident hits, from the probes' own runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents import timeline
from incidents.models import Incident
from probes.models import Probe, Result
from statuspage import shares
from tests.factories import NOON, ComponentFactory, ProbeFactory, VantageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def probe() -> Probe:
    return ProbeFactory(component=ComponentFactory(code="paybill"))


@pytest.fixture
def incident(probe: Probe) -> Incident:
    timeline.observe(component=probe.component, status="partial_outage", since=NOON, now=NOON)
    return Incident.objects.get()


def runs(probe: Probe, status: str, count: int, minute: float = 1, **fields: Any) -> None:
    for _ in range(count):
        number = Result.objects.count()
        when = NOON + timedelta(minutes=minute)
        Result.objects.create(
            probe=probe,
            vantage=VantageFactory(),
            slot=number,
            status=status,
            started_at=when,
            received_at=when,
            **{"attempt": 0, **fields},
        )


def test_what_failed_or_came_late_is_a_share_of_what_ran(probe: Probe, incident: Incident) -> None:
    for status, count in (("ok", 12), ("degraded", 3), ("down", 4), ("delayed", 6)):
        runs(probe, status, count)
    found = shares.measure(incident=incident, now=NOON + timedelta(minutes=5))
    assert (found.hit, found.runs, found.thousandths) == (10, 25, 400)


def test_only_scheduled_runs_with_a_vote_while_it_lasted_count(probe: Probe, incident: Incident) -> None:
    runs(probe, "ok", 20)
    runs(probe, "down", 5, attempt=1)
    runs(probe, "skipped", 5)
    runs(probe, "down", 5, minute=-1)
    runs(probe, "down", 5, minute=9)
    runs(ProbeFactory(), "down", 5)
    Incident.objects.update(mitigated_at=NOON + timedelta(minutes=8))
    found = shares.measure(incident=Incident.objects.get(), now=NOON + timedelta(minutes=10))
    assert (found.hit, found.runs, found.thousandths) == (0, 20, 0)


def test_few_runs_are_no_share(probe: Probe, incident: Incident) -> None:
    runs(probe, "down", 3)
    assert shares.measure(incident=incident, now=NOON + timedelta(minutes=5)).thousandths is None
