"""What charts show: hours and days with gaps, all probes of a component together, in one query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from probes import charts, sketches
from probes.models import ProbeSchedule, Rollup
from tests.factories import NOON, ProbeFactory, ProbeScheduleFactory, VantageFactory

pytestmark = pytest.mark.django_db
START = int(NOON.timestamp())
HOUR, DAY = 3600, 86400
MIDNIGHT = START - 12 * HOUR  # in Nairobi


@pytest.fixture
def row() -> ProbeSchedule:
    return ProbeScheduleFactory()


def rolled(row: ProbeSchedule, span: int, start: int, *took_ms: int, **counts: int) -> None:
    sketch = sketches.merge({sketches.key_of(ms * 1000): 1} for ms in took_ms)
    Rollup.objects.create(
        probe=row.probe, vantage=row.vantage, span=span, start=start, latencies=sketches.encode(sketch), **counts
    )


def test_ninety_days_end_today_and_days_without_data_are_gaps(row: ProbeSchedule) -> None:
    rolled(row, DAY, MIDNIGHT, 100, ok=3, delayed=1)
    rolled(row, DAY, MIDNIGHT - 2 * DAY, 100, ok=1)
    component = row.probe.component_id
    points = charts.days_of_components(component_ids=[component], now=NOON)[component]
    assert len(points) == 90
    assert points[-1].start == datetime.fromtimestamp(MIDNIGHT, UTC)
    assert [point.success for point in points[-3:]] == [1.0, None, 0.75]
    assert points[-1].late == 0.25
    assert points[0].p95_ms is None


def test_latencies_of_all_probes_and_vantages_of_a_component_are_merged(row: ProbeSchedule) -> None:
    other = ProbeScheduleFactory(probe=ProbeFactory(component=row.probe.component), vantage=VantageFactory(name="mombasa"))
    rolled(row, HOUR, START, *[100] * 60, ok=60)
    rolled(other, HOUR, START, *[400] * 40, ok=40)
    [points] = charts.hours_of_components(component_ids=[row.probe.component_id], now=NOON).values()
    assert points[-1].votes == 100
    assert points[-1].p50_ms == pytest.approx(100, rel=0.01)
    assert points[-1].p95_ms == pytest.approx(400, rel=0.01)
    [points] = charts.hours_of_probes(probe_ids=[row.probe_id], now=NOON).values()
    assert points[-1].p95_ms == pytest.approx(100, rel=0.01)


def test_a_day_is_one_query_however_many_components_are_asked_for(row: ProbeSchedule, django_assert_num_queries: Any) -> None:
    rows: list[ProbeSchedule] = [row, *(ProbeScheduleFactory() for _ in range(5))]
    for one in rows:
        rolled(one, DAY, MIDNIGHT, 100, ok=1)
    with django_assert_num_queries(1):
        found = charts.days_of_components(component_ids=[one.probe.component_id for one in rows], now=NOON)
    assert [points[-1].votes for points in found.values()] == [1] * 6


def test_what_did_not_vote_is_neither_a_success_nor_a_failure(row: ProbeSchedule) -> None:
    rolled(row, HOUR, START, skipped=5, misconfigured=2)
    [points] = charts.hours_of_probes(probe_ids=[row.probe_id], now=NOON).values()
    assert (points[-1].votes, points[-1].success) == (0, None)


def test_days_keep_to_midnight_across_a_change_of_clocks(row: ProbeSchedule, settings: Any) -> None:
    settings.PAGE_TIME_ZONE = "Europe/London"
    now = datetime(2026, 10, 27, 12, tzinfo=UTC)
    [points] = charts.days_of_probes(probe_ids=[row.probe_id], now=now, days=4).values()
    assert [point.start.hour for point in points] == [23, 23, 0, 0]
