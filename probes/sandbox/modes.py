"""The ways to fail. A new mode is one function and one line of MODES."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from probes.sandbox import answers
from probes.sandbox.answers import Answer

LONGEST_WAIT = 600.0
RESULT_CODE = re.compile(r"\d{1,5}", re.ASCII)


class ControlError(ValueError):
    """A control request cannot be obeyed. The message says what to change."""


@dataclass
class Fate:
    """What the matching rules decided for one request: to wait, then to drop, cut or answer; and what becomes of its token, its
    result and its callback."""

    wait_s: float = 0.0
    drop: bool = False
    cut: bool = False  # the answer breaks off in the middle
    answer: Answer | None = None
    refuse_token: bool = False
    callback_delay_s: float = 0.0
    drop_callback: bool = False
    more_callbacks: int = 0
    callback_gap_s: float = 0.0
    queue_timeout: bool = False
    query_result: str = ""  # what an STK query says, whatever is true
    result_code: str = ""  # how an accepted request ends
    modes: list[str] = field(default_factory=list)


class Draw(Protocol):
    """What a mode may use: its own generator, and how often it was applied before."""

    rng: random.Random
    options: Mapping[str, Any]
    applied: int


Apply = Callable[[Fate, Draw], None]


# --- Options ------------------------------------------------------------------------------------------


class Number:
    """An option that is a number from 0 to `high`. Those that end in _s are stretches of the story: a speed shortens them."""

    def __init__(self, default: float, high: float) -> None:
        self.default, self.high = default, high

    def read(self, request: Mapping[str, Any], name: str) -> float:
        value = request.get(name, self.default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= self.high:
            raise ControlError(f"{name}: give a number from 0 to {self.high:g}.")
        return float(value)


class Shares:
    """An option that gives each result code its share."""

    def __init__(self, default: Mapping[str, float]) -> None:
        self.default = default

    def read(self, request: Mapping[str, Any], name: str) -> dict[str, float]:
        value = request.get(name, self.default)
        wrong = ControlError(f'{name}: give each result code its share, for example {{"0": 0.4, "1037": 0.6}}.')
        if not isinstance(value, Mapping) or not 1 <= len(value) <= 20:
            raise wrong
        for code, share in value.items():
            if not RESULT_CODE.fullmatch(str(code)) or isinstance(share, bool) or not isinstance(share, (int, float)):
                raise wrong
            if not 0 <= share <= 1:
                raise wrong
        if not sum(value.values()) > 0:
            raise wrong
        return {str(code): float(share) for code, share in value.items()}


Option = Number | Shares


@dataclass(frozen=True)
class Mode:
    """One way to fail: what it does to a request, the options it takes, and what it does in words."""

    apply: Apply
    options: Mapping[str, Option]
    says: str


# --- Late, or not at all ------------------------------------------------------------------------------


def _latency(fate: Fate, draw: Draw) -> None:
    """Log-normal, fitted through both percentiles: 1.645 standard deviations lie between them."""
    p50, p95 = draw.options["p50_ms"] / 1000, draw.options["p95_ms"] / 1000
    if p50 <= 0:
        return
    spread = math.log(p95 / p50) / 1.645
    fate.wait_s += min(draw.rng.lognormvariate(math.log(p50), spread), LONGEST_WAIT)


def _hang(fate: Fate, draw: Draw) -> None:
    fate.wait_s += draw.options["seconds"]
    fate.drop = True


def _refuse(fate: Fate, draw: Draw) -> None:
    fate.drop = True


def _reset(fate: Fate, draw: Draw) -> None:
    fate.cut = True


def _nothing(fate: Fate, draw: Draw) -> None:
    """It strikes before there is a request."""


# --- Wrong answers ------------------------------------------------------------------------------------


def _says(make: Callable[[random.Random], Answer]) -> Apply:
    def apply(fate: Fate, draw: Draw) -> None:
        fate.answer = fate.answer or make(draw.rng)

    return apply


def _says_envelope(fault: answers.Fault) -> Apply:
    return _says(lambda rng: answers.envelope(fault, rng))


def _token_flap(fate: Fate, draw: Draw) -> None:
    fate.refuse_token = True


def _query_pending(fate: Fate, draw: Draw) -> None:
    fate.query_result = "4999"


def _query_false_failure(fate: Fate, draw: Draw) -> None:
    fate.query_result = "1032"


def _result_mix(fate: Fate, draw: Draw) -> None:
    codes: Mapping[str, float] = draw.options["codes"]
    fate.result_code = draw.rng.choices(list(codes), list(codes.values()))[0]


# --- Callbacks ----------------------------------------------------------------------------------------


def _callback_delay(fate: Fate, draw: Draw) -> None:
    fate.callback_delay_s += draw.rng.uniform(draw.options["min_s"], draw.options["max_s"])


def _callback_drop(fate: Fate, draw: Draw) -> None:
    fate.drop_callback = True


def _callback_duplicate(fate: Fate, draw: Draw) -> None:
    fate.more_callbacks += int(draw.options["copies"])
    fate.callback_gap_s = max(fate.callback_gap_s, draw.options["gap_s"])


def _callback_reorder(fate: Fate, draw: Draw) -> None:
    """Every second one is held, so that the one after it comes first."""
    if draw.applied % 2 == 1:
        fate.callback_delay_s += draw.options["held_s"]


def _queue_timeout(fate: Fate, draw: Draw) -> None:
    fate.queue_timeout = True


_DAY = 86_400

MODES: Mapping[str, Mode] = {
    "latency": Mode(_latency, {"p50_ms": Number(2000, 600_000), "p95_ms": Number(5000, 600_000)}, "answers late"),
    "hang": Mode(_hang, {"seconds": Number(60, LONGEST_WAIT)}, "keeps the connection, says nothing, then closes it"),
    "refuse": Mode(_refuse, {}, "resets the connection without an answer"),
    "reset": Mode(_reset, {}, "resets the connection in the middle of the answer"),
    "tls_expired": Mode(_nothing, {}, "the TLS port shows a certificate that has expired"),
    "incapsula_html_503": Mode(_says(answers.firewall_page), {}, "503 and a firewall's page with an incident id"),
    "html_200": Mode(_says(lambda rng: answers.as_html("Welcome", "Welcome to our portal.", 200)), {}, "200 and a page in HTML"),
    "empty_500": Mode(_says(lambda rng: Answer(500)), {}, "500 without a body"),
    "busy": Mode(_says_envelope(answers.BUSY), {}, "500.003.02, System is busy"),
    "internal": Mode(_says_envelope(answers.INTERNAL), {}, "500.003.1001, Internal Server Error"),
    "quota": Mode(_says_envelope(answers.QUOTA), {}, "500.003.03, Quota Violation"),
    "spike_429": Mode(_says(lambda rng: answers.spike_arrest()), {}, "429, the proxy's spike arrest"),
    "proxy_timeout": Mode(_says(lambda rng: answers.proxy_timeout()), {}, "504, the proxy waited in vain"),
    "token_flap": Mode(_token_flap, {}, "404.001.03 for a good token"),
    "token_400_empty": Mode(_says(lambda rng: Answer(400)), {}, "400 without a body, as for wrong keys"),
    "soap_fault": Mode(_says(lambda rng: answers.soap_fault()), {}, "500, a fault of a service behind, SOAP in JSON"),
    "blank_ack": Mode(
        _says(lambda rng: answers.blank_acknowledgement()), {}, "200 and an acknowledgement whose fields are all empty"
    ),
    "query_pending_4999": Mode(_query_pending, {}, "an STK query says that it is still under processing"),
    "query_false_failure": Mode(_query_false_failure, {}, "an STK query says that a paid request was cancelled"),
    "result_mix": Mode(
        _result_mix,
        {"codes": Shares({"0": 0.4, "1037": 0.4, "26": 0.2})},
        "accepted requests end with these result codes",
    ),
    "callback_delay": Mode(
        _callback_delay,
        {"min_s": Number(10, _DAY), "max_s": Number(40, _DAY)},
        "the acknowledgement is in time, the callback is late",
    ),
    "callback_drop": Mode(_callback_drop, {}, "the callback never comes"),
    "callback_duplicate": Mode(
        _callback_duplicate, {"copies": Number(1, 10), "gap_s": Number(1, _DAY)}, "the callback comes more than once"
    ),
    "callback_reorder": Mode(
        _callback_reorder, {"held_s": Number(30, _DAY)}, "every second callback is held, so that the next one overtakes it"
    ),
    "queue_timeout": Mode(_queue_timeout, {}, "the queue timeout address is called in place of the result address"),
}
