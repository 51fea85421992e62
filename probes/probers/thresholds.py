"""From which number on a depth or a count is late, slow or down: `delayed_above` … `down_below`."""

from __future__ import annotations

from itertools import pairwise

from probes.outcome import Outcome, OutcomeStatus, TargetError
from probes.probers import limits
from probes.probers.runs import Run
from probes.probers.specs import Spec

KEYS = ("delayed_above", "degraded_above", "down_above", "delayed_below", "degraded_below", "down_below")
_ORDER = (("down", OutcomeStatus.DOWN), ("degraded", OutcomeStatus.DEGRADED), ("delayed", OutcomeStatus.DELAYED))


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    for key in KEYS:
        value = spec.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
            raise TargetError(f"{key}: give a number.")
    if not any(key in spec for key in KEYS):
        raise TargetError(f"there is no threshold: give one or more of {', '.join(KEYS)}.")
    for direction, sign in (("above", 1), ("below", -1)):
        given = [f"{name}_{direction}" for name, _ in reversed(_ORDER) if f"{name}_{direction}" in spec]
        for lower, higher in pairwise(given):
            if sign * spec[lower] > sign * spec[higher]:
                raise TargetError(f"{lower}, {higher}: the second is the worse of the two, swap their numbers.")


def judge(spec: Spec, number: float) -> tuple[OutcomeStatus, str, str]:
    """Status, error class and words."""
    for name, status in _ORDER:
        for direction in ("above", "below"):
            limit = spec.get(f"{name}_{direction}")
            if limit is not None and (number > limit if direction == "above" else number < limit):
                words = f"{number:.10g}, limit {limit:g}"
                return status, "assertion" if status is OutcomeStatus.DOWN else "", words
    return OutcomeStatus.OK, "", f"{number:.10g}"


def outcome(spec: Spec, run: Run, number: float) -> Outcome:
    """The number first, then how long it took to come."""
    took = run.took_us
    status, error_class, words = judge(spec, number)
    if status in {OutcomeStatus.OK, OutcomeStatus.DELAYED}:
        speed = limits.judge(spec, took, words)
        if status is OutcomeStatus.OK or speed[0] in {OutcomeStatus.DEGRADED, OutcomeStatus.DOWN}:
            status, error_class, words = speed
    return Outcome(status, error_class, words, total_us=took, phases=run.phases)
