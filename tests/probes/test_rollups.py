"""Hours and days of outcomes: counted from raw results, again where some came late, and never less than before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from probes import recording, rollups, sketches
from probes.models import LateHour, Probe, ProbeSchedule, Result, Rollup
from probes.recording import Report
from tests.factories import NOON, ProbeFactory, ProbeScheduleFactory, VantageFactory
from tests.probes.results import keep, result

pytestmark = [pytest.mark.django_db, pytest.mark.database]
START = int(NOON.timestamp())  # noon in Nairobi
HOUR = 3600


@pytest.fixture
def row() -> ProbeSchedule:
    return ProbeScheduleFactory(interval=10)


def hours() -> list[tuple[int, int, int]]:
    """(hour since START, ok, down) of every hour there is."""
    rows = Rollup.objects.filter(span=HOUR).order_by("start").values_list("start", "ok", "down")
    return [((start - START) // HOUR, ok, down) for start, ok, down in rows]


def days() -> list[tuple[int, int]]:
    return list(Rollup.objects.filter(span=Rollup.Span.DAY).order_by("start").values_list("ok", "down"))


def test_outcomes_are_counted_by_status_in_the_hour_and_day_of_their_slot(row: ProbeSchedule) -> None:
    statuses = ("ok", "ok", "delayed", "degraded", "down", "misconfigured", "skipped")
    keep(result(row, START + 10 * number, status) for number, status in enumerate(statuses))
    keep([result(row, START + HOUR, "ok")])
    rollups.roll(now=START + HOUR + 60)
    assert hours() == [(0, 2, 1), (1, 1, 0)]
    first = Rollup.objects.get(span=HOUR, start=START)
    assert (first.delayed, first.degraded, first.misconfigured, first.skipped) == (1, 1, 1, 1)
    assert days() == [(3, 1)]


def test_the_first_count_begins_with_the_first_result(
    row: ProbeSchedule, settings: Any, django_assert_max_num_queries: Any
) -> None:
    """Not with what could have been kept: months of nothing would hold up a recorder for minutes."""
    settings.KEEP_RESULTS_HOURS = 24 * 400
    keep([result(row, START), result(row, START + HOUR)])
    with django_assert_max_num_queries(30):
        rollups.roll(now=START + HOUR + 60)
    assert hours() == [(0, 1, 0), (1, 1, 0)]


def test_latencies_of_votes_are_the_sketch_that_the_library_makes(row: ProbeSchedule) -> None:
    took = [1, 900, 20_000, 20_100, 5_000_000, 61_000_000]
    keep(result(row, START + 10 * number, total_us=us) for number, us in enumerate(took))
    keep([result(row, START + 500, "skipped", total_us=7), result(row, START + 510, "down", total_us=None)])
    rollups.roll(now=START + 600)
    expected = sketches.merge({sketches.key_of(us): 1} for us in took)
    for rollup in Rollup.objects.all():
        assert sketches.decode(rollup.latencies) == expected
    assert Rollup.objects.count() == 2


def test_each_probe_and_vantage_is_a_series_of_its_own(row: ProbeSchedule) -> None:
    elsewhere, another = ProbeScheduleFactory(probe=row.probe, vantage=VantageFactory(name="mombasa")), ProbeScheduleFactory()
    rows: list[ProbeSchedule] = [row, elsewhere, another]
    for number, one in enumerate(rows):
        keep(result(one, START + 10 * slot) for slot in range(number + 1))
    rollups.roll(now=START + 100)
    found = Rollup.objects.filter(span=HOUR).values_list("probe", "vantage", "ok")
    assert set(found) == {(one.probe_id, one.vantage_id, number + 1) for number, one in enumerate(rows)}


def test_confirmations_and_runs_by_hand_do_not_count(row: ProbeSchedule) -> None:
    keep([result(row, START), result(row, START, "down", attempt=1)])
    rollups.roll(now=START + 60)
    assert hours() == [(0, 1, 0)]


def test_rolling_twice_changes_nothing(row: ProbeSchedule) -> None:
    keep(result(row, START + 10 * number) for number in range(20))
    assert rollups.roll(now=START + 300) == 2
    assert rollups.roll(now=START + 300) == 0


def test_an_hour_that_goes_on_is_counted_on(row: ProbeSchedule) -> None:
    for number in range(3):
        keep([result(row, START + 1000 * number)])
        rollups.roll(now=START + 1000 * number + 1)
    assert hours() == [(0, 3, 0)]
    assert days() == [(3, 0)]


def test_what_came_while_nothing_rolled_is_made_up_for(row: ProbeSchedule) -> None:
    keep(result(row, START + number * HOUR) for number in range(30))
    rollups.roll(now=START + 2 * HOUR)
    rollups.roll(now=START + 30 * HOUR)
    assert [hour for hour, _, _ in hours()] == list(range(30))
    assert sum(ok for ok, _ in days()) == 30


def report(row: ProbeSchedule, slot: int, status: str = "ok") -> Report:
    return Report(row.probe_id, slot, 0, status, "", "", 200, 20_000, {}, float(slot), 0)


def test_a_late_outcome_has_its_hour_counted_again(row: ProbeSchedule) -> None:
    keep([result(row, START), result(row, START + 5 * HOUR)])
    rollups.roll(now=START + 5 * HOUR + 10)
    assert hours() == [(0, 1, 0), (5, 1, 0)]
    later = datetime.fromtimestamp(START + 5 * HOUR + 20, UTC)
    recording.record(vantage_name="nairobi", reports=[report(row, START + 10)], now=later)
    rollups.roll(now=START + 5 * HOUR + 30)
    assert hours() == [(0, 2, 0), (5, 1, 0)]
    assert days() == [(3, 0)]
    assert not LateHour.objects.exists()


def test_an_outcome_in_time_leaves_no_note(row: ProbeSchedule) -> None:
    recording.record(vantage_name="nairobi", reports=[report(row, START)], now=NOON)
    assert not LateHour.objects.exists()


def test_an_hour_whose_raw_results_went_never_shrinks(row: ProbeSchedule) -> None:
    keep(result(row, START + 10 * number) for number in range(6))
    rollups.roll(now=START + 100)
    Result.objects.filter(slot__lt=START + 40).delete()
    rollups.note_late(slots=[START], now=START + 20 * HOUR)
    rollups.roll(now=START + 20 * HOUR)
    assert hours() == [(0, 6, 0)]


def test_results_that_outlived_their_probe_are_left_out(row: ProbeSchedule) -> None:
    gone = ProbeScheduleFactory(probe=ProbeFactory())
    keep([result(row, START), result(gone, START)])
    Probe.objects.filter(pk=gone.probe_id).delete()
    keep([result(gone, START)])  # a recorder that was just too late
    rollups.roll(now=START + 60)
    assert Rollup.objects.values_list("probe", flat=True).distinct().get() == row.probe_id


def test_a_day_is_that_of_the_page(row: ProbeSchedule, settings: Any) -> None:
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    midnight = START + 12 * HOUR
    keep([result(row, midnight - 10), result(row, midnight)])
    rollups.roll(now=midnight + 60)
    assert list(Rollup.objects.filter(span=Rollup.Span.DAY).order_by("start").values_list("start", flat=True)) == [
        midnight - 24 * HOUR,
        midnight,
    ]


@pytest.mark.parametrize(
    ("zone", "slot", "hour"),
    [
        ("Africa/Nairobi", START + 1799, START),
        ("Asia/Kolkata", START + 1799, START - 1800),
        ("Asia/Kolkata", START + 1800, START + 1800),
    ],
)
def test_an_hour_is_that_of_the_zones_clocks(zone: str, slot: int, hour: int) -> None:
    assert rollups.hour_of(slot, ZoneInfo(zone)) == hour


def test_a_day_on_which_clocks_are_put_forward_is_an_hour_shorter() -> None:
    first, last = rollups.day_of(int(datetime(2026, 3, 29, 12, tzinfo=UTC).timestamp()), ZoneInfo("Europe/London"))
    assert last - first == 23 * HOUR
