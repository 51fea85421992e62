"""What other rules make of the same noise and faults: those that peers use, and those that ours were chosen over.

They count bad votes and nothing else, so they are played by the bad votes alone. `make simulate-detection` prints them below its
own table.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import repeat

from tests.benchmarks.detection import (
    GIVE_UP,
    LOUD,
    PIPELINE,
    QUIET,
    SHAPES,
    YEAR,
    Noise,
    Shape,
    told,
)

EVERY = 10
OVER = 3 * EVERY  # seconds without the rule being met: what comes then is another incident
YEARS, TRIALS, SEED = 1, 100, 1  # as the table of docs/detection.md is made
SHOWN = ("hard outage, refused", "hard outage, 5 s timeout", "30 % fail")

Bad = tuple[int, int]  # slot, vantage
Ask = Callable[[int], bool]  # a vantage asked at once: is it bad there too?


@dataclass(frozen=True)
class Rule:
    """`is_met` looks at the bad votes of the last `window` intervals up to now, the newest last."""

    name: str
    window: int
    is_met: Callable[[Sequence[Bad], Ask], bool]
    vantages: int = 3


def votes(count: int) -> Callable[[Sequence[Bad], Ask], bool]:
    return lambda bad, ask: len(bad) >= count


def in_the_same_slot(times: int) -> Callable[[Sequence[Bad], Ask], bool]:
    def is_met(bad: Sequence[Bad], ask: Ask) -> bool:
        now = bad[-1][0] // EVERY
        return all(len({place for slot, place in bad if slot // EVERY == now - back}) >= 2 for back in range(times))

    return is_met


def at_two(count: int) -> Callable[[Sequence[Bad], Ask], bool]:
    def is_met(bad: Sequence[Bad], ask: Ask) -> bool:
        places = [place for _, place in bad]
        return sum(places.count(place) >= count for place in set(places)) >= 2

    return is_met


def others_asked(bad: Sequence[Bad], ask: Ask) -> bool:
    return any(ask(place) for place in range(3) if place != bad[-1][1])


def same_and_another_asked(bad: Sequence[Bad], ask: Ask) -> bool:
    here = bad[-1][1]
    return ask(here) and ask((here + 1) % 3)


RULES = (
    Rule("1 failure, one vantage", 1, votes(1), vantages=1),
    Rule("3 in a row, one vantage", 3, votes(3), vantages=1),
    Rule("3 of 5, one vantage", 5, votes(3), vantages=1),
    Rule("2 of 3 vantages, same slot", 2, in_the_same_slot(1)),
    Rule("2 of 3 vantages, twice in a row", 3, in_the_same_slot(2)),
    Rule("2 of the last 3 at 2 of 3", 3, at_two(2)),
    Rule("1 failure, the others asked at once", 1, others_asked),
    Rule("1 failure, the same and one other asked at once", 1, same_and_another_asked),
    Rule("5 of the last 18 together", 6, votes(5)),
    Rule("12 of the last 90 together", 30, votes(12)),
)


def _recent(bad: list[Bad], rule: Rule) -> list[Bad]:
    """A vantage's last slots are those of the last `window` intervals."""
    since = bad[-1][0] - rule.window * EVERY
    return [one for one in bad if one[0] > since]


def false_incidents(rule: Rule, noise: Noise, years: float, seed: int) -> int:
    """How many incidents begin in so many years in which the endpoint is well."""
    chance = random.Random(seed)
    until = int(years * YEAR)
    phases = [chance.randrange(EVERY) for _ in range(rule.vantages)]
    blips = [list(_blips(noise, until, chance)) for _ in phases]

    def ask(place: int) -> bool:
        return chance.random() < noise.single or _is_in(blips[place], now, noise)

    count, last_met = 0, -OVER
    bad: list[Bad] = []
    streams = [zip(_bad_slots(noise, phase, until, blips[place], chance), repeat(place)) for place, phase in enumerate(phases)]
    for event in merge(*streams):
        bad = [*bad[-39:], event]
        now = event[0]
        if rule.is_met(_recent(bad, rule), ask):
            count += now > last_met + OVER
            last_met = now
    return count


def _blips(noise: Noise, until: int, chance: random.Random) -> Iterator[float]:
    at = chance.expovariate(noise.blips_a_day / 86_400)
    while at < until:
        yield at
        at += chance.expovariate(noise.blips_a_day / 86_400)


def _is_in(blips: Sequence[float], now: float, noise: Noise) -> bool:
    place = bisect_right(blips, now)
    return place > 0 and now <= blips[place - 1] + noise.blip_seconds


def _bad_slots(noise: Noise, phase: int, until: int, blips: Sequence[float], chance: random.Random) -> Iterator[int]:
    """Ascending; each slot once."""

    def singles() -> Iterator[int]:
        slot = phase
        while slot < until:
            slot += EVERY * max(1, round(chance.expovariate(noise.single)))
            yield slot

    def of_blips() -> Iterator[int]:
        for at in blips:
            yield from range(int(at) + (phase - int(at)) % EVERY, int(at + noise.blip_seconds) + 1, EVERY)

    last = -1
    for slot in merge(singles(), of_blips()):
        if slot > last:
            yield slot
            last = slot


def seconds_to_see(rule: Rule, shape: Shape, chance: random.Random) -> float:
    """From the first second of the fault to the page; GIVE_UP when it is not seen within an hour."""
    began = 1000 + chance.random() * EVERY
    phases = [chance.randrange(EVERY) for _ in range(rule.vantages)]
    first, last = int(began) // EVERY * EVERY, int(began + GIVE_UP)
    slots = merge(*(zip(range(first + phase, last, EVERY), repeat(place)) for place, phase in enumerate(phases)))
    bad: list[Bad] = []
    for slot, place in slots:
        if slot < began:
            continue
        outcome, after = shape(slot - began, place, chance)
        if outcome == "ok":
            continue
        bad = [*bad[-39:], (slot, place)]
        waits: list[float] = []

        def ask(there: int, at: float = slot + after, waits: list[float] = waits) -> bool:
            found, took = shape(at - began, there, chance)
            waits.append(took)
            return found != "ok"

        if rule.is_met(_recent(bad, rule), ask):
            return slot + after + max(waits, default=0.0) - began + PIPELINE
    return GIVE_UP


def row(rule: Rule) -> str:
    cells = [rule.name]
    for noise, span in ((QUIET, YEARS), (LOUD, YEARS / 12)):
        cells.append(f"{false_incidents(rule, noise, span, SEED) / span:.0f}")
    for name in SHOWN:
        chance = random.Random(SEED)
        cells.append(told(sorted(seconds_to_see(rule, SHAPES[name], chance) for _ in range(TRIALS))))
    return "| " + " | ".join(cells) + " |"


def table() -> list[str]:
    """As the docs have it."""
    head = ["rule", "false a year, quiet", "false a year, loud", *SHOWN]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *map(row, RULES)]
