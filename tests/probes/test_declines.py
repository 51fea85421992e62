"""Counts of payments, and how fast a target is spent."""

from __future__ import annotations

import pytest

from probes.burning import burning
from probes.declines import Counts, Limits, judge


@pytest.mark.parametrize(
    ("attempts", "success", "business", "technical", "lag", "status"),
    [
        (1000, 990, 10, 0, None, "ok"),
        (1000, 100, 895, 5, None, "ok"),  # salary day: everybody's balance is short, and the service works
        (1000, 0, 1000, 0, None, "ok"),
        (1000, 940, 50, 10, None, "degraded"),
        (1000, 850, 50, 100, None, "degraded"),
        (1000, 840, 50, 110, None, "down"),
        (1000, 10, 5, 15, None, "down"),  # of those decided, half failed; the rest hangs
        (1000, 0, 0, 0, None, "down"),  # nothing is decided
        (1000, 990, 10, 0, 61.0, "delayed"),
        (1000, 980, 10, 10, 61.0, "delayed"),  # late is the word customers need
        (1000, 990, 10, 0, 601.0, "down"),
        (99, 0, 0, 99, None, "skipped"),  # three in the morning
        (0, 0, 0, 0, None, "skipped"),
    ],
)
def test_only_technical_declines_speak_against_the_service(
    attempts: int, success: int, business: int, technical: int, lag: float | None, status: str
) -> None:
    found, words = judge(Counts(attempts, success, business, technical, lag), Limits())
    assert found == status
    assert f"{technical} technical and {business} business declines" in words


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"attempts": 1, "success": 1, "business": 1, "technical": 0},
        {"attempts": 1, "success": -1, "business": 0, "technical": 0},
        {"attempts": "many", "success": 0, "business": 0, "technical": 0},
    ],
)
def test_counts_that_cannot_be_are_refused_with_what_to_change(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="attempts"):
        Counts.from_mapping(wrong)


def test_counts_come_from_what_the_core_sends() -> None:
    sent = {"attempts": 10, "success": 8, "business": 1, "technical": 1, "p95_lag_s": 3}
    assert Counts.from_mapping(sent) == Counts(10, 8, 1, 1, 3.0)


@pytest.mark.parametrize(
    ("share_by_window", "rate"),
    [
        ({}, None),
        ({3600: 0.015, 300: 0.02}, 14.4),
        ({3600: 0.015, 300: 0.0}, None),  # it is over
        ({3600: 0.001, 300: 0.5}, None),  # it has only begun
        ({21600: 0.007, 1800: 0.007}, 6.0),
        ({3 * 86400: 0.0012, 7200: 0.002}, 1.0),
        ({3600: 0.02, 300: 0.02, 21600: 0.02, 1800: 0.02}, 14.4),  # the most urgent
    ],
)
def test_a_target_is_called_spent_when_a_long_and_a_short_window_burn(
    share_by_window: dict[int, float], rate: float | None
) -> None:
    found = burning(lambda seconds: (round(share_by_window.get(seconds, 0.0) * 100_000), 100_000), target=0.999)
    assert (found.tier.rate if found else None) == rate


def test_one_bad_vote_burns_nothing_down() -> None:
    assert burning(lambda seconds: (1, 30), target=0.999) is None
    assert burning(lambda seconds: (0, 0), target=0.999) is None


@pytest.mark.parametrize("target", [0.0, 1.0, 99.9])
def test_a_target_is_a_share(target: float) -> None:
    with pytest.raises(ValueError, match=r"0\.999"):
        burning(lambda seconds: (0, 1), target=target)
