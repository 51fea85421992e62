"""Counts of payments: what customers may not do is no outage, what we fail to do is. Pure: values in, values out.

A business decline (too little money, a wrong PIN, a limit) says that the service works. A technical one says that it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes.outcome import OutcomeStatus


@dataclass(frozen=True)
class Counts:
    """What became of the payments of one product in one slot. The rest of `attempts` is still under way."""

    attempts: int
    success: int
    business: int
    technical: int
    p95_lag_s: float | None = None

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Counts:
        """Raises ValueError, with what to change, for counts that cannot be."""
        try:
            numbers = {name: int(value[name]) for name in ("attempts", "success", "business", "technical")}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("give attempts, success, business and technical as whole numbers") from error
        if min(numbers.values()) < 0 or numbers["success"] + numbers["business"] + numbers["technical"] > numbers["attempts"]:
            raise ValueError("success, business and technical are parts of attempts: none below 0, together not above it")
        lag = value.get("p95_lag_s")
        return cls(**numbers, p95_lag_s=None if lag is None else float(lag))

    @property
    def decided(self) -> int:
        return self.success + self.business + self.technical

    def are_late(self, limits: Limits) -> bool:
        """Payments came later than the limit, or not one was decided: then what is under way has not arrived in time."""
        return (self.p95_lag_s or 0.0) > limits.delayed_lag_s or (self.attempts > 0 and self.decided == 0)


@dataclass(frozen=True)
class Limits:
    """Shares of technical declines among the payments that were decided, and seconds of lag. Below `fewest` attempts nothing
    is said: one decline of two is no share."""

    fewest: int = 100
    degraded: float = 0.01
    down: float = 0.10
    delayed_lag_s: float = 60.0
    down_lag_s: float = 600.0


def judge(counts: Counts, limits: Limits) -> tuple[OutcomeStatus, str]:
    """The outcome of one slot and one line for staff. `skipped`: too few attempts to tell."""
    decided = counts.decided
    words = f"{counts.technical} technical and {counts.business} business declines of {counts.attempts} attempts"
    if counts.attempts < limits.fewest:
        return OutcomeStatus.SKIPPED, f"{words}: fewer than {limits.fewest} attempts say nothing"
    lag = counts.p95_lag_s or 0.0
    words += f", p95 lag {lag:.0f} s" if counts.p95_lag_s is not None else ""
    if decided == 0:
        return OutcomeStatus.DOWN, f"{words}: not one was decided"
    share = counts.technical / decided
    if share > limits.down or lag > limits.down_lag_s:
        return OutcomeStatus.DOWN, words
    if lag > limits.delayed_lag_s:
        return OutcomeStatus.DELAYED, words
    return (OutcomeStatus.DEGRADED if share >= limits.degraded else OutcomeStatus.OK), words
