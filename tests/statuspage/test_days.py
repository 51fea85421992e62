from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from incidents import uptime
from incidents.uptime import STATUSPAGE, Interval
from incidents.words import ComponentStatus
from statuspage import days

NAIROBI = ZoneInfo("Africa/Nairobi")
NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # 12:00 in Nairobi
TODAY = date(2026, 11, 24)
LONG_AGO = NOON - timedelta(days=400)


def row(*pieces: tuple[str, datetime, datetime | None], length: int = 90, **more: date) -> days.Days:
    intervals = [Interval(status, start, end) for status, start, end in pieces]
    return days.row(
        intervals, first=TODAY - timedelta(days=length - 1), last=TODAY, zone=NAIROBI, now=NOON, rule=STATUSPAGE, **more
    )


def hours_ago(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


def test_ninety_days_without_trouble_are_ninety_states_and_nothing_to_list() -> None:
    found = row(("operational", LONG_AGO, None))
    assert found.worst == ("operational",) * 90
    assert (found.bad, found.troubles, found.uptime, found.is_whole) == ((), 0, "100.00", True)


def test_days_before_the_service_existed_have_no_data() -> None:
    found = row(("operational", hours_ago(30), None))
    assert found.worst == ("",) * 88 + ("operational",) * 2
    assert found.known_from == date(2026, 11, 23)
    assert not found.is_whole


def test_a_history_that_begins_later_leaves_out_what_came_before() -> None:
    found = row(("major_outage", LONG_AGO, hours_ago(60)), ("operational", hours_ago(60), None), history_from=date(2026, 11, 23))
    assert found.known_from == date(2026, 11, 23)
    assert (found.bad, found.uptime) == ((), "100.00")


def test_a_bad_day_lists_its_states_worst_first_with_their_minutes() -> None:
    found = row(
        ("operational", LONG_AGO, hours_ago(30)),
        ("delayed", hours_ago(30), hours_ago(29)),
        ("partial_outage", hours_ago(29), hours_ago(28.5)),
        ("operational", hours_ago(28.5), None),
    )
    [day] = found.bad
    assert day.day == date(2026, 11, 23)
    assert day.spans == (days.Span("partial_outage", 30), days.Span("delayed", 60))
    assert found.worst[-2:] == ("partial_outage", "operational")


def test_what_crosses_midnight_is_two_days() -> None:
    found = row(
        ("operational", LONG_AGO, hours_ago(13)),
        ("major_outage", hours_ago(13), hours_ago(11)),
        ("operational", hours_ago(11), None),
    )
    assert [(one.day.day, one.spans[0].minutes) for one in found.bad] == [(24, 60), (23, 60)]
    assert found.troubles == 2


def test_what_goes_on_says_since_when() -> None:
    found = row(("operational", LONG_AGO, hours_ago(2)), ("delayed", hours_ago(2), None))
    assert found.bad[0].spans == (days.Span("delayed", 0, since=hours_ago(2)),)


def test_planned_work_and_what_nobody_could_confirm_are_listed_and_not_counted_as_trouble() -> None:
    found = row(
        ("operational", LONG_AGO, hours_ago(60)),
        ("under_maintenance", hours_ago(60), hours_ago(58)),
        ("operational", hours_ago(58), hours_ago(30)),
        ("unknown", hours_ago(30), hours_ago(29)),
        ("operational", hours_ago(29), None),
    )
    assert [span.status for one in found.bad for span in one.spans] == ["unknown", "under_maintenance"]
    assert found.troubles == 0
    assert found.worst[-3:] == ("under_maintenance", "operational", "operational")


def test_a_day_of_which_nothing_was_confirmed_is_unknown() -> None:
    found = row(("unknown", hours_ago(90), None), length=2)
    assert found.worst == ("unknown", "unknown")
    assert found.uptime is None


def test_a_month_over_several_services_shows_the_worst_of_each_day() -> None:
    well = row(("operational", LONG_AGO, None), length=3)
    ill = row(
        ("operational", LONG_AGO, hours_ago(30)),
        ("delayed", hours_ago(30), hours_ago(29)),
        ("operational", hours_ago(29), None),
        length=3,
    )
    unknown = row(("unknown", LONG_AGO, None), length=3)
    assert days.worst_by_day([well, ill, unknown]) == ["operational", "delayed", "operational"]
    assert days.worst_by_day([unknown]) == ["unknown"] * 3


@hypothesis_settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(ComponentStatus.values), st.integers(1, 3 * 24 * 60)), min_size=1, max_size=12))
def test_it_agrees_with_the_days_of_uptime(pieces: list[tuple[str, int]]) -> None:
    """The quick way and the thorough one say the same of every day."""
    intervals: list[Interval] = []
    end = NOON
    for status, minutes in pieces:
        begin = end - timedelta(minutes=minutes)
        intervals.insert(0, Interval(status, begin, end))
        end = begin
    first = TODAY - timedelta(days=29)
    quick = days.row(intervals, first=first, last=TODAY, zone=NAIROBI, now=NOON, rule=STATUSPAGE)
    thorough = uptime.last_days(intervals, zone=NAIROBI, now=NOON, days=30)
    assert list(quick.worst) == [one.worst for one in thorough]
    assert quick.uptime == uptime.printed(uptime.whole(thorough).percent)
