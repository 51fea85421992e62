"""When to try again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.retries import is_given_up, retry_at
from tests.factories import NOON


@pytest.mark.parametrize(("attempt", "longest"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 1800), (8, 1800)])
def test_the_pause_doubles_up_to_half_an_hour_and_jitter_takes_any_part_of_it(attempt: int, longest: int) -> None:
    assert retry_at(attempt=attempt, now=NOON, chance=1) == NOON + timedelta(seconds=longest)
    assert retry_at(attempt=attempt, now=NOON, chance=0.5) == NOON + timedelta(seconds=longest / 2)
    assert retry_at(attempt=attempt, now=NOON, chance=0) == NOON


@pytest.mark.parametrize(
    ("in_vain", "hours", "ended"),
    [(0, None, False), (1, 100, False), (2, 1000, False), (3, 71, False), (3, 72, True), (50, 10, False), (50, 73, True)],
)
def test_a_webhook_is_given_up_after_three_pieces_of_news_and_three_days(in_vain: int, hours: int | None, ended: bool) -> None:
    since = None if hours is None else NOON - timedelta(hours=hours)
    assert is_given_up(in_vain=in_vain, since=since, now=NOON) is ended
