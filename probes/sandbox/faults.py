"""Fault injection: rules that match a path and the modes they may apply. A new mode is one function and one line of MODES."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from probes.sandbox import answers
from probes.sandbox.answers import Answer

LONGEST_WAIT = 600.0


class ControlError(ValueError):
    """A control request cannot be obeyed. The message says what to change."""


@dataclass
class Fate:
    """What the matching rules decided for one request: wait, then drop or answer; and how late its callback is."""

    wait_s: float = 0.0
    drop: bool = False
    answer: Answer | None = None
    callback_delay_s: float = 0.0
    modes: list[str] = field(default_factory=list)


Options = Mapping[str, float]
Apply = Callable[[Fate, random.Random, Options], None]


class Option(NamedTuple):
    default: float
    high: float


@dataclass(frozen=True)
class Mode:
    """One way to fail: what it does to a request, the numbers it takes, and what it answers with."""

    apply: Apply
    options: Mapping[str, Option]
    says: str


def _latency(fate: Fate, rng: random.Random, options: Options) -> None:
    """Log-normal, fitted through both percentiles: 1.645 standard deviations lie between them."""
    p50, p95 = options["p50_ms"] / 1000, options["p95_ms"] / 1000
    if p50 <= 0:
        return
    spread = math.log(p95 / p50) / 1.645
    fate.wait_s += min(rng.lognormvariate(math.log(p50), spread), LONGEST_WAIT)


def _hang(fate: Fate, rng: random.Random, options: Options) -> None:
    fate.wait_s += options["seconds"]
    fate.drop = True


def _refuse(fate: Fate, rng: random.Random, options: Options) -> None:
    fate.drop = True


def _empty_500(fate: Fate, rng: random.Random, options: Options) -> None:
    fate.answer = fate.answer or Answer(500)


def _busy(fate: Fate, rng: random.Random, options: Options) -> None:
    fate.answer = fate.answer or answers.envelope(answers.BUSY, rng)


def _callback_delay(fate: Fate, rng: random.Random, options: Options) -> None:
    fate.callback_delay_s += rng.uniform(options["min_s"], options["max_s"])


MODES: Mapping[str, Mode] = {
    "latency": Mode(
        _latency,
        {"p50_ms": Option(2000, 600_000), "p95_ms": Option(5000, 600_000)},
        "answers late",
    ),
    "hang": Mode(_hang, {"seconds": Option(60, LONGEST_WAIT)}, "keeps the connection, says nothing, then closes it"),
    "refuse": Mode(_refuse, {}, "resets the connection without an answer"),
    "empty_500": Mode(_empty_500, {}, "500 without a body"),
    "busy": Mode(_busy, {}, "500.003.02, System is busy"),
    "callback_delay": Mode(
        _callback_delay,
        {"min_s": Option(10, 86_400), "max_s": Option(40, 86_400)},
        "the acknowledgement is in time, the callback is late",
    ),
}

RULE_KEYS = ("path", "mode", "rate", "after_s", "for_s")
RULES_AT_MOST = 100


@dataclass
class Rule:
    """One fault as it was asked for. It draws from its own generator, so that traffic on other paths changes nothing."""

    number: int
    path: str
    mode: str
    rate: float
    starts_at: float
    ends_at: float | None
    options: Mapping[str, float]
    rng: random.Random
    applied: int = 0

    def is_active(self, now: float) -> bool:
        return self.starts_at <= now and not self.is_over(now)

    def is_over(self, now: float) -> bool:
        return self.ends_at is not None and now >= self.ends_at

    def as_json(self, now: float) -> dict[str, Any]:
        return {
            "id": self.number,
            "path": self.path,
            "mode": self.mode,
            "rate": self.rate,
            **self.options,
            "active": self.is_active(now),
            "starts_in_s": round(max(0.0, self.starts_at - now), 1),
            "ends_in_s": None if self.ends_at is None else round(max(0.0, self.ends_at - now), 1),
            "applied": self.applied,
        }


class FaultBook:
    """The rules in force. Matching rules add up in the order they came; the first one with an answer gives it."""

    def __init__(self, *, seed: int, clock: Callable[[], float]) -> None:
        self._seed = seed
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._made = 0
        self._cleared = threading.Event()

    def add(self, request: Any) -> dict[str, Any]:
        """Take a rule as the control address receives it; raises ControlError."""
        path, mode, rate, after_s, for_s, options = _read_rule(request)
        now = self._clock()
        with self._lock:
            self._rules = [rule for rule in self._rules if not rule.is_over(now)]
            if len(self._rules) >= RULES_AT_MOST:
                raise ControlError(f"{RULES_AT_MOST} faults are set already: DELETE /_sim/faults first.")
            self._made += 1
            starts_at = now + after_s
            rule = Rule(
                number=self._made,
                path=path,
                mode=mode,
                rate=rate,
                starts_at=starts_at,
                ends_at=None if for_s is None else starts_at + for_s,
                options=options,
                rng=random.Random(f"{self._seed}:fault:{self._made}"),  # noqa: S311  repeatable, not secret
            )
            self._rules.append(rule)
            return rule.as_json(now)

    def clear(self) -> int:
        """Drop every rule and let waiting requests go on; returns how many rules there were."""
        with self._lock:
            count = len(self._rules)
            self._rules = []
            self._made = 0  # the same rules set again draw the same numbers
            cleared, self._cleared = self._cleared, threading.Event()
        cleared.set()
        return count

    def as_json(self) -> list[dict[str, Any]]:
        now = self._clock()
        with self._lock:
            return [rule.as_json(now) for rule in self._rules if not rule.is_over(now)]

    def fate(self, path: str) -> Fate:
        """What happens to the request that has just come in for `path`."""
        fate = Fate()
        if not self._rules:
            return fate
        now = self._clock()
        with self._lock:
            for rule in self._rules:
                if not rule.is_active(now) or not fnmatchcase(path, rule.path) or rule.rng.random() >= rule.rate:
                    continue
                rule.applied += 1
                fate.modes.append(rule.mode)
                MODES[rule.mode].apply(fate, rule.rng, rule.options)
        return fate

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until the faults are cleared."""
        if seconds > 0:
            self._cleared.wait(seconds)


