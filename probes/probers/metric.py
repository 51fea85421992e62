"""The kind `metric`: the core itself counts what became of a product's payments, and pushes the counts of each interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from probes import declines
from probes.declines import Counts, Limits
from probes.outcome import Outcome, OutcomeStatus, TargetError
from probes.probers import specs
from probes.probers.passive import BodyError, microseconds, only_keys, seconds
from probes.probers.specs import Spec

KEYS = ("secret", "fewest", "degraded", "down", "delayed_lag_s", "down_lag_s")
COUNTS = ("attempts", "success", "business", "technical")
BODY_KEYS = (*COUNTS, "p95_lag_s")
LARGEST = 10**9


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.secret_name(spec.get("secret"), "secret")
    limits = limits_of(spec)
    if limits.degraded >= limits.down:
        specs.refuse("degraded is not below down: both are shares of technical declines, swap them.", None)
    if limits.delayed_lag_s >= limits.down_lag_s:
        specs.refuse("delayed_lag_s is not below down_lag_s: late comes before lost, swap them.", None)


def limits_of(spec: Spec) -> Limits:
    """Shares of technical declines are from 0 to 1; `fewest` attempts below which nothing is said."""
    found = {field.name: spec[field.name] for field in fields(Limits) if field.name in spec}
    for key in ("degraded", "down"):
        value = found.get(key, 0.5)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
            raise TargetError(f"{key}: give a share of technical declines from above 0 to 1, for example 0.1.")
    for key in ("delayed_lag_s", "down_lag_s"):
        specs.seconds(spec, key, 1, 86_400)
    fewest = found.get("fewest", 1)
    if isinstance(fewest, bool) or not isinstance(fewest, int) or not 1 <= fewest <= LARGEST:
        raise TargetError(f"fewest: give a whole number from 1 to {LARGEST}.")
    return replace(Limits(), **found)


def judge(spec: Spec, body: Mapping[str, Any]) -> Outcome:
    """The outcome of one interval; the measure is the lag of the slowest twentieth. Raises BodyError."""
    only_keys(body, BODY_KEYS)
    for key in COUNTS:
        value = body.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise BodyError(f"{key}: give a whole number from 0 to {LARGEST}.")
    lag = seconds(body, "p95_lag_s")
    try:
        counts = Counts.from_mapping(body)
    except ValueError as error:
        raise BodyError(f"{error}.") from None
    status, words = declines.judge(counts, limits_of(spec))
    error_class = "assertion" if status is OutcomeStatus.DOWN else "few" if status is OutcomeStatus.SKIPPED else ""
    return Outcome(status, error_class, words, total_us=microseconds(lag))
