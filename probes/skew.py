"""How far an agent's clock is off, from the times that travel with its work anyway. Pure: values in, values out.

Work goes out with the dispatcher's time and comes back with the agent's. Each way takes at least a little, so the least delay
seen on each way bounds the difference of the clocks; half of what both ways differ by is the best guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

WINDOW = 300.0  # seconds; what is older than two of them is forgotten, since clocks drift and are set right
WORTH_TELLING_MS = 1000


@dataclass(frozen=True)
class Delays:
    """The least seconds each way, `outward` (dispatcher to agent) and `back` (agent to core), now and in the window before."""

    since: float = 0.0
    outward: float | None = None
    back: float | None = None
    outward_before: float | None = None
    back_before: float | None = None

    def seen(self, *, outward: float | None, back: float, now: float) -> Delays:
        """One batch more; `now` in epoch seconds by our clock."""
        if now - self.since > 2 * WINDOW or now < self.since:
            return Delays(now, outward, back)
        if now - self.since > WINDOW:
            return Delays(now, outward, back, self.outward, self.back)
        return replace(self, outward=_least(self.outward, outward), back=_least(self.back, back))

    def skew(self) -> tuple[int, int] | None:
        """By how many milliseconds the agent's clock is ahead of ours, and how far that may be wrong; None before both ways have
        been seen."""
        outward, back = _least(self.outward, self.outward_before), _least(self.back, self.back_before)
        if outward is None or back is None:
            return None
        return round((outward - back) * 500), max(1, round((outward + back) * 500))

    def as_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Delays:
        """What `as_json` wrote; {} is an agent that has not spoken."""
        return cls(**value)


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)
