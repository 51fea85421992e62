"""`make simulate-detection`: how soon the rules see a fault, and how often they cry wolf. The rules' code is production's.

Noise and faults are drawn with a seed, so that a table can be printed again. The clock is simulated; a second of real time is
months of probing, since stretches in which every vote is good are taken in one step.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import repeat
from pathlib import Path
from typing import Any

from django.conf import settings

if not settings.configured:
    settings.configure()

from probes import detection
from probes.agreement import Rules, Share, Sight, Verdict, judge
from probes.detection import OPERATIONAL, State, Thresholds
from probes.film import LENGTH, Film

YEAR = 365 * 86_400
PIPELINE = 1.5  # seconds: half a tick until the run is sent, half a tick until it is published, and what lies between
GIVE_UP = 3600.0
TWO_OF_THREE = Thresholds(failure=2, window=3, success=3)


@dataclass(frozen=True)
class Setting:
    """One candidate: the rule of each vantage and how they agree."""

    name: str
    thresholds: Thresholds = TWO_OF_THREE
    rules: Rules = field(default_factory=Rules)
    vantages: int = 3
    every: int = 10


@dataclass(frozen=True)
class Noise:
    """What is no fault of the endpoint: single bad votes by chance, and a vantage whose own link blips."""

    name: str
    single: float
    blips_a_day: float
    blip_seconds: float


QUIET = Noise("0.2 % by chance, a blip of 30 s a day at each", 0.002, 1, 30)
LOUD = Noise("1 % by chance, two blips of 60 s a day at each", 0.01, 2, 60)

# (seconds since the fault began, vantage, chance) -> (outcome, seconds until it is known)
Shape = Callable[[float, int, random.Random], tuple[str, float]]


def hard(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return "down", 0.1


def hanging(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return "down", 5.0


def some_fail(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return ("down", 0.1) if chance.random() < 0.3 else ("ok", 0.1)


def some_late(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return ("delayed", 3.0) if chance.random() < 0.3 else ("ok", 0.1)


def slow_drip(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return ("delayed", 3.0) if chance.random() < 0.18 else ("ok", 0.1)


def one_vantage(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return ("down", 0.1) if vantage == 0 else ("ok", 0.1)


def flapping(since: float, vantage: int, chance: random.Random) -> tuple[str, float]:
    return ("down", 0.1) if since % 100 < 40 else ("ok", 0.1)


SHAPES: dict[str, Shape] = {
    "hard outage, refused": hard,
    "hard outage, 5 s timeout": hanging,
    "30 % fail": some_fail,
    "30 % are late": some_late,
    "18 % are late": slow_drip,
    "40 s down, 60 s up": flapping,
    "one vantage broken": one_vantage,
}


class Endpoint:
    """One probe at all its vantages, all of them fine until told otherwise."""

    def __init__(self, setting: Setting, chance: random.Random) -> None:
        self.setting = setting
        self.phases = [chance.randrange(setting.every) for _ in range(setting.vantages)]  # as hashed phases fall
        self.states = [self._fine_until(phase) for phase in self.phases]
        self.verdict = Verdict(confirmed=OPERATIONAL, since=0)
        self.is_awake = False

    def _fine_until(self, slot: int) -> State:
        window, every = self.setting.thresholds.window, self.setting.every
        return State(
            recent=(OPERATIONAL,) * window,
            slots=tuple(slot - every * back for back in reversed(range(window))),
            confirmed=OPERATIONAL,
            since=0,
            good_streak=window,
            good_since=slot - every * (window - 1),
            last_slot=slot,
            film=Film("o" * LENGTH, slot, every),
        )

    def vote(self, vantage: int, slot: int, outcome: str) -> None:
        state, _ = detection.step(self.states[vantage], outcome, slot, self.setting.thresholds, every=self.setting.every)
        self.states[vantage] = state

    def look(self) -> Verdict:
        sights = [Sight(str(place), state.confirmed, state.since, state.film) for place, state in enumerate(self.states)]
        self.verdict = judge(self.verdict, sights, self.setting.rules)
        return self.verdict

    def all_fine_until(self, now: int) -> None:
        """Every slot up to `now` that is not voted on yet was good."""
        every, few = self.setting.every, self.setting.thresholds.window + self.setting.thresholds.success
        for vantage in range(self.setting.vantages):
            last = self.states[vantage].last_slot or 0
            missing = (now - last) // every
            for number in range(min(missing, few)):
                self.vote(vantage, last + every * (number + 1), "ok")
            if missing > few:
                self._many_fine(vantage, missing - few)

    def _many_fine(self, vantage: int, count: int) -> None:
        """What `count` good votes make of a state that is fine already, in one step."""
        state = self.states[vantage]
        assert state.confirmed == OPERATIONAL
        fine = self._fine_until((state.last_slot or 0) + count * self.setting.every)
        letters = (state.film.letters + "o" * min(count, LENGTH))[-LENGTH:]
        self.states[vantage] = replace(
            fine, since=state.since, good_since=state.good_since, good_streak=state.good_streak + count,
            film=replace(fine.film, letters=letters),
        )  # fmt: skip

    # --- For long stretches of noise ---

    @property
    def fewest_that_matter(self) -> int:
        rules, thresholds = self.setting.rules, self.setting.thresholds
        alone = thresholds.failure * min(rules.quorum, self.setting.vantages)
        return min(alone, rules.fast.count, rules.slow.count)

    def wake(self, now: int) -> None:
        """All was well for long: every vantage fine up to `now`."""
        every = self.setting.every
        self.states = [self._fine_until(now - (now - phase) % every) for phase in self.phases]

    def bad(self, slot: int, vantage: int) -> bool:
        """A bad vote, after nothing but good ones; answers whether a trouble begins with it."""
        while self.verdict.is_trouble and (now := max(state.last_slot or 0 for state in self.states)) < slot - 1:
            self.all_fine_until(min(now + self.setting.every, slot - 1))  # good votes may end it
            self.look()
            if min(slot - 1, now + self.setting.every) == slot - 1:
                break
        self.all_fine_until(slot - 1)
        was = self.verdict.is_trouble
        self.vote(vantage, slot, "down")
        return self.look().is_trouble and not was


# --- How soon --------------------------------------------------------------------------------------


def seconds_to_see(setting: Setting, shape: Shape, chance: random.Random, *, lasts: float = GIVE_UP) -> float:
    """From the first second of the fault to the page; GIVE_UP when it is not seen in all the seconds it lasts."""
    endpoint = Endpoint(setting, chance)
    began = 1000 + chance.random() * setting.every
    endpoint.all_fine_until(int(began))
    arrivals = []
    for vantage in range(setting.vantages):
        slot = (endpoint.states[vantage].last_slot or 0) + setting.every
        while slot < began + lasts:
            outcome, after = shape(slot - began, vantage, chance)
            arrivals.append((slot + after, slot, vantage, outcome))
            slot += setting.every
    for at, slot, vantage, outcome in sorted(arrivals):
        endpoint.vote(vantage, slot, outcome)
        if endpoint.look().is_trouble:
            return at - began + PIPELINE
    return GIVE_UP


def beginnings(setting: Setting, shape: Shape, chance: random.Random, *, lasts: int = 3600) -> int:
    """How many times customers are told of a new trouble while a fault lasts, by default for an hour."""
    endpoint = Endpoint(setting, chance)
    count, was = 0, False
    for second in range(1000, 1000 + lasts):
        for vantage in range(setting.vantages):
            if second % setting.every == endpoint.phases[vantage]:
                endpoint.vote(vantage, second, shape(second - 1000, vantage, chance)[0])
                now = endpoint.look().is_trouble
                count, was = count + (now and not was), now
    return count


# --- How often wrong ---------------------------------------------------------------------------------


def bad_slots(noise: Noise, phase: int, every: int, until: int, chance: random.Random) -> Iterator[int]:
    """The slots of one vantage at which noise makes a bad vote, ascending; a slot may come twice."""

    def singles() -> Iterator[int]:
        slot = phase
        while slot < until:
            slot += every * max(1, round(chance.expovariate(noise.single)))
            yield slot

    def blips() -> Iterator[int]:
        at = 0.0
        while at < until:
            at += chance.expovariate(noise.blips_a_day / 86_400)
            first = int(at) + (phase - int(at)) % every
            yield from range(first, int(at + noise.blip_seconds) + 1, every)

    return merge(singles(), blips())


def false_incidents(setting: Setting, noise: Noise, years: float, chance: random.Random) -> int:
    """How many troubles are confirmed in so many years in which the endpoint is well.

    Bad votes too few and too far apart for any rule are only remembered; the rest, and what lies between, is played.
    """
    endpoint = Endpoint(setting, chance)
    until = int(years * YEAR)
    streams = [
        zip(bad_slots(noise, phase, setting.every, until, chance), repeat(vantage))
        for vantage, phase in enumerate(endpoint.phases)
    ]
    near = setting.every * LENGTH // setting.vantages
    count, waiting = 0, deque[tuple[int, int]]()
    for slot, vantage in merge(*streams):
        while waiting and waiting[0][0] < slot - near:
            waiting.popleft()
        waiting.append((slot, vantage))
        if len(waiting) < endpoint.fewest_that_matter and not endpoint.is_awake:
            continue
        if not endpoint.is_awake:
            endpoint.wake(waiting[0][0] - 1)
            events = list(waiting)
        else:
            events = [(slot, vantage)]
        for event in events:
            count += endpoint.bad(*event)
        endpoint.is_awake = len(waiting) >= endpoint.fewest_that_matter or endpoint.verdict.is_trouble
    return count


# --- The table ---------------------------------------------------------------------------------------

DEFAULT = Setting("2 of 3 at 2 of 3; 4 of 21 or 12 of 90 together (the default)")
NEVER = Share(999, 90)
CANDIDATES = (
    DEFAULT,
    Setting("... no shares", rules=Rules(fast=NEVER, slow=NEVER)),
    Setting("... two are enough though the third is fine", rules=Rules(contested=Share(2, 3))),
    Setting("... 3 of 9 together", rules=Rules(fast=Share(3, 9))),
    Setting("... 4 of 15 together", rules=Rules(fast=Share(4, 15))),
    Setting("... 5 of 30 together", rules=Rules(fast=Share(5, 30))),
    Setting("2 of 3 at 3 of 3", rules=Rules(quorum=3)),
    Setting("3 of 3 at 2 of 3", thresholds=Thresholds(3, 3, 3), rules=Rules(failure=3)),
    Setting("2 of 3 at 2 of 2", vantages=2),
    Setting("2 of 3, one vantage", vantages=1),
    Setting("3 of 5, one vantage", thresholds=Thresholds(3, 5, 3), rules=Rules(failure=3, window=5), vantages=1),
    Setting("the default every 5 s", every=5),
)


def times(setting: Setting, shape: Shape, trials: int, seed: int, *, lasts: float = GIVE_UP) -> list[float]:
    """Seconds to a tenth, in the order they were drawn in: fewer trials of a seed are the first of more."""
    chance = random.Random(seed)
    return [round(seconds_to_see(setting, shape, chance, lasts=lasts), 1) for _ in range(trials)]


def told(found: list[float]) -> str:
    """Median and 95th percentile in seconds; "never" where it is not seen within the hour."""
    ends = (statistics.median(found), sorted(found)[int(0.95 * len(found))])
    return " / ".join("never" if one >= GIVE_UP else f"{one:.0f}" for one in ends)


Measured = dict[str, Any]


def measure(setting: Setting, *, trials: int, years: float, seed: int) -> Measured:
    """All that a row is printed from. `short`: the same of a few days and minutes, which is quick to play again."""
    false = {
        noise: false_incidents(setting, noise, span, random.Random(seed))
        for noise, span in ((QUIET, years), (LOUD, years / 12))  # much noise needs less time to be seen
    }
    return {
        "false_a_year": [false[QUIET] / years, false[LOUD] / (years / 12)],
        "times": {
            name: times(setting, shape, trials if shape is not one_vantage else max(1, trials // 40), seed)
            for name, shape in SHAPES.items()
        },
        "beginnings": [beginnings(setting, flapping, random.Random(seed + n)) for n in range(2)],
        "short": short(setting, seed),
    }


def short(setting: Setting, seed: int) -> list[int]:
    """False troubles in 18 quiet days and in 2 loud ones, and new troubles in 20 minutes of flapping."""
    return [
        false_incidents(setting, QUIET, 0.05, random.Random(seed)),
        false_incidents(setting, LOUD, 0.005, random.Random(seed)),
        beginnings(setting, flapping, random.Random(seed), lasts=1200),
    ]


def row(name: str, measured: Measured) -> str:
    cells = [name, *(f"{one:.2f}" for one in measured["false_a_year"])]
    cells += [told(measured["times"][shape]) for shape in SHAPES]
    cells.append(f"{statistics.mean(measured['beginnings']):.0f}")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=float, default=20)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--keep", type=Path, help="a file for all that the rows are printed from, as JSON")
    given = parser.parse_args()
    kept = {}
    head = ["setting", "false a year, quiet", "false a year, loud", *SHAPES, "new troubles in an hour of flapping"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)  # noqa: T201
    for setting in CANDIDATES:
        if given.only in setting.name:
            kept[setting.name] = measure(setting, trials=given.trials, years=given.years, seed=given.seed)
            print(row(setting.name, kept[setting.name]), flush=True)  # noqa: T201
    if given.keep:
        lines = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(measured, separators=(',', ':'))}" for name, measured in kept.items()
        )
        given.keep.write_text(f"{{\n{lines}\n}}\n")
    if not given.only:
        from tests.benchmarks import detection_peers  # it builds on this module

        print("", *detection_peers.table(), sep="\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
