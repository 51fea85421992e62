"""What is kept for how long: raw results by hours (on PostgreSQL in days, dropped whole), rollups by days and years."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from probes import partitions, retention, rollups
from probes.models import Probe, ProbeSchedule, Result, Rollup
from tests.factories import NOON, ProbeScheduleFactory
from tests.probes.results import keep, result

pytestmark = [pytest.mark.django_db, pytest.mark.database]
on_postgresql = pytest.mark.skipif(not partitions.are_used(), reason="SQLite has no days")
on_sqlite = pytest.mark.skipif(partitions.are_used(), reason="PostgreSQL drops days")
DAY = 86400
START = int(NOON.timestamp())
TODAY = START - START % DAY


@pytest.fixture
def row() -> ProbeSchedule:
    return ProbeScheduleFactory(interval=10)


def slots() -> list[int]:
    return list(Result.objects.order_by("slot").values_list("slot", flat=True))


def test_results_older_than_the_setting_go(row: ProbeSchedule, settings: Any) -> None:
    settings.KEEP_RESULTS_HOURS = 48
    keep(result(row, START - 3 * DAY + DAY * number) for number in range(4))
    retention.prune(now=START)
    assert slots() == [START - DAY * number for number in (2, 1, 0)]


def test_a_bounded_number_goes_at_once(row: ProbeSchedule) -> None:
    keep(result(row, START + number) for number in range(5))
    assert retention.prune_results(before=START + 4, limit=3) == 3
    assert retention.prune_results(before=START + 4, limit=3) == 1
    assert slots() == [START + 4]


def test_rollups_are_kept_for_longer(row: ProbeSchedule, settings: Any) -> None:
    settings.KEEP_HOURS_DAYS, settings.KEEP_DAYS_YEARS = 2, 1
    for span, ages in ((Rollup.Span.HOUR, (1, 3)), (Rollup.Span.DAY, (3, 400))):
        for age in ages:
            Rollup.objects.create(probe=row.probe, vantage=row.vantage, span=span, start=TODAY - age * DAY, ok=1)
    retention.prune(now=START)
    assert set(Rollup.objects.values_list("span", "start")) == {(3600, TODAY - DAY), (86400, TODAY - 3 * DAY)}


def test_the_same_slot_is_kept_once_in_whatever_table_it_lies(row: ProbeSchedule) -> None:
    keep([result(row, START), result(row, START, "down")])
    if partitions.are_used():
        partitions.make_ahead(now=START)
    keep([result(row, START, "down")])
    assert list(Result.objects.values_list("slot", "status")) == [(START, "ok")]


def test_a_removed_probe_takes_its_results_along(row: ProbeSchedule) -> None:
    keep([result(row, START)])
    Probe.objects.get().delete()
    assert slots() == []


# --- SQLite ----------------------------------------------------------------------------------------


@on_sqlite
def test_sqlite_keeps_at_most_so_many_and_the_oldest_go_first(row: ProbeSchedule, settings: Any) -> None:
    settings.SQLITE_RESULTS, settings.KEEP_RESULTS_HOURS = 10, 48
    for number in range(15):
        keep([result(row, START - 15 + number), result(row, START - 15 + number, "down")])  # the second is not new
    retention.prune(now=START)
    assert slots() == [START - 10 + number for number in range(10)]


@on_sqlite
def test_what_was_counted_stays_when_results_go_for_their_number(row: ProbeSchedule) -> None:
    keep(result(row, START + number) for number in range(10))
    rollups.roll(now=START + 10)
    assert retention.prune_to_size(at_most=4) == 6
    assert Rollup.objects.get(span=Rollup.Span.HOUR).ok == 10


# --- PostgreSQL ------------------------------------------------------------------------------------


def tables(row: ProbeSchedule) -> dict[int, str]:
    """Which table each slot lies in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT slot, tableoid::regclass::text FROM probes_result")
        return dict(cursor.fetchall())


@on_postgresql
def test_days_are_made_ahead_once(row: ProbeSchedule) -> None:
    assert partitions.make_ahead(now=START) == [TODAY + DAY * number for number in range(8)]
    assert partitions.make_ahead(now=START) == []
    assert partitions.make_ahead(now=START + DAY) == [TODAY + 8 * DAY]


@on_postgresql
def test_results_of_a_day_without_a_table_wait_in_the_rest_until_it_is_made(row: ProbeSchedule) -> None:
    keep([result(row, TODAY - 1), result(row, TODAY), result(row, TODAY + 9 * DAY)])
    assert set(tables(row).values()) == {"probes_result_rest"}
    partitions.make_ahead(now=START)
    keep([result(row, TODAY + 10)])
    today = partitions.name_of(TODAY)
    assert tables(row) == {
        TODAY - 1: "probes_result_rest",
        TODAY: today,
        TODAY + 9 * DAY: "probes_result_rest",
        TODAY + 10: today,
    }


@on_postgresql
def test_a_day_is_dropped_whole_and_only_when_all_of_it_is_old(row: ProbeSchedule, settings: Any) -> None:
    settings.KEEP_RESULTS_HOURS = 48
    partitions.make_ahead(now=START)
    keep([result(row, TODAY + 10), result(row, TODAY + DAY), result(row, TODAY + 3 * DAY)])
    retention.prune(now=TODAY + 3 * DAY - 1)
    assert partitions.days()[0] == TODAY
    retention.prune(now=TODAY + 3 * DAY)
    assert partitions.days()[0] == TODAY + DAY
    assert slots() == [TODAY + DAY, TODAY + 3 * DAY]


@on_postgresql
def test_a_result_of_a_dropped_day_is_taken_and_goes_with_the_next_pruning(row: ProbeSchedule, settings: Any) -> None:
    settings.KEEP_RESULTS_HOURS = 48
    partitions.make_ahead(now=START)
    retention.prune(now=TODAY + 4 * DAY)
    keep([result(row, TODAY + 10)])
    assert slots() == [TODAY + 10]
    retention.prune(now=TODAY + 4 * DAY)
    assert slots() == []


@on_postgresql
def test_a_lookup_by_slot_reads_its_day_alone(row: ProbeSchedule) -> None:
    partitions.make_ahead(now=START)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN SELECT * FROM probes_result WHERE slot >= %s AND slot < %s", [START, START + 3600])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert partitions.name_of(TODAY) in plan
    assert partitions.name_of(TODAY + DAY) not in plan


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_reader_puts_dropping_off_and_is_not_waited_for_long() -> None:
    row = ProbeScheduleFactory()
    partitions.make_ahead(now=START)
    keep([result(row, START)])

    def drop() -> list[int]:
        try:
            return partitions.drop_before(slot=TODAY + 2 * DAY, patience_ms=50)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic():
            assert slots() == [START]
            assert pool.submit(drop).result() == []
        assert pool.submit(drop).result() == [TODAY, TODAY + DAY]
    for day in partitions.days():  # what a test makes outside a transaction stays
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {partitions.name_of(day)}")
