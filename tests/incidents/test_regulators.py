"""Supervisors' figures, by their own worked rules."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from incidents import regulators, uptime
from incidents.periods import Quarter
from incidents.regulators import ReportedIncident
from incidents.uptime import Interval, Tally

UTC_ZONE = ZoneInfo("Etc/UTC")
Q1 = Quarter(2026, 1)
OK, DOWN, PARTIAL, LATE, BLIND = "operational", "major_outage", "partial_outage", "delayed", "unknown"
AFTER = datetime(2027, 6, 1, tzinfo=UTC)


def day(month: int, number: int, hour: float = 0, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC) + timedelta(hours=hour)


def with_outages(*spans: tuple[datetime, datetime], status: str = DOWN, since: datetime | None = None) -> list[Interval]:
    """Working all the time but for these."""
    return [Interval(OK, since or day(1, 1, year=2024)), *(Interval(status, *span) for span in spans)]


# --- Quarters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "quarter", "first", "last"),
    [
        (date(2026, 1, 1), Quarter(2026, 1), date(2026, 1, 1), date(2026, 3, 31)),
        (date(2026, 6, 30), Quarter(2026, 2), date(2026, 4, 1), date(2026, 6, 30)),
        (date(2026, 11, 24), Quarter(2026, 4), date(2026, 10, 1), date(2026, 12, 31)),
    ],
)
def test_a_quarter_is_three_calendar_months(of: date, quarter: Quarter, first: date, last: date) -> None:
    assert Quarter.of(of) == quarter
    assert (quarter.first, quarter.last) == (first, last)


def test_a_quarters_forerunners_cross_the_year() -> None:
    assert Quarter(2026, 1).earlier() == Quarter(2025, 4)
    assert str(Quarter(2026, 1).earlier(4)) == "2025-Q1"


# --- European Union ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("down", "planned", "planned_counts", "uptime_percent"),
    [
        (0, 0, True, "100"),
        (864, 0, True, "99"),
        (8_640, 0, True, "90"),
        (5_400, 0, True, "93.75"),  # an hour and a half
        (86_400, 0, True, "0"),
        (0, 8_640, True, "90"),
        (0, 8_640, False, "100"),
        (90_000, 0, True, "0"),  # the clock was set back
    ],
)
def test_a_days_downtime_is_its_seconds_over_86400(down: int, planned: int, planned_counts: bool, uptime_percent: str) -> None:
    tally = Tally(
        unplanned={DOWN: timedelta(seconds=down), OK: timedelta(hours=25)},
        planned={"under_maintenance": timedelta(seconds=planned)},
    )
    figure = regulators.eba_day(day=date(2026, 1, 1), tally=tally, planned_counts=planned_counts)
    assert figure.uptime == Decimal(uptime_percent)
    assert figure.downtime == 100 - Decimal(uptime_percent)
    assert (figure.down_seconds, figure.planned_seconds) == (down, planned)


def test_a_quarter_is_the_mean_of_its_days_with_data() -> None:
    """90 days, of which the first 30 have none; one of the others is lost wholly."""
    pieces = with_outages((day(2, 10), day(2, 11)), since=day(1, 31))
    figure = regulators.eba_quarter(pieces, quarter=Q1, zone=UTC_ZONE, now=AFTER)
    assert (len(figure.days), figure.days_without_data) == (90, 30)
    assert figure.uptime == Decimal("98.333333")
    assert figure.downtime == Decimal("1.666667")


def test_a_partial_outage_counts_in_full_and_delay_does_not() -> None:
    partial = regulators.eba_quarter(with_outages((day(1, 1), day(1, 2)), status=PARTIAL), quarter=Q1, zone=UTC_ZONE, now=AFTER)
    late = regulators.eba_quarter(with_outages((day(1, 1), day(1, 2)), status=LATE), quarter=Q1, zone=UTC_ZONE, now=AFTER)
    assert [one.days[0].uptime for one in (partial, late)] == [0, 100]


def test_the_table_of_a_quarter_has_a_line_a_day_and_empty_cells_without_data() -> None:
    figure = regulators.eba_quarter(
        with_outages((day(3, 1), day(3, 1, 12)), since=day(2, 1)), quarter=Q1, zone=UTC_ZONE, now=AFTER
    )
    rows = list(csv.DictReader(regulators.eba_csv({"send-money": figure}).splitlines()))
    assert len(rows) == 90
    assert (rows[0]["day"], rows[0]["uptime_percent"]) == ("2026-01-01", "")
    assert (rows[59]["uptime_percent"], rows[59]["down_seconds"]) == ("50.000000", "43200")


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ("yyyyy", []),
        ("ynnnny", []),
        ("ynnnnny", [(1, 6)]),
        ("nnnnn", [(0, None)]),
        ("nnnnynnnnn", [(5, None)]),
        ("nnnnnnnyynnnnny", [(0, 7), (9, 14)]),
    ],
)
def test_down_is_from_the_first_of_five_requests_without_an_answer(answered: str, expected: list[tuple[int, int | None]]) -> None:
    sent = [(day(1, 1) + timedelta(minutes=number), letter == "y") for number, letter in enumerate(answered)]
    found = [(piece.start, piece.end) for piece in regulators.down_by_unanswered(sent)]
    minute = [moment for moment, _ in sent]
    assert found == [(minute[start], None if end is None else minute[end]) for start, end in expected]


# --- Singapore -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "used", "most_used", "exceeded"),
    [
        ([], 0, 0, False),
        ([(day(2, 1), day(2, 1, 4))], 4, 4, False),
        ([(day(2, 1), day(2, 1, 3)), (day(5, 1), day(5, 1, 2))], 5, 5, True),
        # Thirteen months apart: never in the same twelve.
        ([(day(4, 1, year=2025), day(4, 1, 3, year=2025)), (day(5, 1), day(5, 1, 2))], 2, 3, False),
        # Both lie in some twelve months, though not in those until today.
        ([(day(5, 20, year=2025), day(5, 20, 3, year=2025)), (day(4, 1), day(4, 1, 2))], 2, 5, True),
        # Half of it has already left the window.
        ([(day(5, 31, 22, year=2025), day(6, 1, 2, year=2025))], 2, 4, False),
    ],
)
def test_unscheduled_downtime_is_counted_over_any_twelve_months(
    spans: list[tuple[datetime, datetime]], used: int, most_used: int, exceeded: bool
) -> None:
    budget = regulators.mas_budget(with_outages(*spans), since=day(1, 1, year=2024), now=day(6, 1))
    assert (budget.used, budget.most_used) == (timedelta(hours=used), timedelta(hours=most_used))
    assert budget.left == timedelta(hours=max(4 - used, 0))
    assert budget.is_exceeded == exceeded


def test_scheduled_downtime_is_not_counted_and_recovery_has_four_hours() -> None:
    planned = [Interval(DOWN, day(2, 1), day(2, 1, 9), planned=True)]
    assert regulators.mas_budget(planned, since=day(1, 1), now=day(6, 1)).used == timedelta()
    long = regulators.mas_budget(with_outages((day(2, 1), day(2, 1, 5))), since=day(1, 1), now=day(6, 1))
    assert (long.longest, long.was_restored_in_time) == (timedelta(hours=5), False)


def test_an_outage_that_becomes_partial_is_one_outage() -> None:
    pieces = [Interval(DOWN, day(2, 1), day(2, 1, 3)), Interval(PARTIAL, day(2, 1, 3), day(2, 1, 5)), Interval(OK, day(2, 1, 5))]
    assert [one.length for one in regulators.outages(pieces, start=day(1, 1), end=day(6, 1))] == [timedelta(hours=5)]


# --- Ghana ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("percent", "met"), [("99.5", True), ("99.499999", False), ("100", True), ("0", False), (None, None)])
def test_the_line_is_99_and_a_half_and_no_data_is_neither(percent: str | None, met: bool | None) -> None:
    assert regulators.meets_line(Decimal(percent) if percent else None) is met


def test_the_line_leaves_three_hours_36_minutes_of_30_days() -> None:
    assert regulators.downtime_allowed(timedelta(days=30)) == timedelta(hours=3, minutes=36)


# --- Australia -----------------------------------------------------------------------------------


def test_the_quarterly_table_has_number_time_and_availability_of_each_service() -> None:
    services = {
        "ATMs": with_outages((day(1, 5), day(1, 5, 2)), (day(2, 5), day(2, 5, 1))),
        "Online banking": with_outages(),
        "Fast transfers": [Interval(BLIND, day(1, 1, year=2025))],
        # Two components of one service, down at the same time for a part of it: one outage.
        "Card acceptance": [*with_outages((day(1, 5), day(1, 5, 2))), *with_outages((day(1, 5, 1), day(1, 5, 3)))],
    }
    rows = regulators.disclosure(services, quarter=Q1, zone=UTC_ZONE, now=AFTER)
    assert [(row.service, row.outages, row.duration) for row in rows] == [
        ("ATMs", 2, timedelta(hours=3)),
        ("Online banking", 0, timedelta()),
        ("Fast transfers", 0, timedelta()),
        ("Card acceptance", 1, timedelta(hours=3)),
    ]
    # 3 of 2,160 hours
    assert [uptime.printed(row.availability) for row in rows] == ["99.86", "100.00", None, "99.86"]


def test_short_outages_are_left_out_where_only_significant_ones_count() -> None:
    pieces = with_outages((day(1, 5), day(1, 5, 0.25)), (day(1, 6), day(1, 6, 1)))
    [row] = regulators.disclosure({"ATMs": pieces}, quarter=Q1, zone=UTC_ZONE, now=AFTER, at_least=timedelta(minutes=30))
    assert (row.outages, row.duration) == (1, timedelta(hours=1))


@pytest.mark.parametrize(
    ("quarter", "due"),
    [
        (Quarter(2026, 1), date(2026, 5, 15)),
        (Quarter(2026, 3), date(2026, 11, 15)),
        (Quarter(2025, 4), date(2026, 2, 15)),
    ],
)
def test_the_disclosure_is_due_on_the_15th_of_the_second_month_after(quarter: Quarter, due: date) -> None:
    assert regulators.disclosure_due(quarter) == due


def test_a_quarter_that_has_not_begun_has_no_availability() -> None:
    [row] = regulators.disclosure({"ATMs": with_outages()}, quarter=Quarter(2028, 1), zone=UTC_ZONE, now=AFTER)
    assert row.availability is None


# --- United Kingdom ------------------------------------------------------------------------------


def test_major_incidents_are_counted_in_all_and_by_channel_for_one_and_four_quarters() -> None:
    reported = [
        ReportedIncident(day(1, 9), frozenset({"app", "ussd"})),  # both are mobile: one
        ReportedIncident(day(2, 9), frozenset({"api", "voice"})),
        ReportedIncident(day(3, 9), frozenset({"agent"})),
        ReportedIncident(day(5, 9, year=2025), frozenset({"web"})),
        ReportedIncident(day(3, 31, year=2025), frozenset({"web"})),  # the quarter before the four
        ReportedIncident(day(4, 1), frozenset({"app"})),  # the next one
    ]
    table = regulators.uk_table(reported, quarter=Q1, zone=UTC_ZONE)
    assert table.quarter == regulators.ChannelCount(total=3, telephone=1, mobile=1, internet=1)
    assert table.four_quarters == regulators.ChannelCount(total=4, telephone=1, mobile=1, internet=2)


def test_a_quarter_begins_at_the_zones_midnight() -> None:
    late = [ReportedIncident(datetime(2025, 12, 31, 22, 0, tzinfo=UTC), frozenset({"app"}))]
    assert regulators.uk_table(late, quarter=Q1, zone=ZoneInfo("Africa/Nairobi")).quarter.total == 1
    assert regulators.uk_table(late, quarter=Q1, zone=UTC_ZONE).quarter.total == 0


# --- Is it major? --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "users", "hours", "criteria"),
    [
        (None, None, None, []),
        ("10", 5_000, 2, []),  # more than, not as much as
        ("10.1", None, None, ["transactions"]),
        (None, 5_001, None, ["users"]),
        ("0", 0, 2.1, ["length"]),
        ("50", 32_000_000, 4.25, ["transactions", "users", "length"]),
    ],
)
def test_the_thresholds_passed_are_named_and_a_person_classifies(
    share: str | None, users: int | None, hours: float | None, criteria: list[str]
) -> None:
    found = regulators.major_criteria(
        share_of_transactions=Decimal(share) if share else None,
        users=users,
        length=None if hours is None else timedelta(hours=hours),
    )
    assert found == criteria


def test_a_deployment_sets_its_own_thresholds() -> None:
    own = regulators.MajorThresholds(users=100)
    assert regulators.major_criteria(share_of_transactions=None, users=101, length=None, thresholds=own) == ["users"]
