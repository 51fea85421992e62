"""What the vantages of a probe, and then the probes of a component, say together. Pure: values in, values out.

The rules in plain words, and the figures they were chosen by, stand in docs/detection.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from probes.detection import MAJOR, OPERATIONAL, ORDER, PARTIAL, RANK, UNKNOWN
from probes.film import Film

LONG_AGO = 0


@dataclass(frozen=True)
class Share:
    """So many bad votes of the last `window`, at all vantages together, are too many; one more where only two of three or more
    vantages have seen any, and never what only one of several has seen. Bad votes in a row at one vantage count as one, and of
    one vantage at most three in five count."""

    count: int
    window: int


@dataclass(frozen=True)
class Rules:
    """How the vantages of one probe agree. The defaults are chosen by `make simulate-detection`.

    `quorum`: so many vantages must have `failure` bad votes of their last `window`, or all that are there where there are fewer.
    Where another vantage has seen nothing bad meanwhile, they must have `contested` bad votes. `success`: good votes in a row
    that recover. `fast` and `slow`: shares of bad votes that say “for some” or “late”, though no vantage says so alone.
    `quiet` and `quiet_slow`: a trouble that comes and goes is over when so many last votes held at most one bad one. `holds`:
    seconds without trouble asked for before a recovery is believed, after the first, second, third trouble within `memory`
    seconds; with the third it is called intermittent.
    """

    quorum: int = 2
    failure: int = 2
    window: int = 3
    success: int = 3
    contested: Share = Share(4, 5)
    fast: Share = Share(4, 21)
    slow: Share = Share(12, 90)
    quiet: int = 18
    quiet_slow: int = 54
    holds: tuple[int, ...] = (0, 60, 600)
    memory: int = 1800


@dataclass(frozen=True)
class Sight:
    """What one vantage sees of a probe: the status it confirms ("" = silent or nothing yet) since which slot, and its film.

    `is_out`: put out, since its own link fails; it has no say. `is_unsure`: its bad votes had no answer at all, and nothing
    shows yet that its own link works.
    """

    vantage: str
    status: str
    since: int | None = None
    film: Film = field(default_factory=Film)
    is_out: bool = False
    is_unsure: bool = False

    @property
    def is_live(self) -> bool:
        return not self.is_out and self.status in RANK

    @property
    def is_bad(self) -> bool:
        return RANK.get(self.status, 0) > 0


@dataclass(frozen=True)
class Verdict:
    """What the vantages of a probe say together, and what has to be remembered for the next time.

    `confirmed`: "" while no vantage can speak. `since`: its first slot. `rule`: agreement, fast, slow or held: what it rests on.
    `suspects`: vantages that confirm a trouble which the probe does not; for staff only. `counted_from`: votes before this slot
    are settled. `troubles`: the slots at which troubles of late began. `calm_since`: since when a trouble that is held has not
    been seen.
    """

    confirmed: str = ""
    since: int | None = None
    rule: str = ""
    suspects: tuple[str, ...] = ()
    suspected_since: int | None = None
    counted_from: int = LONG_AGO
    troubles: tuple[int, ...] = ()
    calm_since: int | None = None
    is_intermittent: bool = False

    @property
    def is_trouble(self) -> bool:
        return RANK.get(self.confirmed, 0) > 0

    def as_json(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """The verdict that `as_json` wrote; {} is a probe that nobody has looked at."""
        fields = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        for name in ("suspects", "troubles"):
            fields[name] = tuple(fields.get(name, ()))
        return cls(**fields)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class _Found:
    """A status, the slot it began, and the rule that found it."""

    status: str
    since: int
    rule: str

    @property
    def rank(self) -> int:
        return RANK[self.status]


@dataclass(frozen=True)
class _Scene:
    """The vantages that can speak, and their votes merged: (slot, rank), oldest first, from `counted_from` on."""

    live: tuple[Sight, ...]
    is_trouble: bool
    counted_from: int
    votes: tuple[tuple[int, int], ...]

    @property
    def now(self) -> int:
        return max((sight.film.end for sight in self.live), default=0)


def judge(before: Verdict, sights: Sequence[Sight], rules: Rules) -> Verdict:
    """What a probe's vantages say together after the newest votes. Called again without news it says the same."""
    live = tuple(sight for sight in sights if sight.is_live)
    if not live:
        return replace(before, confirmed="", since=None, rule="", suspects=(), suspected_since=None, calm_since=None)
    if _is_plain(before, live, rules):
        since = (
            before.since if before.confirmed else max((sight.since for sight in live if sight.since is not None), default=None)
        )
        return replace(before, confirmed=OPERATIONAL, since=since, rule="", suspects=(), suspected_since=None)
    votes = tuple(sorted(vote for sight in live for vote in sight.film.votes(before.counted_from)))
    scene = _Scene(live, before.is_trouble, before.counted_from, votes)
    found = _worst(_agreed(scene, rules), _pooled(scene, rules))
    if found is None and not before.is_trouble:
        after = _fine(before, scene)
    elif found is None:
        after = _perhaps_over(before, scene, rules)
    else:
        after = _still(before, found, scene, rules) if before.is_trouble else _begun(before, found, rules)
    return _with_suspects(after, live)


