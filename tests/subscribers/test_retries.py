"""When to try again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.retries import FOR_PEOPLE, FOR_PROGRAMS, Schedule, is_given_up, retry_at, schedule_of
from tests.factories import NOON


@pytest.mark.parametrize(("attempt", "longest"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 1800), (8, 1800)])
def test_the_pause_doubles_up_to_half_an_hour_and_jitter_takes_any_part_of_it(attempt: int, longest: int) -> None:
    assert retry_at(attempt=attempt, now=NOON, chance=1) == NOON + timedelta(seconds=longest)
    assert retry_at(attempt=attempt, now=NOON, chance=0.5) == NOON + timedelta(seconds=longest / 2)
    assert retry_at(attempt=attempt, now=NOON, chance=0) == NOON


@pytest.mark.parametrize(
    ("attempt", "pause"),
    [
        (1, timedelta(seconds=5)),
        (2, timedelta(minutes=5)),
        (3, timedelta(minutes=30)),
        (4, timedelta(hours=2)),
        (5, timedelta(hours=5)),
        (6, timedelta(hours=10)),
        (7, timedelta(hours=14)),
        (8, timedelta(hours=20)),
        (9, timedelta(hours=24)),
    ],
)
def test_a_webhook_is_tried_as_its_standard_lists_and_jitter_adds_up_to_a_fifth(attempt: int, pause: timedelta) -> None:
    schedule = schedule_of("webhook")
    assert retry_at(attempt=attempt, now=NOON, chance=0, schedule=schedule) == NOON + pause
    assert retry_at(attempt=attempt, now=NOON, chance=1, schedule=schedule) == NOON + 1.2 * pause
    assert retry_at(attempt=attempt, now=NOON, chance=1, asked=100, schedule=schedule) == NOON + timedelta(seconds=120)


@pytest.mark.parametrize("schedule", [FOR_PEOPLE, FOR_PROGRAMS])
def test_the_last_try_of_a_schedule_comes_before_it_gives_up_for_age(schedule: Schedule) -> None:
    assert len(schedule.pauses) == schedule.attempts - 1
    assert sum(schedule.pauses, timedelta()) * schedule.most <= schedule.give_up_after


@pytest.mark.parametrize(
    ("in_vain", "hours", "ended"),
    [(0, None, False), (1, 100, False), (2, 1000, False), (3, 71, False), (3, 72, True), (50, 10, False), (50, 73, True)],
)
def test_a_webhook_is_given_up_after_three_pieces_of_news_and_three_days(in_vain: int, hours: int | None, ended: bool) -> None:
    since = None if hours is None else NOON - timedelta(hours=hours)
    assert is_given_up(in_vain=in_vain, since=since, now=NOON) is ended
