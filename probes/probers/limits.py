"""From when on an answer that is right is late, slow, or as good as none: `delayed_ms`, `degraded_ms`, `down_ms`."""

from __future__ import annotations

from itertools import pairwise

from probes.outcome import OutcomeStatus, TargetError
from probes.probers import specs, tracing

KEYS = ("delayed_ms", "degraded_ms", "down_ms")
_STATUSES = {"down_ms": OutcomeStatus.DOWN, "degraded_ms": OutcomeStatus.DEGRADED, "delayed_ms": OutcomeStatus.DELAYED}


def validate(spec: specs.Spec) -> None:
    """Raises TargetError with what to change."""
    given = [(key, limit) for key in KEYS if (limit := specs.milliseconds(spec, key))]
    for (lower, low), (higher, high) in pairwise(given):
        if low > high:
            raise TargetError(f"{lower} is above {higher}: {higher.removesuffix('_ms')} is the worse of the two, swap them.")


def judge(spec: specs.Spec, took_us: int | None, words: str) -> tuple[OutcomeStatus, str, str]:
    """Status, error class and words of an answer that is right, by how long it took."""
    took = took_us or 0
    words = f"{words} in {took // 1000} ms"
    for key, status in _STATUSES.items():
        limit = spec.get(key)
        if limit and tracing.is_watched():
            tracing.asserted(f"{key} {limit}", took <= limit * 1000)
        if limit and took > limit * 1000:
            return status, "deadline" if status is OutcomeStatus.DOWN else "", f"{words}, limit {limit} ms"
    return OutcomeStatus.OK, "", words
