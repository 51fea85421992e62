"""What came from a vantage since its first outcome, as counters that only grow: for `/metrics`. Pure.

They live in the vantage's row, so all processes agree and pruning takes nothing from them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds; what is above them has a bucket of its own


class Run(Protocol):
    """What is read of an outcome."""

    @property
    def status(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def total_us(self) -> int | None: ...
    @property
    def lateness_ms(self) -> int: ...


def empty() -> dict[str, Any]:
    """`outcomes` by status; of `lateness` and `lag` the sum in seconds and how many fell into each bucket."""
    spread = {"sum": 0.0, "buckets": [0] * (len(BOUNDS) + 1)}
    return {"outcomes": {}, "lateness": dict(spread), "lag": dict(spread)}


def add(tally: Mapping[str, Any], runs: Iterable[Run], *, now: float) -> dict[str, Any]:
    """The tally with these outcomes, first kept at `now` (epoch seconds). {} is a vantage that has not spoken.

    Lateness: from the slot to the start of the run. Lag: from the end of the run until it is kept; clocks may differ.
    """
    before = {**empty(), **tally}
    outcomes = dict(before["outcomes"])
    lateness, lag = _copy(before["lateness"]), _copy(before["lag"])
    for run in runs:
        outcomes[run.status] = outcomes.get(run.status, 0) + 1
        _observe(lateness, run.lateness_ms / 1000)
        _observe(lag, now - run.started_at - (run.total_us or 0) / 1e6)
    for spread in (lateness, lag):
        spread["sum"] = round(spread["sum"], 3)
    return {"outcomes": outcomes, "lateness": lateness, "lag": lag}


def _copy(spread: Mapping[str, Any]) -> dict[str, Any]:
    return {"sum": spread["sum"], "buckets": list(spread["buckets"])}


def _observe(spread: dict[str, Any], seconds: float) -> None:
    seconds = max(0.0, seconds)
    spread["sum"] += seconds
    spread["buckets"][bisect_left(BOUNDS, seconds)] += 1
