"""Decides from outcomes what a probe confirms, and from its probes what a component is. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from incidents.words import ComponentStatus
from probes.outcome import OutcomeStatus

OPERATIONAL = ComponentStatus.OPERATIONAL.value
UNKNOWN = ComponentStatus.UNKNOWN.value
MAJOR = ComponentStatus.MAJOR_OUTAGE.value
PARTIAL = ComponentStatus.PARTIAL_OUTAGE.value

# What each outcome says about its component. Those that are not here have no vote.
STATUS_OF: Mapping[str, str] = {
    OutcomeStatus.OK.value: OPERATIONAL,
    OutcomeStatus.DELAYED.value: ComponentStatus.DELAYED.value,
    OutcomeStatus.DEGRADED.value: ComponentStatus.DEGRADED_PERFORMANCE.value,
    OutcomeStatus.DOWN.value: MAJOR,
}

# How bad, mildest first. `unknown` and `under_maintenance` are no votes of a probe.
_ORDER = (OPERATIONAL, ComponentStatus.DELAYED.value, ComponentStatus.DEGRADED_PERFORMANCE.value, PARTIAL, MAJOR)
_RANK = {status: rank for rank, status in enumerate(_ORDER)}


@dataclass(frozen=True)
class Thresholds:
    """`failure` bad votes of the last `window` confirm; `success` good votes in a row recover."""

    failure: int
    window: int
    success: int


@dataclass(frozen=True)
class State:
    """What detection remembers of one probe at one vantage.

    `recent`: the last votes as component statuses, oldest first, at most a window of them, with their `slots` (epoch seconds)
    beside them. `confirmed`: what they add up to, "" while nothing is known; `since`: the slot it began. `good_streak` and
    `good_since`: good votes in a row up to now. `is_clean`: no bad vote so far, or enough good ones after it. `last_slot`:
    the newest vote.
    """

    recent: tuple[str, ...] = ()
    slots: tuple[int, ...] = ()
    confirmed: str = ""
    since: int | None = None
    good_streak: int = 0
    good_since: int | None = None
    is_clean: bool = True
    last_slot: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "recent": list(self.recent),
            "slots": list(self.slots),
            "confirmed": self.confirmed,
            "since": self.since,
            "good_streak": self.good_streak,
            "good_since": self.good_since,
            "is_clean": self.is_clean,
            "last_slot": self.last_slot,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> State:
        """The state that `as_json` wrote; {} is a probe that has never voted."""
        fields = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        for name in ("recent", "slots"):
            fields[name] = tuple(fields.get(name, ()))
        return cls(**fields)


@dataclass(frozen=True)
class Transition:
    """What was confirmed before ("" = nothing), what is confirmed now, and the slot it began: the first vote of that kind."""

    old: str
    new: str
    since_slot: int


def step(state: State, outcome_status: str, slot: int, thresholds: Thresholds) -> tuple[State, Transition | None]:
    """Take one outcome in. One without a vote, or for a slot that is not newer than the last, changes nothing."""
    vote = STATUS_OF.get(str(outcome_status))
    if vote is None or (state.last_slot is not None and slot <= state.last_slot):
        return state, None
    state = _with_vote(state, vote, slot, thresholds)
    found = _recovery(state, thresholds) or _confirmation(state, thresholds)
    if found is None or found[0] == state.confirmed:
        return state, None
    new = found[0]
    since = max(found[1], state.since or found[1])  # time does not run backwards between two states
    transition = Transition(state.confirmed, new, since)
    state = replace(state, confirmed=new, since=since)
    return (_with_bad_votes_spent(state) if new == OPERATIONAL else state), transition


def forget(state: State) -> State:
    """After a silence: old votes no longer count and nothing is confirmed.

    A probe that was failing before must still earn `operational` by its success threshold; one that was fine
    needs a single good outcome.
    """
    return State(is_clean=state.is_clean, last_slot=state.last_slot)


def _with_vote(state: State, vote: str, slot: int, thresholds: Thresholds) -> State:
    is_good = vote == OPERATIONAL
    good_streak = state.good_streak + 1 if is_good else 0
    is_clean = is_good and (state.is_clean or good_streak >= thresholds.success)
    return replace(
        state,
        recent=(*state.recent, vote)[-thresholds.window :],
        slots=(*state.slots, slot)[-thresholds.window :],
        good_streak=good_streak,
        good_since=(slot if state.good_streak == 0 else state.good_since) if is_good else None,
        is_clean=is_clean,
        last_slot=slot,
    )


def _recovery(state: State, thresholds: Thresholds) -> tuple[str, int] | None:
    """Operational, and the slot of the first good vote in the row; at once where nothing bad was seen before."""
    if state.good_since is None:
        return None
    if state.good_streak >= thresholds.success or (state.is_clean and not state.confirmed):
        return OPERATIONAL, state.good_since
    return None


def _confirmation(state: State, thresholds: Thresholds) -> tuple[str, int] | None:
    """The worst status that `failure` votes of the window reach, and the slot of the first vote that speaks for it."""
    ranks = [_RANK[vote] for vote in state.recent]
    confirmed = _RANK.get(state.confirmed, 0)
    for rank in range(len(_ORDER) - 1, 0, -1):
        if sum(one >= rank for one in ranks) < thresholds.failure:
            continue
        # Turned milder: it began when the worse votes ended. Turned worse: with the first vote that bad.
        speaks = [0 < one < confirmed if rank < confirmed else one >= rank for one in ranks]
        since = next((slot for slot, counts in zip(state.slots, speaks, strict=True) if counts), state.slots[-1])
        return _ORDER[rank], since
    return None


def _with_bad_votes_spent(state: State) -> State:
    """What brought an outage about does not count twice: after a recovery the window begins with its good votes."""
    keep = min(state.good_streak, len(state.recent))
    return replace(state, recent=state.recent[-keep:], slots=state.slots[-keep:], is_clean=True)


@dataclass(frozen=True)
class VantageView:
    """What one probe confirms at one vantage, and since which slot; status "" (or unknown) = silent or not yet known."""

    status: str
    since: int | None = None

    @property
    def is_known(self) -> bool:
        return self.status in _RANK


@dataclass(frozen=True)
class ProbeView:
    """One enabled probe of a component, as each of its enabled vantages sees it."""

    vantages: tuple[VantageView, ...]

    @property
    def is_silent(self) -> bool:
        return not any(view.is_known for view in self.vantages)


def component_status(probes: Sequence[ProbeView]) -> tuple[str, int | None]:
    """What a component's enabled probes add up to, and since when in epoch seconds (None for unknown).

    The worst wins; a major outage that only some of them confirm is a partial one. Where the others are all fine, one
    probe that is silent at every vantage makes it unknown, as no probe at all does: green needs every probe's word.
    """
    known = [view for probe in probes for view in probe.vantages if view.is_known]
    if not known:
        return UNKNOWN, None
    worst = max((view.status for view in known), key=_RANK.__getitem__)
    if worst == OPERATIONAL:
        if any(probe.is_silent for probe in probes):
            return UNKNOWN, None
        return OPERATIONAL, max((view.since for view in known if view.since is not None), default=None)
    speaking = [view for view in known if view.status == worst]
    status = PARTIAL if worst == MAJOR and len(speaking) < len(known) else worst
    return status, min((view.since for view in speaking if view.since is not None), default=None)