def _read_rule(request: Any) -> tuple[str, str, float, float, float | None, dict[str, float]]:
    if not isinstance(request, dict):
        raise ControlError('Send one JSON object, for example {"path": "/mpesa/stkpush*", "mode": "busy", "rate": 1}.')
    mode = request.get("mode")
    if not isinstance(mode, str) or mode not in MODES:
        raise ControlError(f"mode: give one of {', '.join(MODES)}.")
    allowed = (*RULE_KEYS, *MODES[mode].options)
    for key in request:
        if key not in allowed:
            raise ControlError(f"{str(key)[:40]!r} is not known for mode {mode}: use {', '.join(allowed)}.")
    path = request.get("path")
    if not isinstance(path, str) or not path.startswith(("/", "*")) or len(path) > 200:
        raise ControlError('path: give a glob that begins with "/", for example "/mpesa/stkpush*".')
    rate = _number(request, "rate", 1.0, 1.0)
    after_s = _number(request, "after_s", 0.0, 86_400.0)
    for_s = None if request.get("for_s") is None else _number(request, "for_s", 0.0, 7 * 86_400.0)
    options = {name: _number(request, name, option.default, option.high) for name, option in MODES[mode].options.items()}
    _ordered(request, options)
    return path, mode, rate, after_s, for_s, options


def _number(request: dict[str, Any], name: str, default: float, high: float) -> float:
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= high:
        raise ControlError(f"{name}: give a number from 0 to {high:g}.")
    return float(value)


def _ordered(request: dict[str, Any], options: dict[str, float]) -> None:
    """Two options that must not cross; where only one was given, the other's default follows it."""
    for low, high in (("p50_ms", "p95_ms"), ("min_s", "max_s")):
        if low not in options or options[low] <= options[high]:
            continue
        if low in request and high in request:
            raise ControlError(f"{low} is above {high}: swap them.")
        if low in request:
            options[high] = options[low]
        else:
            options[low] = options[high]
