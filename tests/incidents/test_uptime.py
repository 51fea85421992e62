"""Uptime: intervals to seconds, seconds to a percentage by a printed rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import periods, uptime
from incidents.uptime import FULL, FULL_WITH_PLANNED, NO_DATA, STATUSPAGE, Interval, Tally
from incidents.words import ComponentStatus

NAIROBI = ZoneInfo("Africa/Nairobi")
BERLIN = ZoneInfo("Europe/Berlin")
OK, DOWN, PARTIAL, LATE, SLOW, BLIND, WORK = (
    "operational",
    "major_outage",
    "partial_outage",
    "delayed",
    "degraded_performance",
    "unknown",
    "under_maintenance",
)
MIDNIGHT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)  # the 24th begins in Nairobi
DAY = date(2026, 11, 24)
LATER = MIDNIGHT + timedelta(days=30)


def at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def day_of(*parts: tuple[str, float]) -> list[Interval]:
    """A day made of (status, hours) in turn."""
    pieces, clock = [], 0.0
    for status, hours in parts:
        pieces.append(Interval(status, at(clock), at(clock + hours)))
        clock += hours
    return pieces


@pytest.mark.parametrize(
    ("parts", "rule", "expected"),
    [
        ([(OK, 24)], STATUSPAGE, "100.00"),
        ([(DOWN, 24)], STATUSPAGE, "0.00"),
        ([(DOWN, 12), (OK, 12)], STATUSPAGE, "50.00"),
        ([(PARTIAL, 24)], STATUSPAGE, "70.00"),
        ([(PARTIAL, 24)], FULL, "0.00"),
        ([(PARTIAL, 6), (DOWN, 6), (OK, 12)], STATUSPAGE, "67.50"),
        ([(SLOW, 12), (LATE, 12)], STATUSPAGE, "100.00"),
        ([(WORK, 6), (OK, 18)], STATUSPAGE, "100.00"),
        ([(WORK, 6), (OK, 18)], FULL_WITH_PLANNED, "75.00"),
        ([(BLIND, 12), (OK, 12)], STATUSPAGE, "100.00"),
        ([(BLIND, 12), (DOWN, 6), (OK, 6)], STATUSPAGE, "50.00"),
        ([(BLIND, 24)], STATUSPAGE, None),
        ([], STATUSPAGE, None),
        # One second of 86,400 is lost: never printed as 100.
        ([(DOWN, 1 / 3600), (OK, 24 - 1 / 3600)], STATUSPAGE, "99.99"),
    ],
)
def test_a_days_percentage_follows_the_rule(parts: list[tuple[str, float]], rule: uptime.Rule, expected: str | None) -> None:
    [figure] = uptime.by_day(day_of(*parts), first=DAY, last=DAY, zone=NAIROBI, now=LATER, rule=rule)
    assert uptime.printed(figure.percent) == expected


def test_the_rule_is_printed_in_both_languages_from_its_own_numbers() -> None:
    words = STATUSPAGE.sentence
    assert set(words) == {"en", "sw"}
    assert "“Not working” is lost in full, each minute of “Not working for some” by 30 %" in words["en"]
    assert "kwa asilimia 30" in words["sw"]
    assert "by 45 %" in uptime.Rule("own", Decimal(1), Decimal("0.45")).sentence["en"]
    assert "planned work is lost in full" in FULL_WITH_PLANNED.sentence["en"]


def test_planned_and_unplanned_are_told_apart() -> None:
    pieces = [Interval(DOWN, at(0), at(1)), Interval(PARTIAL, at(1), at(3), planned=True), Interval(WORK, at(3), at(4))]
    figure = uptime.figure([*pieces, Interval(OK, at(4), at(24))], start=at(0), end=at(24), now=LATER)
    assert figure.tally.down == timedelta(hours=1)
    assert figure.tally.planned_down == timedelta(hours=3)
    assert uptime.printed(figure.percent) == "95.83"
    assert uptime.printed(figure.with_planned) == "83.33"


def test_delayed_and_slow_time_is_reported_though_it_counts_as_worked() -> None:
    figure = uptime.figure(day_of((LATE, 3), (SLOW, 2), (OK, 19)), start=at(0), end=at(24), now=LATER)
    assert (figure.tally.delayed, figure.tally.degraded) == (timedelta(hours=3), timedelta(hours=2))
    assert uptime.printed(figure.percent) == "100.00"
    assert figure.worst == SLOW


def test_an_open_interval_lasts_until_now_and_no_longer() -> None:
    figure = uptime.figure([Interval(DOWN, at(10))], start=at(0), end=at(24), now=at(12))
    assert figure.tally.length == timedelta(hours=12)
    assert figure.tally.down == timedelta(hours=2)
    assert figure.tally.not_known == timedelta(hours=10)
    assert figure.percent == 0


def test_where_two_intervals_overlap_the_worse_one_was_shown() -> None:
    both = [Interval(OK, at(0), at(24)), Interval(LATE, at(2), at(6)), Interval(DOWN, at(4), at(5))]
    shown = [(piece.status, piece.start, piece.end) for piece in uptime.tile(both, start=at(0), end=at(24))]
    assert shown == [(OK, at(0), at(2)), (LATE, at(2), at(4)), (DOWN, at(4), at(5)), (LATE, at(5), at(6)), (OK, at(6), at(24))]


def test_a_window_does_not_excuse_the_same_outage_reported_as_unplanned() -> None:
    twice = [Interval(DOWN, at(0), at(1), planned=True), Interval(DOWN, at(0), at(1))]
    assert uptime.tally(twice, start=at(0), end=at(1)).down == timedelta(hours=1)


def test_the_last_90_days_end_today_and_days_before_the_first_interval_have_no_data() -> None:
    days = uptime.last_days([Interval(OK, at(-48))], zone=NAIROBI, now=at(6))
    assert len(days) == 90
    assert days[-1].day == DAY
    assert days[-1].tally.length == timedelta(hours=6)
    assert [figure.percent for figure in days[-3:]] == [100, 100, 100]
    assert {figure.percent for figure in days[:-3]} == {None}
    assert {figure.worst for figure in days[:-3]} == {NO_DATA}


def test_a_day_to_come_has_no_data() -> None:
    figures = uptime.by_day([Interval(OK, at(0))], first=DAY, last=DAY + timedelta(days=1), zone=NAIROBI, now=at(1))
    assert [figure.has_data for figure in figures] == [True, False]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)])
def test_a_day_is_as_long_as_it_is_where_the_clock_changes(day: date, hours: int) -> None:
    always = [Interval(OK, datetime(2026, 1, 1, tzinfo=UTC))]
    [figure] = uptime.by_day(always, first=day, last=day, zone=BERLIN, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert figure.tally.length == timedelta(hours=hours)


def test_a_group_is_the_mean_of_its_components_with_data() -> None:
    members = [
        uptime.by_day(day_of(*parts), first=DAY, last=DAY, zone=NAIROBI, now=LATER)
        for parts in ([(OK, 24)], [(DOWN, 12), (OK, 12)], [(BLIND, 24)])
    ]
    [figure] = uptime.group_by_day(members)
    assert uptime.printed(figure.percent) == "75.00"
    assert figure.worst == DOWN
    assert figure.tally.down == timedelta(hours=12)


def test_a_group_of_which_nobody_knows_anything_has_no_data() -> None:
    assert uptime.group([]).percent is None
    assert uptime.mean([None, None]) is None


def test_days_put_together_are_the_period() -> None:
    pieces = day_of((DOWN, 5), (BLIND, 7), (OK, 40), (PARTIAL, 20))
    days = uptime.by_day(pieces, first=DAY, last=DAY + timedelta(days=2), zone=NAIROBI, now=LATER)
    period = uptime.figure(pieces, start=at(0), end=at(72), now=LATER)
    assert uptime.whole(days) == period


# --- Properties ----------------------------------------------------------------------------------

moments = st.integers(min_value=-3 * 86_400, max_value=6 * 86_400).map(lambda seconds: MIDNIGHT + timedelta(seconds=seconds))
statuses = st.sampled_from([*ComponentStatus.values, NO_DATA])


@st.composite
def intervals(draw: st.DrawFn) -> list[Interval]:
    """Any heap of intervals: overlapping, empty, backwards, open."""
    return draw(
        st.lists(st.builds(Interval, statuses, moments, st.one_of(st.none(), moments), st.booleans()), min_size=0, max_size=12)
    )


@given(pieces=intervals(), start=moments, length=st.integers(min_value=1, max_value=5 * 86_400))
def test_intervals_always_sum_to_the_period(pieces: list[Interval], start: datetime, length: int) -> None:
    end = start + timedelta(seconds=length)
    tiles = uptime.tile(pieces, start=start, end=end)
    assert (tiles[0].start, tiles[-1].end) == (start, end)
    assert all(one.end == following.start for one, following in pairwise(tiles))
    assert uptime.tally(pieces, start=start, end=end).length == timedelta(seconds=length)


@given(pieces=intervals(), now=moments, zone=st.sampled_from([NAIROBI, BERLIN, ZoneInfo("Etc/UTC")]))
def test_days_always_sum_to_the_period_whatever_the_zone(pieces: list[Interval], now: datetime, zone: ZoneInfo) -> None:
    first, last = date(2026, 11, 22), date(2026, 11, 27)
    days = uptime.by_day(pieces, first=first, last=last, zone=zone, now=now)
    start, end = periods.midnight(first, zone), periods.bounds(last, zone)[1]
    expected = max(min(end, now) - start, timedelta())
    assert sum((figure.tally.length for figure in days), timedelta()) == expected
    assert uptime.whole(days) == uptime.figure(pieces, start=start, end=end, now=now)


@given(pieces=intervals())
def test_a_percentage_lies_between_0_and_100_and_nothing_lost_is_the_only_100(pieces: list[Interval]) -> None:
    sums = uptime.tally(pieces, start=at(0), end=at(24))
    value = uptime.percent(sums, FULL)
    if value is None:
        assert sums.known == timedelta()
        return
    assert 0 <= value <= 100
    assert (value == 100) == (sums.down == timedelta())


@given(pieces=intervals())
def test_a_stricter_rule_never_gives_a_higher_figure(pieces: list[Interval]) -> None:
    sums = uptime.tally(pieces, start=at(0), end=at(24))
    values = [uptime.percent(sums, rule) for rule in (STATUSPAGE, FULL, FULL_WITH_PLANNED)]
    known = [value for value in values if value is not None]
    assert len(known) in (0, 3)
    assert known == sorted(known, reverse=True)


@given(pieces=intervals())
def test_what_is_planned_and_what_is_not_make_up_the_whole(pieces: list[Interval]) -> None:
    sums = uptime.tally(pieces, start=at(0), end=at(24))
    assert sums.known + sums.not_known == sums.length == timedelta(hours=24)
    assert uptime.merge([sums, Tally()]) == sums
