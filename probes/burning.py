"""How fast a probe spends what its target allows it to fail, over a long window and a short one. For operators. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600


@dataclass(frozen=True)
class Tier:
    """Spending `rate` times as fast as the target allows, over `long` seconds and still over the last `short` ones."""

    name: str
    rate: float
    long: int
    short: int


TIERS = (
    Tier("page", 14.4, HOUR, 300),
    Tier("page", 6.0, 6 * HOUR, 1800),
    Tier("look", 1.0, 72 * HOUR, 2 * HOUR),
)


@dataclass(frozen=True)
class Burn:
    """A tier that is reached: how fast the budget burns over its long and its short window."""

    tier: Tier
    long_rate: float
    short_rate: float


def burning(count: Callable[[int], tuple[int, int]], *, target: float) -> Burn | None:
    """The most urgent tier that is reached, or None.

    `count(seconds)` answers (bad votes, votes) of the last so many seconds; a slot without a vote is in neither. `target`: the
    share of good votes that is promised, below 1. The short window ends the call soon after the fault.
    """
    allowed = 1.0 - target
    if not 0.0 < allowed < 1.0:
        raise ValueError("target: give a share between 0 and 1, for example 0.999")
    for tier in TIERS:
        rates = []
        for seconds in (tier.long, tier.short):
            bad, votes = count(seconds)
            rates.append(bad / votes / allowed if votes and bad > 1 else 0.0)  # one bad vote burns nothing down
        if min(rates) >= tier.rate:
            return Burn(tier, *rates)
    return None