def _is_plain(before: Verdict, live: Sequence[Sight], rules: Rules) -> bool:
    """Nothing to end, no vantage says anything bad, and too few bad votes for any share: how nearly all votes find it."""
    if before.is_trouble or any(sight.is_bad for sight in live):
        return False
    return sum(sight.film.bad for sight in live) < min(rules.fast.count, rules.slow.count)


# --- What is found now ---------------------------------------------------------------------------


def _agreed(scene: _Scene, rules: Rules) -> _Found | None:
    """The worst status that enough vantages confirm, each by its own window; partial where that outage comes and goes."""
    needed = min(rules.quorum, len(scene.live))
    for rank in range(len(ORDER) - 1, 0, -1):
        speaking = [sight for sight in scene.live if RANK[sight.status] >= rank]
        if not scene.is_trouble:
            speaking = [sight for sight in speaking if _has(sight, rank, rules.failure, rules.window)]
        if len(speaking) < needed or (needed == 1 and all(sight.is_unsure for sight in speaking)):
            continue
        since = min((sight.since for sight in speaking if sight.since is not None), default=scene.now)
        if not scene.is_trouble and _is_contested(scene, speaking, since, rules):
            share = rules.contested
            if sum(_has(sight, rank, share.count, share.window) for sight in speaking) < needed:
                continue
        votes = sorted(vote for sight in speaking for vote in sight.film.votes(max(since, scene.counted_from)))
        status = PARTIAL if ORDER[rank] == MAJOR and not _is_steady(votes, rank) else ORDER[rank]
        return _Found(status, since, "agreement")
    return None


def _has(sight: Sight, rank: int, count: int, window: int) -> bool:
    """Whether so many of a vantage's last votes are that bad: now, not until it has recovered."""
    votes = list(sight.film.votes())[-window:]
    return sum(one >= rank for _, one in votes) >= count


def _is_contested(scene: _Scene, speaking: Sequence[Sight], since: int, rules: Rules) -> bool:
    """Whether another vantage has looked since the trouble began and seen nothing bad."""
    for sight in scene.live:
        seen = [] if sight in speaking else [one for _, one in sight.film.votes(since)]
        if seen and not any(seen):
            return True
    return False


def _pooled(scene: _Scene, rules: Rules) -> _Found | None:
    """Too large a share of bad votes at all vantages together: an outage for some, or slowness, or lateness."""
    for rule, share in (("fast", rules.fast), ("slow", rules.slow)):
        if len(scene.votes) < share.count:
            continue
        first = scene.votes[-share.window :][0][0]
        for rank in (RANK[MAJOR], RANK["degraded_performance"], RANK["delayed"]):
            bad = _counted(scene, first, rank, share.count)
            around = len({vantage for _, vantage in bad})
            if around >= min(2, len(scene.live)) and len(bad) >= share.count + (around < min(3, len(scene.live))):
                since = min(bad)[0]
                is_row = all(one >= rank for slot, one in scene.votes if slot >= since)  # for all, not for some
                return _Found(PARTIAL if rank == RANK[MAJOR] and not is_row else ORDER[rank], since, rule)
    return None


