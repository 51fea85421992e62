"""How often a target is asked: back-off while it is down, caps of hosts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probes import pacing


def slots_run(interval: int, count: int, *, is_first: bool, down_since: int = 1_000_000_000) -> list[int]:
    slots = [down_since + number * interval for number in range(count)]
    return [
        slot for slot in slots if not pacing.is_backed_off(slot=slot, interval=interval, down_since=down_since, is_first=is_first)
    ]


def longest_gap(slots: list[int]) -> int:
    return max(after - before for before, after in pairwise(slots))


def test_what_is_down_is_asked_every_slot_then_every_second_then_every_fourth() -> None:
    run = slots_run(10, 60, is_first=False)
    gaps = [after - before for before, after in pairwise(run)]
    assert gaps[:9] == [10] * 9
    assert gaps[10:18] == [20] * 8
    assert set(gaps[-5:]) == {40}


@given(interval=st.integers(1, 86400), down_since=st.integers(1_000_000_000, 1_000_100_000))
def test_no_back_off_is_longer_than_four_intervals(interval: int, down_since: int) -> None:
    assert longest_gap(slots_run(interval, 100, is_first=False, down_since=down_since)) <= 4 * interval


@given(interval=st.integers(1, 86400))
@example(interval=16)
def test_a_first_probe_is_asked_every_sixty_seconds_at_least(interval: int) -> None:
    assert longest_gap(slots_run(interval, 100, is_first=True)) <= max(60, interval)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ("api.bank.example=10", {"api.bank.example": 10}),
        (" API.bank.example = 10 , *=60 ", {"api.bank.example": 10, "*": 60}),
        ("[2001:db8::1]=5", {"2001:db8::1": 5}),
    ],
)
def test_rates_are_read(value: str, expected: dict[str, int]) -> None:
    assert pacing.parse_rates(value) == expected


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("api.bank.example", "give host=runs a minute"),
        ("https://api.bank.example/=10", "give host=runs a minute"),
        ("api.bank.example=0", "give 1 to 6000"),
        ("api.bank.example=ten", "give 1 to 6000"),
        ("a.example=1,a.example=2", "named twice"),
    ],
)
def test_impossible_rates_say_what_to_change(value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pacing.parse_rates(value)


@pytest.mark.parametrize(
    ("host", "cap"),
    [
        ("api.bank.example", 10),
        ("other.example", 60),
        ("127.0.0.1", None),
        ("localhost", None),
        ("::1", None),
        ("", None),
    ],
)
def test_a_cap_for_every_host_leaves_this_machine_alone(host: str, cap: int | None) -> None:
    assert pacing.cap_of(host, {"api.bank.example": 10, "*": 60}) == cap


@given(cap=st.integers(1, 50), wanted=st.integers(1, 200), number=st.integers(1, 10**6), start=st.integers(0, 10**8))
def test_every_schedule_of_a_capped_host_gets_its_share_and_no_more(cap: int, wanted: int, number: int, start: int) -> None:
    turns = [pacing.is_turn(number=number, index=start + step, cap=cap, wanted=wanted) for step in range(wanted)]
    assert sum(turns) == min(cap, wanted)


def test_runs_older_than_a_minute_are_forgotten() -> None:
    assert pacing.runs_lately({"1000": 3, "1001": 1, "1060": 2}, 1060) == {"1001": 1, "1060": 2}
