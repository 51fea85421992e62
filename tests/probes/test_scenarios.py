"""The eight outages of the sandbox against the real pipeline: what the page shows, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import transaction

from probes.sandbox.scenarios import SCENARIOS
from tests.probes.rehearsal import Play, Seen, rehearse

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.timeout(1200)]  # all are played before the first test

MINUTE, HOUR = 60, 3600
INTERVAL = 240  # seconds between two runs of a probe
GOOD = {"operational"}
LATE = {"delayed"}
SLOW = {"degraded_performance"}
OUT = {"major_outage", "partial_outage"}
TROUBLE = {*LATE, *SLOW, *OUT}

PLAYS = {
    "jan9": Play(
        1,
        (
            (9 * MINUTE, {"payouts": LATE, "stk-push": GOOD}),  # results are late before anything is refused
            (HOUR, {"payouts": OUT, "stk-push": TROUBLE}),
            (2.75 * HOUR, {"payouts": LATE, "stk-push": GOOD}),  # improving: late, no longer lost
            (4.25 * HOUR + 40 * MINUTE, {"payouts": GOOD, "stk-push": GOOD}),
        ),
    ),
    "jan22-paybill": Play(
        6,
        (
            (HOUR, {"paybill": TROUBLE, "stk-push": GOOD}),
            (4 * HOUR, {"paybill": GOOD, "stk-push": GOOD}),  # "resolved" at 20:00
            (6 * HOUR, {"paybill": TROUBLE, "stk-push": GOOD}),
            (20 * HOUR, {"paybill": TROUBLE, "stk-push": GOOD}),
            (29 * HOUR, {"paybill": GOOD, "stk-push": GOOD}),
        ),
    ),
    "dec2018": Play(
        3.5,
        (
            (2 * HOUR, {"stk-push": {*SLOW, *OUT}, "payouts": TROUBLE}),
            (8 * HOUR, {"stk-push": GOOD, "payouts": GOOD}),
            (12.25 * HOUR + 32 * MINUTE, {"stk-push": {*SLOW, *OUT}, "payouts": TROUBLE}),
            (16 * HOUR, {"stk-push": GOOD, "payouts": GOOD}),
        ),
    ),
    "maintenance-overrun": Play(
        8,
        (
            (1 * HOUR, {"stk-push": {*OUT, "under_maintenance"}, "paybill": {*OUT, "under_maintenance"}}),
            (3 * HOUR + 20 * MINUTE, {"stk-push": OUT, "paybill": OUT}),  # the announced end is over
            (6 * HOUR, {"stk-push": OUT, "paybill": OUT}),
            (11 * HOUR, {"stk-push": GOOD, "paybill": GOOD}),
        ),
    ),
    "sms-lag": Play(
        2,
        (
            (30 * MINUTE, {"paybill": LATE, "stk-push": GOOD}),
            (2.9 * HOUR, {"paybill": LATE, "stk-push": GOOD}),
            (4.5 * HOUR, {"paybill": GOOD, "stk-push": GOOD}),
        ),
    ),
    "waf-block": Play(
        3,
        (
            (10 * MINUTE, {"stk-push": GOOD, "payouts": GOOD, "qr": GOOD}),
            (HOUR, {"stk-push": GOOD, "payouts": GOOD, "qr": GOOD}),
            (2.5 * HOUR, {"stk-push": GOOD, "payouts": GOOD, "qr": GOOD}),
        ),
    ),
    "status-flood": Play(
        8,
        (
            (HOUR, {"payouts": TROUBLE, "paybill": GOOD, "qr": GOOD}),
            (9 * HOUR, {"payouts": GOOD, "paybill": GOOD, "qr": GOOD}),
        ),
    ),
    "biller-down": Play(
        2,
        (
            (30 * MINUTE, {"electricity": OUT, "paybill": GOOD, "stk-push": GOOD}),
            (80 * MINUTE, {"electricity": OUT, "paybill": GOOD, "stk-push": GOOD}),
            (2.5 * HOUR, {"electricity": GOOD, "paybill": GOOD, "stk-push": GOOD}),
        ),
    ),
}


@pytest.fixture(scope="module")
def seen(django_db_setup: None, django_db_blocker: Any) -> Mapping[str, Seen]:
    """Each scenario played to its end."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        played = rehearse(PLAYS, interval=INTERVAL, patch=patch)
        transaction.set_rollback(True)
    return played


def test_every_scenario_is_rehearsed_and_seen_to_its_end() -> None:
    assert list(PLAYS) == list(SCENARIOS)
    for name, play in PLAYS.items():
        last, expected = play.looks[-1]
        assert last > SCENARIOS[name].lasts_s
        assert all(statuses == GOOD for statuses in expected.values())


@pytest.mark.parametrize("name", PLAYS)
def test_the_page_shows_what_happens_when_it_happens(seen: Mapping[str, Seen], name: str) -> None:
    before, *shown = seen[name].shown
    assert before == dict.fromkeys(PLAYS[name].watched, "operational"), "well before it begins"
    wrong = [
        f"{seconds / MINUTE:.0f} minutes after the beginning {code} is {statuses[code]}"
        for (seconds, expected), statuses in zip(PLAYS[name].looks, shown, strict=True)
        for code in expected
        if statuses[code] not in expected[code]
    ]
    assert not wrong


def test_jan9_shows_late_payments_before_it_shows_an_outage(seen: Mapping[str, Seen]) -> None:
    said = seen["jan9"].said["payouts"]
    first_bad = said.index("delayed")
    assert not OUT.intersection(said[:first_bad])
    assert OUT.intersection(said[first_bad:])


def test_jan22_relapses_after_it_looked_mended_and_touches_paybill_only(seen: Mapping[str, Seen]) -> None:
    said = seen["jan22-paybill"].said["paybill"]
    recovered = said.index("operational", said.index(next(status for status in said if status in TROUBLE)))
    assert TROUBLE.intersection(said[recovered:])
    assert TROUBLE.isdisjoint(seen["jan22-paybill"].said["stk-push"])


def test_late_confirmations_are_late_and_never_an_outage(seen: Mapping[str, Seen]) -> None:
    assert OUT.isdisjoint(seen["sms-lag"].said["paybill"])


def test_a_firewall_against_one_vantage_is_no_trouble_of_the_gateway(seen: Mapping[str, Seen]) -> None:
    for statuses in seen["waf-block"].said.values():
        assert TROUBLE.isdisjoint(statuses)
    blocked = {error for vantage, status, error, _ in seen["waf-block"].results if vantage == "london" and status == "down"}
    assert blocked == {"blocked"}  # what staff reads


def test_a_flood_of_status_calls_is_no_fault_of_other_calls_and_our_own_rate_limit_no_outage(seen: Mapping[str, Seen]) -> None:
    assert TROUBLE.isdisjoint(seen["status-flood"].said["paybill"])
    assert {status for _, status, _, http_status in seen["status-flood"].results if http_status == 429} == {"misconfigured"}


def test_a_biller_that_is_down_is_its_own_trouble(seen: Mapping[str, Seen]) -> None:
    for code in ("paybill", "stk-push"):
        assert TROUBLE.isdisjoint(seen["biller-down"].said[code])