def _counted(scene: _Scene, first: int, rank: int, count: int) -> list[tuple[int, str]]:
    """The bad votes that count, as (slot, vantage): of a row of them at one vantage the first, and of one vantage only so many.
    So one whose own link blips does not make a share with what chance adds elsewhere."""
    at_most = math.ceil(count * max(0.6, 1 / len(scene.live)))
    found: list[tuple[int, str]] = []
    for sight in scene.live:
        if not (sight.is_unsure and len(scene.live) == 1):
            votes = list(sight.film.votes(max(first, scene.counted_from)))
            begins = [
                slot for place, (slot, one) in enumerate(votes) if one >= rank and (not place or votes[place - 1][1] < rank)
            ]
            found += [(slot, sight.vantage) for slot in begins[-at_most:]]
    return found


def _worst(*found: _Found | None) -> _Found | None:
    return max((one for one in found if one), key=lambda one: one.rank, default=None)


def _is_steady(votes: Sequence[tuple[int, int]], rank: int) -> bool:
    """Nearly all of the last votes up to the last bad one are bad; it does not come and go. Too few to tell counts as steady."""
    last_bad = max((place for place, vote in enumerate(votes) if vote[1] >= rank), default=-1)
    span = votes[: last_bad + 1][-12:]
    return len(span) < 6 or sum(one >= rank for _, one in span) >= 0.8 * len(span)


# --- From what was to what is ---------------------------------------------------------------------


def _fine(before: Verdict, scene: _Scene) -> Verdict:
    """Single failures, or one vantage alone: the probe stays fine. One that has never spoken speaks when a vantage is fine."""
    if before.confirmed:
        return before
    good = [sight.since for sight in scene.live if not sight.is_bad and sight.since is not None]
    return replace(before, confirmed=OPERATIONAL, since=max(good), rule="") if good else before


def _begun(before: Verdict, found: _Found, rules: Rules) -> Verdict:
    """A trouble begins, or one that was held comes back."""
    since = max(found.since, before.since or found.since)  # time does not run backwards between two states
    began = max(found.since, before.calm_since or found.since)
    troubles = (*(slot for slot in before.troubles if slot >= began - rules.memory), began)[-len(rules.holds) :]
    back = before.is_trouble
    return replace(
        before,
        confirmed=before.confirmed if back and found.rank <= RANK[before.confirmed] else found.status,
        since=before.since if back else since,
        rule=found.rule,
        troubles=troubles,
        calm_since=None,
        is_intermittent=before.is_intermittent or len(troubles) >= len(rules.holds),
    )


def _still(before: Verdict, found: _Found, scene: _Scene, rules: Rules) -> Verdict:
    """Worse at once; milder when most vantages have said so for a while, or when it was never steady."""
    if before.calm_since is not None:
        return _begun(before, found, rules)
    if found.status == before.confirmed:
        return replace(before, rule=found.rule)
    if found.rank > RANK[before.confirmed]:
        return replace(before, confirmed=found.status, since=max(found.since, before.since or 0), rule=found.rule)
    turned = _turned(before, scene, rules)
    if turned is None:
        return _for_some(before, scene)
    status, slot = turned
    if status == OPERATIONAL:
        return _ended(before, slot, scene, rules)
    return replace(before, confirmed=status, since=slot, rule="agreement", counted_from=slot)


def _perhaps_over(before: Verdict, scene: _Scene, rules: Rules) -> Verdict:
    """No rule finds trouble any more; it is over when the votes have been good for long enough."""
    if before.calm_since is not None:
        return _ended(before, before.calm_since, scene, rules)
    turned = _turned(before, scene, rules)
    return _for_some(before, scene) if turned is None else _ended(before, turned[1], scene, rules)


def _for_some(before: Verdict, scene: _Scene) -> Verdict:
    """An outage of all that has begun to come and go, and is not confirmed as one any more, is one of some."""
    since = max(before.since or LONG_AGO, scene.counted_from)
    if before.confirmed != MAJOR or _is_steady([vote for vote in scene.votes if vote[0] >= since], RANK[MAJOR]):
        return before
    return replace(before, confirmed=PARTIAL)


