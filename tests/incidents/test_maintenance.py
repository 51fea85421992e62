"""Planned work: its phases, what falls due by itself, overrun, new dates, recurrence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import maintenance, rollup
from incidents.maintenance import Act, Phase, Window
from incidents.words import ComponentStatus
from tests.factories import NOON

NAIROBI = ZoneInfo("Africa/Nairobi")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


# Announced three days before; from noon to three.
WINDOW = Window(start=at(0), end=at(3), announced_at=at(-72))


def acts(window: Window, hours: float, *, trouble: bool = False, done: tuple[str, ...] = ()) -> list[str]:
    return [one.act.value for one in maintenance.due(window, now=at(hours), trouble=trouble, done=done)]


# --- The word ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("announced", "beforehand", "notice"), [(-72, True, 72), (-0.1, True, 0.1), (0, False, 0), (1, False, 0), (None, False, 0)]
)
def test_only_what_was_published_before_it_began_is_planned_work(
    announced: float | None, beforehand: bool, notice: float
) -> None:
    window = replace(WINDOW, announced_at=None if announced is None else at(announced))
    assert window.was_announced_beforehand is beforehand
    assert window.notice == notice * HOUR
    assert maintenance.excuses(window, "partial_outage", now=at(1)) is beforehand
    if not beforehand:
        assert maintenance.due(replace(window, phase=Phase.IN_PROGRESS), now=at(5), trouble=True) == []


@pytest.mark.parametrize(
    ("status", "hours", "excused"),
    [
        ("partial_outage", 1, True),
        ("delayed", 1, True),
        ("major_outage", 1, False),  # worse than it expects
        ("partial_outage", -0.1, False),
        ("partial_outage", 3, False),  # its end
    ],
)
def test_a_window_explains_what_it_expects_while_it_lasts(status: str, hours: float, excused: bool) -> None:
    assert maintenance.excuses(WINDOW, status, now=at(hours)) is excused
    assert not maintenance.excuses(replace(WINDOW, phase=Phase.CANCELLED), status, now=at(hours))
    assert not maintenance.excuses(replace(WINDOW, automatic_start=False), status, now=at(hours)), "nobody has begun"


statuses = st.sampled_from(ComponentStatus.values)


@given(status=statuses, expected=statuses, hours=st.floats(-5, 8), phase=st.sampled_from(list(Phase)))
def test_no_window_ever_hides_what_is_worse_than_it_expects(status: str, expected: str, hours: float, phase: Phase) -> None:
    window = replace(WINDOW, expected=expected, phase=phase)
    if maintenance.excuses(window, status, now=at(hours)):
        assert not rollup.is_worse(status, expected)
        assert window.start <= at(hours) < window.end


# --- What falls due ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "hours", "trouble", "expected"),
    [
        ("scheduled", -30, False, []),
        ("scheduled", -24, False, ["remind"]),
        ("scheduled", -0.5, False, ["remind"]),  # one of the two that were missed
        ("scheduled", 0, False, ["start"]),
        ("in_progress", 1, True, []),
        ("in_progress", 2.9, True, ["draft_longer"]),
        ("in_progress", 3, False, ["draft_longer", "complete"]),
        ("in_progress", 3, True, ["draft_longer", "overrun"]),
        ("verifying", 2.9, True, []),
        ("verifying", 3, False, ["complete"]),
        ("verifying", 3, True, ["overrun"]),
        ("completed", 5, True, []),
        ("cancelled", 0, True, []),
    ],
)
def test_each_phase_has_what_falls_due_by_itself(phase: str, hours: float, trouble: bool, expected: list[str]) -> None:
    assert acts(replace(WINDOW, phase=Phase(phase)), hours, trouble=trouble) == expected


def test_what_is_done_is_not_due_again() -> None:
    [reminder] = maintenance.due(WINDOW, now=at(-24), trouble=False)
    assert acts(WINDOW, -23, done=(reminder.key,)) == []
    assert acts(WINDOW, -1, done=(reminder.key,)) == ["remind"]


def test_a_window_that_a_person_ends_overruns_until_they_do() -> None:
    by_hand = replace(WINDOW, phase=Phase.IN_PROGRESS, automatic_end=False)
    assert acts(by_hand, 3, trouble=False) == ["draft_longer", "overrun"]
    assert acts(replace(WINDOW, automatic_start=False), 1) == []


def test_the_announcement_is_reminder_enough_when_it_comes_late() -> None:
    late = replace(WINDOW, announced_at=at(-2))
    assert acts(late, -1.5) == []
    assert acts(late, -1) == ["remind"]


@pytest.mark.parametrize(
    ("phase", "finished", "hours", "expected"),
    [
        ("in_progress", None, 2, 0),
        ("in_progress", None, 5, 2),
        ("completed", 2.5, 9, 0),
        ("completed", 4, 9, 1),
        ("cancelled", None, 9, 0),
        ("scheduled", None, 9, 0),
    ],
)
def test_an_overrun_is_counted_from_the_planned_end(phase: str, finished: float | None, hours: float, expected: float) -> None:
    window = replace(WINDOW, phase=Phase(phase), finished_at=None if finished is None else at(finished))
    assert window.overrun(at(hours)) == expected * HOUR


@given(hours=st.lists(st.floats(-100, 100), max_size=20).map(sorted), trouble=st.booleans())
def test_a_window_left_to_itself_starts_once_and_ends_once(hours: list[float], trouble: bool) -> None:
    """Whatever the moments at which somebody looks: each act comes once, a start before an end."""
    window, done, order = WINDOW, set[str](), list[Act]()
    phases = {Act.START: Phase.IN_PROGRESS, Act.COMPLETE: Phase.COMPLETED}
    for hour in hours:
        for one in maintenance.due(window, now=at(hour), trouble=trouble, done=done):
            done.add(one.key)
            order.append(one.act)
            window = replace(window, phase=phases.get(one.act, window.phase))
    ends = {Act.COMPLETE, Act.OVERRUN}
    assert order.count(Act.START) <= 1
    assert sum(act in ends for act in order) <= 1
    assert order.count(Act.REMIND) <= 2
    if ends & set(order):
        assert order.index(Act.START) < min(order.index(act) for act in ends if act in order)


# --- Steps and dates -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("scheduled", "in_progress", True),
        ("scheduled", "cancelled", True),
        ("in_progress", "verifying", True),
        ("in_progress", "cancelled", False),  # work that was begun has an end, not a cancellation
        ("verifying", "in_progress", True),
        ("completed", "in_progress", False),
        ("cancelled", "scheduled", False),
    ],
)
def test_phases_follow_one_another(before: str, after: str, allowed: bool) -> None:
    assert maintenance.may_step(Phase(before), Phase(after)) is allowed


def test_a_new_date_is_announced_anew_and_everything_is_due_again() -> None:
    [reminder] = maintenance.due(WINDOW, now=at(-24), trouble=False)
    moved = maintenance.reschedule(WINDOW, start=at(48), end=at(50), now=at(-12))
    assert isinstance(moved, Window)
    assert (moved.start, moved.end, moved.announced_at) == (at(48), at(50), at(-12))
    assert acts(moved, 24, done=(reminder.key,)) == ["remind"]


@pytest.mark.parametrize(
    ("phase", "start", "end", "code"),
    [
        ("scheduled", -13, 5, "start_past"),
        ("scheduled", 5, 5, "end_before_start"),
        ("in_progress", 5, 6, "not_scheduled"),
        ("completed", 5, 6, "not_scheduled"),
    ],
)
def test_a_date_that_cannot_be_is_refused(phase: str, start: float, end: float, code: str) -> None:
    refused = maintenance.reschedule(replace(WINDOW, phase=Phase(phase)), start=at(start), end=at(end), now=at(-12))
    assert isinstance(refused, list)
    assert [one.code for one in refused] == [code]


@pytest.mark.parametrize(
    ("before", "after", "dates", "hours", "code"),
    [
        (None, "scheduled", (0, 3), -1, ""),
        (None, "scheduled", (0, 3), 0, "start_past"),
        (None, "scheduled", None, -1, "not_announced"),
        (None, "in_progress", (0, 3), -1, "not_announced"),
        ("scheduled", "scheduled", None, -1, ""),  # one more word
        ("scheduled", "scheduled", (5, 6), -1, ""),
        ("scheduled", "in_progress", None, 1, ""),
        ("scheduled", "in_progress", None, -1, "outside_window"),
        ("scheduled", "in_progress", None, 3, "outside_window"),
        ("scheduled", "cancelled", None, 9, ""),
        ("in_progress", "scheduled", (5, 6), 1, "not_scheduled"),
        ("in_progress", "verifying", (5, 6), 1, "not_scheduled"),
        ("in_progress", "cancelled", None, 1, "phase_order"),
        ("verifying", "in_progress", None, 4, ""),  # it goes on, however late
        ("completed", "completed", None, 4, "maintenance_over"),
        ("cancelled", "scheduled", (5, 6), 4, "maintenance_over"),
    ],
)
def test_a_word_about_it_fits_its_phase_and_its_times(
    before: str | None, after: str, dates: tuple[float, float] | None, hours: float, code: str
) -> None:
    found = maintenance.update_problems(
        None if before is None else replace(WINDOW, phase=Phase(before)),
        Phase(after),
        dates=(at(dates[0]), at(dates[1])) if dates else None,
        now=at(hours),
    )
    assert [one.code for one in found] == ([code] if code else [])


# --- Recurrence ----------------------------------------------------------------------------------


def local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def test_every_sunday_at_one_stays_at_one_when_summer_time_begins() -> None:
    start = datetime(2026, 3, 22, 1, 0, tzinfo=BERLIN)
    found = maintenance.occurrences(
        "FREQ=WEEKLY;BYDAY=SU", start=start, length=2 * HOUR, zone=BERLIN, after=start - HOUR, limit=3
    )
    assert [local(begin, BERLIN) for begin, _ in found] == ["2026-03-22 01:00", "2026-03-29 01:00", "2026-04-05 01:00"]
    assert found[2][0] - found[1][0] == timedelta(days=7) - HOUR
    assert [end - begin for begin, end in found] == [2 * HOUR] * 3


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;COUNT=2", ["11-24", "11-25"]),
        ("FREQ=WEEKLY;INTERVAL=2", ["11-24", "12-08", "12-22"]),
        ("FREQ=MONTHLY;BYDAY=-1SU", ["11-29", "12-27", "01-31"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["11-30", "12-31", "01-29"]),
        ("FREQ=WEEKLY;UNTIL=20261201", ["11-24"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["02-29", "02-29", "02-29"]),
    ],
)
def test_a_rule_gives_its_next_windows(rule: str, days: list[str]) -> None:
    assert maintenance.rule_problems(rule, start=NOON, length=HOUR, zone=NAIROBI) == []
    found = maintenance.occurrences(rule, start=NOON, length=HOUR, zone=NAIROBI, after=at(-1), limit=3)
    assert [local(begin, NAIROBI)[5:10] for begin, _ in found] == days


@pytest.mark.parametrize(
    ("rule", "length", "code"),
    [
        ("", 1, "rule_form"),
        ("every Sunday", 1, "rule_form"),
        ("FREQ=HOURLY", 1, "rule_form"),
        ("FREQ=WEEKLY;BYDAY=XX", 1, "rule_form"),
        ("FREQ=WEEKLY;BYHOUR=3", 1, "rule_form"),
        ("FREQ=WEEKLY;INTERVAL=0", 1, "rule_form"),
        ("FREQ=WEEKLY;UNTIL=20270101T000000Z", 1, "rule_form"),
        ("FREQ=DAILY\nRRULE:FREQ=DAILY", 1, "rule_form"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 1, "rule_never"),
        ("FREQ=DAILY", 25, "rule_overlaps"),
        ("FREQ=WEEKLY;BYDAY=SA,SU", 30, "rule_overlaps"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule: str, length: float, code: str) -> None:
    assert [one.code for one in maintenance.rule_problems(rule, start=NOON, length=length * HOUR, zone=NAIROBI)] == [code]


@given(st.text(alphabet="FREQ=DAILYWEKMONTH;BUSCP1234567890-+,", max_size=40))
def test_any_rule_is_read_or_refused(rule: str) -> None:
    for one in maintenance.rule_problems(rule, start=NOON, length=HOUR, zone=NAIROBI):
        assert one.message.endswith(".")


def test_times_come_in_utc() -> None:
    [(begin, _)] = maintenance.occurrences("FREQ=DAILY", start=NOON, length=HOUR, zone=NAIROBI, after=at(-1), limit=1)
    assert begin.tzinfo is UTC
