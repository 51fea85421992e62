"""Derived figures: 9 January and 8 December as worked examples, tables, and properties."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import figures
from incidents.figures import Moments, ReviewState, Word
from tests.factories import NOON

HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


# --- Worked examples -----------------------------------------------------------------------------


def test_the_seed_outage_lasted_four_and_a_quarter_hours_with_as_long_a_silence() -> None:
    """First customers at 11:00, one word at 15:15 that it is over."""
    moments = Moments(first_customer_impact=at(-1), detected=at(-0.9), first_public_update=at(3.25), resolved=at(3.25))
    found = figures.derive(moments, [Word(at(3.25))], now=at(100))
    assert found.duration == minutes(255)
    assert found.impact_to_first_word == minutes(255)
    assert found.to_first_word == minutes(249)
    assert found.first_word_in_time is False
    assert found.to_detect == minutes(6)
    assert found.longest_silence == timedelta()


def test_an_outage_with_exact_times_has_exact_figures() -> None:
    """19:04 to 22:53: 3 h 49 min."""
    moments = Moments(first_customer_impact=at(0), resolved=at(0) + minutes(229))
    found = figures.derive(moments, [], now=at(100))
    assert found.duration == found.to_restore == minutes(229)
    assert (found.to_detect, found.to_first_word, found.longest_silence, found.first_word_in_time) == (None, None, None, None)


def test_an_open_incident_counts_on() -> None:
    found = figures.derive(Moments(first_customer_impact=at(0)), [Word(at(1))], now=at(5))
    assert (found.duration, found.to_restore, found.longest_silence) == (5 * HOUR, None, 4 * HOUR)


def test_restored_counts_before_resolved() -> None:
    found = figures.derive(Moments(first_customer_impact=at(0), mitigated=at(2), resolved=at(3)), [], now=at(9))
    assert (found.to_restore, found.duration) == (2 * HOUR, 3 * HOUR)


def test_the_first_word_counts_from_awareness_where_nobody_detected_it() -> None:
    found = figures.derive(Moments(aware=at(1), first_public_update=at(1.25)), [], now=at(9))
    assert found.to_first_word == minutes(15)
    assert found.first_word_in_time is True


# --- Order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moments", "pairs"),
    [
        ({}, []),
        ({"detected": at(1), "first_customer_impact": at(2)}, []),  # a probe may see it before any customer
        ({"first_customer_impact": at(2), "resolved": at(1)}, [("first_customer_impact", "resolved")]),
        ({"mitigated": at(3), "resolved": at(2)}, [("mitigated", "resolved")]),
        ({"resolved": at(2), "review_published": at(1)}, [("resolved", "review_published")]),
    ],
)
def test_times_the_wrong_way_round_are_named(moments: dict[str, datetime], pairs: list[tuple[str, str]]) -> None:
    assert figures.out_of_order(Moments(**moments)) == pairs


def test_a_figure_from_times_the_wrong_way_round_is_left_out() -> None:
    found = figures.derive(Moments(first_customer_impact=at(2), detected=at(1), resolved=at(0)), [], now=at(3))
    assert (found.to_detect, found.duration) == (None, None)


# --- Promises ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "now", "states", "late"),
    [
        ([], 9, [], []),
        ([(0, 1)], 0.5, ["open"], [0]),
        ([(0, 1)], 1, ["open"], [0]),
        ([(0, 1)], 1.5, ["missed"], [0.5]),
        ([(0, 1), (1, 2)], 1.5, ["kept", "open"], [0, 0]),
        ([(0, 1), (1.25, 2), (1.9, None)], 9, ["missed", "kept"], [0.25, 0]),
        ([(1.25, 2), (0, 1)], 1.5, ["missed", "open"], [0.25, 0]),  # in any order
    ],
)
def test_a_promise_is_kept_missed_or_open(
    words: list[tuple[float, float | None]], now: float, states: list[str], late: list[float]
) -> None:
    spoken = [Word(at(when), None if promised is None else at(promised)) for when, promised in words]
    found = figures.promises(spoken, now=at(now))
    assert [promise.state for promise in found] == states
    assert [promise.late for promise in found] == [hours * HOUR for hours in late]


def test_an_incident_that_is_over_owes_no_word_any_more() -> None:
    moments = Moments(first_customer_impact=at(0), first_public_update=at(0), resolved=at(1))
    found = figures.derive(moments, [Word(at(0), at(2)), Word(at(1))], now=at(50))
    assert (found.promises_made, found.promises_kept, found.promises_missed) == (1, 1, 0)


# --- Review --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("impact", "days", "state"),
    [
        ("critical", 3, "due_by"),
        ("critical", 3.01, "overdue"),
        ("major", 3, "due_by"),
        ("major", 4, "overdue"),
        ("minor", 4, "due_by"),
        ("minor", 14, "due_by"),
        ("none", 15, "overdue"),
    ],
)
def test_a_review_is_due_by_impact_and_then_overdue(impact: str, days: float, state: str) -> None:
    found = figures.review(resolved_at=NOON, impact=impact, now=at(days * 24))
    assert found.state == state
    assert found.due_at == figures.review_due(resolved_at=NOON, impact=impact)


@pytest.mark.parametrize(
    ("fields", "state", "due"),
    [
        ({"resolved_at": None}, ReviewState.NOT_STARTED, None),
        ({"false_alarm": True}, ReviewState.NOT_NEEDED, None),
        ({"published_at": at(30)}, ReviewState.PUBLISHED, None),
        ({"published_at": at(30), "cause_known": False, "cause_due_at": at(200)}, ReviewState.CAUSE_DUE_BY, at(200)),
        ({"published_at": at(30), "cause_known": False, "cause_due_at": at(40)}, ReviewState.CAUSE_OVERDUE, at(40)),
        ({"published_at": at(30), "cause_known": False}, ReviewState.CAUSE_OVERDUE, None),
    ],
)
def test_a_cause_may_be_owed_but_only_with_a_date(fields: dict[str, Any], state: ReviewState, due: datetime | None) -> None:
    found = figures.review(**{"resolved_at": NOON, "impact": "major", "now": at(100), **fields})
    assert (found.state, found.due_at) == (state, due)


@pytest.mark.parametrize(
    ("impact", "fields", "closes"),
    [
        ("major", {}, False),
        ("critical", {}, False),
        ("minor", {}, True),
        ("major", {"published_at": at(1)}, True),
        ("major", {"published_at": at(1), "cause_known": False, "cause_due_at": at(2)}, True),
        ("none", {"false_alarm": True}, True),
    ],
)
def test_a_major_incident_is_not_closed_without_its_review(impact: str, fields: dict[str, Any], closes: bool) -> None:
    found = figures.review(resolved_at=NOON, impact=impact, now=at(1), **fields)
    assert figures.may_close(found, impact=impact) is closes


def test_the_days_are_a_deployments_to_choose() -> None:
    assert figures.review_due(resolved_at=NOON, impact="major", days={"major": 7}) == at(7 * 24)


# --- Properties ----------------------------------------------------------------------------------

hours = st.floats(min_value=-1_000, max_value=1_000).map(at)
some_words = st.lists(st.builds(Word, hours, st.one_of(st.none(), hours)), max_size=10)
some_moments = st.builds(
    Moments, **{name: st.one_of(st.none(), hours) for name in ("first_customer_impact", "detected", "mitigated", "resolved")}
)


@given(moments=some_moments, words=some_words, now=hours)
def test_no_figure_is_ever_below_zero(moments: Moments, words: list[Word], now: datetime) -> None:
    found = figures.derive(moments, words, now=now)
    spans = [found.to_detect, found.to_restore, found.duration, found.longest_silence, found.to_first_word]
    assert all(span is None or span >= timedelta() for span in spans)
    assert found.promises_kept + found.promises_missed <= found.promises_made


@given(words=st.lists(st.builds(Word, hours), min_size=1, max_size=10))
def test_silences_add_up_to_no_more_than_the_whole(words: list[Word]) -> None:
    first, last = min(word.at for word in words), max(word.at for word in words)
    silence = figures.longest_silence(words, until=last)
    assert silence is not None
    assert silence <= last - first <= silence * len(words)
