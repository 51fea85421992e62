"""The kind `heartbeat`: something of ours (a handset lab, a switch, a nightly job) tells that it works. Its silence tells too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from probes import cron
from probes.outcome import Outcome, OutcomeStatus
from probes.probers import specs
from probes.probers.passive import flag, microseconds, only_keys, seconds
from probes.probers.specs import Spec

KEYS = ("secret", "grace_s", "cron", "time_zone", "missed_down", "delayed_lag_s", "down_lag_s")
BODY_KEYS = ("ok", "lag_s")
GRACE_S, LONGEST_GRACE_S = 60.0, 86_400.0
MISSED_DOWN = 2
DELAYED_LAG_S, DOWN_LAG_S, LONGEST_LAG_S = 60.0, 600.0, 86_400.0


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    validate_keys(spec, KEYS, delayed_lag_s=DELAYED_LAG_S, down_lag_s=DOWN_LAG_S)


def validate_keys(spec: Spec, keys: tuple[str, ...], *, delayed_lag_s: float, down_lag_s: float) -> None:
    specs.only_keys(spec, keys)
    specs.secret_name(spec.get("secret"), "secret")
    grace_of(spec)
    missed_down_of(spec)
    delayed, down = lags_of(spec, delayed_lag_s=delayed_lag_s, down_lag_s=down_lag_s)
    if delayed >= down:
        specs.refuse("delayed_lag_s is not below down_lag_s: late comes before lost, swap them.", None)
    zone, expression = specs.text(spec, "time_zone"), specs.text(spec, "cron", at_most=100)
    if zone and not expression:
        specs.refuse("time_zone: goes with cron; add cron or take it out.", None)
    if zone and zone not in available_timezones():
        zone = specs.refuse("time_zone: is not a name of the IANA list; give one such as Africa/Nairobi.", "")
    if "cron" in spec and (why := cron.why_impossible(expression, zone or "UTC", time.time())):
        specs.refuse(f"cron: {why}.", None)


def grace_of(spec: Spec) -> float:
    """Seconds that a beat may be late."""
    return specs.seconds(spec, "grace_s", GRACE_S, LONGEST_GRACE_S)


def missed_down_of(spec: Spec) -> int:
    """So many beats missed in a row are down; fewer are delayed."""
    value = spec.get("missed_down", MISSED_DOWN)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        return specs.refuse("missed_down: give a whole number from 1 to 100.", MISSED_DOWN)
    return value


def lags_of(spec: Spec, *, delayed_lag_s: float, down_lag_s: float) -> tuple[float, float]:
    return (
        specs.seconds(spec, "delayed_lag_s", delayed_lag_s, LONGEST_LAG_S),
        specs.seconds(spec, "down_lag_s", down_lag_s, LONGEST_LAG_S),
    )


def judge(spec: Spec, body: Mapping[str, Any]) -> Outcome:
    """The outcome of one beat. Raises BodyError."""
    only_keys(body, BODY_KEYS)
    lag = seconds(body, "lag_s")
    if not flag(body, "ok"):
        return Outcome(OutcomeStatus.DOWN, "assertion", "the sender says that it does not work", total_us=microseconds(lag))
    return judge_lag(spec, lag, delayed_lag_s=DELAYED_LAG_S, down_lag_s=DOWN_LAG_S)


def judge_lag(spec: Spec, lag: float | None, *, delayed_lag_s: float, down_lag_s: float, what: str = "works") -> Outcome:
    if lag is None:
        return Outcome(OutcomeStatus.OK, "", f"the sender says that it {what}")
    delayed, down = lags_of(spec, delayed_lag_s=delayed_lag_s, down_lag_s=down_lag_s)
    for limit, status in ((down, OutcomeStatus.DOWN), (delayed, OutcomeStatus.DELAYED)):
        if lag >= limit:
            words = f"{what}, but {lag:g} s behind, limit {limit:g} s"
            error_class = "assertion" if status is OutcomeStatus.DOWN else ""
            return Outcome(status, error_class, words, total_us=microseconds(lag))
    return Outcome(OutcomeStatus.OK, "", f"{what}, {lag:g} s behind", total_us=microseconds(lag))
