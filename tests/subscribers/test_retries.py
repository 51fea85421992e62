"""When to try again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.retries import retry_at
from tests.factories import NOON


@pytest.mark.parametrize(("attempt", "longest"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 1800), (8, 1800)])
def test_the_pause_doubles_up_to_half_an_hour_and_jitter_takes_any_part_of_it(attempt: int, longest: int) -> None:
    assert retry_at(attempt=attempt, now=NOON, chance=1) == NOON + timedelta(seconds=longest)
    assert retry_at(attempt=attempt, now=NOON, chance=0.5) == NOON + timedelta(seconds=longest / 2)
    assert retry_at(attempt=attempt, now=NOON, chance=0) == NOON