def _turned(before: Verdict, scene: _Scene, rules: Rules) -> tuple[str, int] | None:
    """What it has turned to and since when: a steady trouble with a row of milder votes at most vantages, one that comes and
    goes with a while in which at most one vote was bad."""
    rank = RANK[MAJOR] if before.confirmed == PARTIAL else RANK[before.confirmed]
    turning = [sight for sight in scene.live if _row(sight, rank, rules)]
    if before.rule == "agreement" and 2 * len(turning) > len(scene.live):
        since = max(before.since or LONG_AGO, scene.counted_from)
        if _is_steady(sorted(vote for sight in turning for vote in sight.film.votes(since)), rank):
            rows = [_row(sight, rank, rules) for sight in turning]
            worst = max(one for row in rows for _, one in row)
            return ORDER[worst], min(row[0][0] for row in rows if worst in {one for _, one in row})
    quiet = rules.quiet_slow if before.rule == "slow" else rules.quiet
    last = scene.votes[-quiet:]
    if len(last) < quiet or sum(one > 0 for _, one in last) > 1:
        return None
    return OPERATIONAL, last[0][0]


def _row(sight: Sight, rank: int, rules: Rules) -> list[tuple[int, int]]:
    """The last `success` votes of a vantage where all of them are milder than `rank`; else nothing."""
    votes = list(sight.film.votes())[-rules.success :]
    return votes if len(votes) == rules.success and all(one < rank for _, one in votes) else []


def _ended(before: Verdict, slot: int, scene: _Scene, rules: Rules) -> Verdict:
    """Good again from `slot` on, unless it has come and gone so often that it must prove itself for longer."""
    calm = max(slot, before.since or slot)
    hold = rules.holds[min(max(len(before.troubles), 1), len(rules.holds)) - 1]
    if scene.now - calm < hold:
        status = PARTIAL if before.confirmed == MAJOR else before.confirmed
        return replace(before, confirmed=status, calm_since=calm, counted_from=calm, rule="held")
    troubles = () if before.is_intermittent else before.troubles
    return Verdict(confirmed=OPERATIONAL, since=calm, counted_from=calm, troubles=troubles)


def _with_suspects(after: Verdict, live: Sequence[Sight]) -> Verdict:
    """Who confirms a trouble that the probe does not."""
    if after.is_trouble:
        return replace(after, suspects=(), suspected_since=None)
    suspects = [sight for sight in live if sight.is_bad]
    since = min((sight.since for sight in suspects if sight.since is not None), default=None)
    return replace(after, suspects=tuple(sorted(sight.vantage for sight in suspects)), suspected_since=since)


# --- A component from its probes -------------------------------------------------------------------


@dataclass(frozen=True)
class ProbeWord:
    """What one enabled probe says of its component: "" (or unknown) = silent. `weight` in percent: 100 is heard alone, 50 needs
    another 50 to agree, 0 is for staff only."""

    status: str
    since: int | None = None
    weight: int = 100

    @property
    def is_known(self) -> bool:
        return self.status in RANK


def component_status(probes: Sequence[ProbeWord]) -> tuple[str, int | None]:
    """What a component's enabled probes add up to, and since when in epoch seconds (None for unknown).

    The worst that enough weight agrees on wins; a major outage that only some confirm is a partial one. Where the others are
    all fine, one silent probe makes it unknown, as no probe at all does: green needs every probe's word.
    """
    heard = [probe for probe in probes if probe.weight > 0]
    known = [probe for probe in heard if probe.is_known]
    if not known:
        return UNKNOWN, None
    needed = min(100, sum(probe.weight for probe in known))
    for rank in range(len(ORDER) - 1, 0, -1):
        speaking = [probe for probe in known if RANK[probe.status] >= rank]
        if sum(probe.weight for probe in speaking) < needed:
            continue
        status = PARTIAL if ORDER[rank] == MAJOR and len(speaking) < len(known) else ORDER[rank]
        return status, min((probe.since for probe in speaking if probe.since is not None), default=None)
    if len(known) < len(heard):
        return UNKNOWN, None
    return OPERATIONAL, max((probe.since for probe in known if probe.since is not None), default=None)
