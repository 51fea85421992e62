"""Fault injection: rules that say which requests a mode may strike, how often, from when and until when."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from probes.sandbox.modes import MODES, ControlError, Fate, Number

RULE_KEYS = ("path", "mode", "rate", "after_s", "for_s", "client", "shortcode")
RULES_AT_MOST = 100
SHORTCODE_FIELDS = ("ShortCode", "PartyB", "BusinessShortCode", "PartyA", "ReceiverParty", "CPI")
_WEEK = 7 * 86_400.0


@dataclass
class Rule:
    """One fault as it was asked for. It draws from its own generator, so that traffic on other paths changes nothing."""

    number: int
    path: str
    mode: str
    rate: float
    starts_at: float
    ends_at: float | None
    client: str  # a glob over the address that asks
    shortcode: str  # "" = any
    options: Mapping[str, Any]
    rng: random.Random
    applied: int = 0

    def is_active(self, now: float) -> bool:
        return self.starts_at <= now and not self.is_over(now)

    def is_over(self, now: float) -> bool:
        return self.ends_at is not None and now >= self.ends_at

    def matches(self, path: str, client: str, body: bytes) -> bool:
        return (
            fnmatchcase(path, self.path)
            and (self.client == "*" or fnmatchcase(client, self.client))
            and (not self.shortcode or self.shortcode in shortcodes_in(body))
        )

    def as_json(self, now: float) -> dict[str, Any]:
        return {
            "id": self.number,
            "path": self.path,
            "mode": self.mode,
            "rate": self.rate,
            **({} if self.client == "*" else {"client": self.client}),
            **({"shortcode": self.shortcode} if self.shortcode else {}),
            **self.options,
            "active": self.is_active(now),
            "starts_in_s": round(max(0.0, self.starts_at - now), 1),
            "ends_in_s": None if self.ends_at is None else round(max(0.0, self.ends_at - now), 1),
            "applied": self.applied,
        }


class FaultBook:
    """The rules in force. Matching rules add up in the order they came; the first one with an answer gives it.

    `pause` takes the seconds of a wait where nobody really waits: a test whose clock is its own adds them up.
    """

    def __init__(self, *, seed: int, clock: Callable[[], float], pause: Callable[[float], None] | None = None) -> None:
        self._seed = seed
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._made = 0
        self._cleared = threading.Event()

    def add(self, request: Any) -> dict[str, Any]:
        """Take a rule as the control address receives it; raises ControlError."""
        return self.add_all([request])[0]

    def add_all(self, requests: Iterable[Any]) -> list[dict[str, Any]]:
        """Take several rules that begin at the same moment; none when one of them cannot be taken."""
        read = [_read_rule(request) for request in requests]
        now = self._clock()
        with self._lock:
            self._rules = [rule for rule in self._rules if not rule.is_over(now)]
            if len(self._rules) + len(read) > RULES_AT_MOST:
                raise ControlError(f"{RULES_AT_MOST} faults are set already: DELETE /_sim/faults first.")
            made = [self._make(values, now) for values in read]
            self._rules += made
            return [rule.as_json(now) for rule in made]

    def _make(self, values: dict[str, Any], now: float) -> Rule:
        self._made += 1
        starts_at = now + values.pop("after_s")
        for_s = values.pop("for_s")
        return Rule(
            number=self._made,
            starts_at=starts_at,
            ends_at=None if for_s is None else starts_at + for_s,
            rng=random.Random(f"{self._seed}:fault:{self._made}"),  # noqa: S311  repeatable, not secret
            **values,
        )

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

    def fate(self, path: str, *, client: str = "", body: bytes = b"") -> Fate:
        """What happens to the request that has just come in for `path`."""
        fate = Fate()
        if not self._rules:
            return fate
        now = self._clock()
        with self._lock:
            for rule in self._rules:
                if rule.is_active(now) and rule.matches(path, client, body) and rule.rng.random() < rule.rate:
                    rule.applied += 1
                    fate.modes.append(rule.mode)
                    MODES[rule.mode].apply(fate, rule)
        return fate

    def is_certificate_expired(self, *, client: str) -> bool:
        """Whether the TLS connection that has just come in gets the certificate that is over."""
        now = self._clock()
        with self._lock:
            for rule in self._rules:
                if rule.mode == "tls_expired" and rule.is_active(now) and fnmatchcase(client, rule.client):
                    rule.applied += 1
                    return rule.rng.random() < rule.rate
        return False

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until the faults are cleared."""
        if self._pause:
            self._pause(seconds)
        elif seconds > 0:
            self._cleared.wait(seconds)


def shortcodes_in(body: bytes) -> set[str]:
    """The short codes that a request names, in whichever of its fields."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    return {str(fields.get(name)) for name in SHORTCODE_FIELDS} if isinstance(fields, dict) else set()


def _read_rule(request: Any) -> dict[str, Any]:
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
    options = {name: option.read(request, name) for name, option in MODES[mode].options.items()}
    _ordered(request, options)
    return {
        "path": path,
        "mode": mode,
        "rate": Number(1.0, 1.0).read(request, "rate"),
        "after_s": Number(0.0, 86_400.0).read(request, "after_s"),
        "for_s": None if request.get("for_s") is None else Number(0.0, _WEEK).read(request, "for_s"),
        "client": _word(request, "client", "*", 'a glob over the address that asks, for example "127.0.0.2"'),
        "shortcode": _word(request, "shortcode", "", 'the short code that the request names, for example "174379"'),
        "options": options,
    }


def _word(request: dict[str, Any], name: str, default: str, wanted: str) -> str:
    value = request.get(name, default)
    if not isinstance(value, str) or len(value) > 60 or (name in request and not value):
        raise ControlError(f"{name}: give {wanted}.")
    return value


def _ordered(request: dict[str, Any], options: dict[str, Any]) -> None:
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
