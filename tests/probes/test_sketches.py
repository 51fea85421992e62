"""Quantile sketches: they add up, are off by at most 1 %, and come back from storage as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import sketches

latencies = st.lists(st.integers(min_value=1, max_value=120_000_000), min_size=1, max_size=200)


def sketch_of(values: list[int]) -> dict[int, int]:
    return sketches.merge({sketches.key_of(value): 1} for value in values)


@given(latencies)
def test_a_quantile_is_off_by_at_most_one_percent(values: list[int]) -> None:
    ordered = sorted(values)
    for share in (0.0, 0.5, 0.95, 1.0):
        [found] = sketches.quantiles(sketch_of(values), [share])
        exact = ordered[int(share * (len(values) - 1))]
        assert found == pytest.approx(exact, rel=sketches.ACCURACY * 1.0001)


@given(latencies, latencies)
def test_two_sketches_added_are_the_sketch_of_all(some: list[int], others: list[int]) -> None:
    assert sketches.merge([sketch_of(some), sketch_of(others)]) == sketch_of(some + others)


@given(latencies)
def test_a_stored_sketch_comes_back_as_it_was(values: list[int]) -> None:
    assert sketches.decode(sketches.encode(sketch_of(values))) == sketch_of(values)


def test_nothing_measured_has_no_quantile_and_takes_no_room() -> None:
    assert sketches.encode({}) == b""
    assert sketches.quantiles(sketches.decode(b""), [0.5]) == [None]


def test_a_sketch_of_another_version_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="version 9: this release reads version 1"):
        sketches.decode(b"\x09\x01\x01")
