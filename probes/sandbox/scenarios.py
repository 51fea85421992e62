"""Outages as they happened elsewhere, as faults on a clock: a rehearsal of a morning in a few minutes.

Seconds count from `begins`, the hour it began in the real one. What happened is known from the press; figures that nobody
published are our guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes.sandbox import demo
from probes.sandbox.modes import ControlError

MINUTE, HOUR = 60.0, 3600.0
FASTEST = 3600.0
PAYMENTS = "/mpesa/*"
PAY_BILL = "/mpesa/c2b/*"
STATUS_CALLS = ("/mpesa/stkpushquery/*", "/mpesa/transactionstatus/*")
OTHER_VANTAGE = "127.0.0.2"

Rules = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Scenario:
    """One story: when it began (local time, hh:mm), how long it lasts in seconds, what it tells, and its faults."""

    begins: str
    lasts_s: float
    tells: str
    rules: Rules


def _fault(path: str, mode: str, start: float, end: float, **more: Any) -> Mapping[str, Any]:
    return {"path": path, "mode": mode, "after_s": start, "for_s": end - start, **more}


def _slow_database(start: float, end: float) -> Rules:
    return (
        _fault(PAYMENTS, "latency", start, end, p50_ms=6000, p95_ms=14_000),
        _fault(PAYMENTS, "callback_delay", start, end, min_s=MINUTE, max_s=5 * MINUTE),
        _fault(PAYMENTS, "busy", start, end, rate=0.2),
    )


SCENARIOS: Mapping[str, Scenario] = {
    "jan9": Scenario(
        "11:00",
        4.25 * HOUR,
        "payments hang: results come 10 to 40 minutes late, and from the tenth minute half of the calls are refused as busy; "
        "better from 12:30, over at 15:15",
        (
            _fault(PAYMENTS, "callback_delay", 0, 1.5 * HOUR, min_s=10 * MINUTE, max_s=40 * MINUTE),
            _fault(PAYMENTS, "busy", 10 * MINUTE, 1.5 * HOUR, rate=0.5),
            _fault(PAYMENTS, "callback_delay", 1.5 * HOUR, 4.25 * HOUR, min_s=40, max_s=2 * MINUTE),
        ),
    ),
    "jan22-paybill": Scenario(
        "18:00",
        21 * HOUR,
        "PayBill alone fails, looks mended at 20:00, fails again from 22:30 until 15:00 of the next day, and debits twice",
        (
            _fault(PAY_BILL, "busy", 0, 2 * HOUR, rate=0.7),
            _fault(PAY_BILL, "callback_drop", 0, 2 * HOUR, rate=0.7),
            _fault(PAY_BILL, "busy", 4.5 * HOUR, 21 * HOUR, rate=0.5),
            _fault(PAY_BILL, "callback_drop", 4.5 * HOUR, 21 * HOUR, rate=0.7),
            _fault(PAY_BILL, "callback_duplicate", 0, 21 * HOUR, rate=0.3, copies=1, gap_s=20),
        ),
    ),
    "dec2018": Scenario(
        "19:04",
        12.25 * HOUR + 34 * MINUTE,
        "a slow database and queues behind it for 3 h 49 min; it comes back for 34 minutes at 07:19 of the next morning",
        (*_slow_database(0, 229 * MINUTE), *_slow_database(12.25 * HOUR, 12.25 * HOUR + 34 * MINUTE)),
    ),
    "maintenance-overrun": Scenario(
        "00:30",
        7.5 * HOUR,
        "work announced for 00:30 to 03:30 leaves the service failing until 08:00",
        (
            _fault(PAYMENTS, "busy", 0, 3 * HOUR),
            _fault(PAYMENTS, "internal", 3 * HOUR, 6.5 * HOUR),
            _fault(PAYMENTS, "busy", 6.5 * HOUR, 7.5 * HOUR, rate=0.8),
        ),
    ),
    "sms-lag": Scenario(
        "09:00",
        3 * HOUR,
        "the money moves, only its confirmation is one to two and a half minutes late",
        (_fault(PAY_BILL, "callback_delay", 0, 3 * HOUR, min_s=MINUTE, max_s=2.5 * MINUTE),),
    ),
    "waf-block": Scenario(
        "10:00",
        2 * HOUR,
        f"a firewall blocks one of our addresses ({OTHER_VANTAGE}); everybody else is served",
        (_fault("*", "incapsula_html_503", 0, 2 * HOUR, client=OTHER_VANTAGE),),
    ),
    "status-flood": Scenario(
        "11:40",
        5 * HOUR,
        "retries flood the status calls: some meet the rate limit, and half are busy for two hours, then a fifth for three",
        tuple(
            _fault(path, mode, start, end, rate=rate)
            for path in STATUS_CALLS
            for mode, start, end, rate in (
                ("spike_429", 0, 5 * HOUR, 0.2),
                ("busy", 0, 2 * HOUR, 0.5),
                ("busy", 2 * HOUR, 5 * HOUR, 0.2),
            )
        ),
    ),
    "biller-down": Scenario(
        "14:00",
        90 * MINUTE,
        f"the electricity company ({demo.ELECTRICITY}) does not take payments; everybody else does",
        (
            _fault(PAY_BILL, "callback_drop", 0, 90 * MINUTE, shortcode=demo.ELECTRICITY),
            _fault("/mpesa/stkpush/*", "result_mix", 0, 90 * MINUTE, shortcode=demo.ELECTRICITY, codes={"26": 1}),
        ),
    ),
}


def read_speed(request: Any) -> float:
    """How many times faster than it happened; raises ControlError."""
    if not isinstance(request, dict) or set(request) - {"speed"}:
        raise ControlError('Send nothing, or one JSON object with speed, for example {"speed": 60}.')
    speed = request.get("speed", 1)
    if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0.1 <= speed <= FASTEST:
        raise ControlError(f"speed: give a number from 0.1 to {FASTEST:g}; 60 makes a minute of every hour.")
    return float(speed)


def faults_of(scenario: Scenario, speed: float) -> list[dict[str, Any]]:
    """Its rules as the control address takes them: every stretch of time shortened, latencies in ms as they are."""
    return [{key: value / speed if key.endswith("_s") else value for key, value in rule.items()} for rule in scenario.rules]
