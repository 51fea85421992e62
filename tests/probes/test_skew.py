"""How far an agent's clock is off, from what its work tells anyway."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probes.skew import WINDOW, Delays

seconds = st.floats(0.001, 5)


def test_nothing_is_said_before_both_ways_were_seen() -> None:
    assert Delays().skew() is None
    assert Delays().seen(outward=None, back=0.1, now=1000.0).skew() is None


@given(ahead=st.floats(-600, 600), ways=st.lists(st.tuples(seconds, seconds), min_size=1, max_size=20))
def test_the_true_skew_is_within_what_is_told(ahead: float, ways: list[tuple[float, float]]) -> None:
    delays = Delays()
    for number, (outward, back) in enumerate(ways):
        delays = delays.seen(outward=outward + ahead, back=back - ahead, now=1000.0 + number)
    told = delays.skew()
    assert told is not None
    skew_ms, error_ms = told
    assert abs(skew_ms - ahead * 1000) <= error_ms + 2  # rounding


def test_a_clock_that_was_set_right_is_believed_after_two_windows() -> None:
    delays = Delays().seen(outward=60.1, back=-59.9, now=1000.0)
    for step in range(1, 4):
        delays = delays.seen(outward=0.1, back=0.1, now=1000.0 + step * (WINDOW + 1))
    assert delays.skew() == (0, 100)


def test_it_is_the_same_after_a_way_through_the_database() -> None:
    delays = Delays().seen(outward=1.0, back=2.0, now=1000.0).seen(outward=0.5, back=2.5, now=1400.0)
    assert Delays.from_json(delays.as_json()) == delays
