"""Decides from its outcomes what one probe at one vantage confirms. Pure: values in, values out.

What the vantages of a probe, and the probes of a component, say together is `probes.agreement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from incidents.words import ComponentStatus
from probes.film import GOOD, LENGTH, Film
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
ORDER = (OPERATIONAL, ComponentStatus.DELAYED.value, ComponentStatus.DEGRADED_PERFORMANCE.value, PARTIAL, MAJOR)
RANK = {status: rank for rank, status in enumerate(ORDER)}


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
    the newest vote. `film`: every outcome of the last while, those without a vote among them.
    """

    recent: tuple[str, ...] = ()
    slots: tuple[int, ...] = ()
    confirmed: str = ""
    since: int | None = None
    good_streak: int = 0
    good_since: int | None = None
    is_clean: bool = True
    last_slot: int | None = None
    film: Film = field(default_factory=Film)

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
            "film": self.film.as_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> State:
        """The state that `as_json` wrote; {} is a probe that has never voted."""
        fields = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        for name in ("recent", "slots"):
            fields[name] = tuple(fields.get(name, ()))
        fields["film"] = Film(**fields.get("film", {}))
        return cls(**fields)


@dataclass(frozen=True)
class Transition:
    """What was confirmed before ("" = nothing), what is confirmed now, and the slot it began: the first vote of that kind."""

    old: str
    new: str
    since_slot: int


def step(
    state: State, outcome_status: str, slot: int, thresholds: Thresholds, *, every: int = 0
) -> tuple[State, Transition | None]:
    """Take one outcome in. One without a vote, or for a slot that is not newer than the last, changes nothing.

    `every`: the schedule's interval in seconds; with it the outcome is kept in the film too, whether it votes or not.
    """
    if every:
        state = replace(state, film=state.film.add(outcome_status, slot, every))
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


def well_again(state: Mapping[str, Any], slot: int, thresholds: Thresholds, *, every: int) -> dict[str, Any] | None:
    """What `step` makes of one good vote more where all is well and no slot was missed, as nearly always: on the JSON itself,
    which takes the processor a tenth as long. None where `step` must look."""
    film = state.get("film") or {}
    is_next = film.get("every") == every and slot == film.get("end", 0) + every and slot > (state.get("last_slot") or slot)
    is_well = is_next and state["confirmed"] == OPERATIONAL and state["is_clean"] and state["good_streak"] > 0
    if not is_well or any(vote != OPERATIONAL for vote in state["recent"]):
        return None
    return {
        **state,
        "recent": [*state["recent"], OPERATIONAL][-thresholds.window :],
        "slots": [*state["slots"], slot][-thresholds.window :],
        "good_streak": state["good_streak"] + 1,
        "last_slot": slot,
        "film": {"letters": (film["letters"] + GOOD)[-LENGTH:], "end": slot, "every": every},
    }


def forget(state: State) -> State:
    """After a silence: old votes no longer count and nothing is confirmed.

    A probe that was failing before must still earn `operational` by its success threshold; one that was fine
    needs a single good outcome.
    """
    return State(is_clean=state.is_clean, last_slot=state.last_slot)


def strike(state: State, since: int) -> State:
    """As if no bad vote had been cast after the slot `since`: they turned out to say nothing of the target."""
    kept = [(vote, slot) for vote, slot in zip(state.recent, state.slots, strict=True) if slot <= since or vote == OPERATIONAL]
    film = state.film.without_bad(since)
    good = [slot for slot, _ in film.votes() if slot <= since]
    is_struck = state.confirmed != OPERATIONAL and state.since is not None and state.since > since
    confirmed, began = ((OPERATIONAL, good[-1]) if good else ("", None)) if is_struck else (state.confirmed, state.since)
    return replace(
        state,
        recent=tuple(vote for vote, _ in kept),
        slots=tuple(slot for _, slot in kept),
        confirmed=confirmed,
        since=began,
        is_clean=confirmed == OPERATIONAL,
        film=film,
    )


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
    ranks = [RANK[vote] for vote in state.recent]
    confirmed = RANK.get(state.confirmed, 0)
    for rank in range(len(ORDER) - 1, 0, -1):
        if sum(one >= rank for one in ranks) < thresholds.failure:
            continue
        # Turned milder: it began when the worse votes ended. Turned worse: with the first vote that bad.
        speaks = [0 < one < confirmed if rank < confirmed else one >= rank for one in ranks]
        since = next((slot for slot, counts in zip(state.slots, speaks, strict=True) if counts), state.slots[-1])
        return ORDER[rank], since
    return None


def _with_bad_votes_spent(state: State) -> State:
    """What brought an outage about does not count twice: after a recovery the window begins with its good votes."""
    keep = min(state.good_streak, len(state.recent))
    return replace(state, recent=state.recent[-keep:], slots=state.slots[-keep:], is_clean=True)
