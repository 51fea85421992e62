"""The eight outages of the sandbox against the real pipeline: what the page shows, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from probes.models import Result
from probes.sandbox.scenarios import SCENARIOS
from tests.probes.conftest import Sandbox
from tests.probes.merchant import Merchant, Start
from tests.probes.rehearsal import PACE, Rehearsal, clean_environment

pytestmark = [pytest.mark.alone, pytest.mark.django_db, pytest.mark.timeout(400)]

MINUTE, HOUR = 60, 3600
INTERVAL = 120  # seconds between two runs of a probe
GOOD = {"operational"}
LATE = {"delayed"}
SLOW = {"degraded_performance"}
OUT = {"major_outage", "partial_outage"}
TROUBLE = {*LATE, *SLOW, *OUT}

Looks = tuple[tuple[float, Mapping[str, set[str]]], ...]


class Play(NamedTuple):
    """How many times faster than it happened, and what the page shows of each component at which second of the story."""

    speed: float
    looks: Looks


PLAYS = {
    "jan9": Play(
        1,
        (
            (5 * MINUTE, {"payouts": LATE, "stk-push": GOOD}),  # results are late before anything is refused
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
            (26 * HOUR, {"paybill": GOOD, "stk-push": GOOD}),
        ),
    ),
    "dec2018": Play(
        4,
        (
            (2 * HOUR, {"stk-push": {*SLOW, *OUT}, "payouts": TROUBLE}),
            (8 * HOUR, {"stk-push": GOOD, "payouts": GOOD}),
            (12.25 * HOUR + 32 * MINUTE, {"stk-push": {*SLOW, *OUT}, "payouts": TROUBLE}),
            (16 * HOUR, {"stk-push": GOOD, "payouts": GOOD}),
        ),
    ),
    "maintenance-overrun": Play(
        5,
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
        1,
        (
            (10 * MINUTE, {"stk-push": GOOD, "payouts": GOOD, "qr": GOOD}),
            (HOUR, {"stk-push": GOOD, "payouts": GOOD, "qr": GOOD}),
            (2.5 * HOUR, {"stk-push": GOOD, "payouts": GOOD, "qr": GOOD}),
        ),
    ),
    "status-flood": Play(
        5,
        (
            (HOUR, {"payouts": TROUBLE, "paybill": GOOD, "qr": GOOD}),
            (9 * HOUR, {"payouts": GOOD, "paybill": GOOD, "qr": GOOD}),
        ),
    ),
    "biller-down": Play(
        1,
        (
            (30 * MINUTE, {"electricity": OUT, "paybill": GOOD, "stk-push": GOOD}),
            (80 * MINUTE, {"electricity": OUT, "paybill": GOOD, "stk-push": GOOD}),
            (2.5 * HOUR, {"electricity": GOOD, "paybill": GOOD, "stk-push": GOOD}),
        ),
    ),
}


@pytest.fixture
def rehearse(start_sandbox: Start, merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Rehearsal]:
    """Play a scenario to its end and look at the page on the way."""

    def play(name: str) -> Rehearsal:
        clean_environment(monkeypatch)
        sandbox: Sandbox = start_sandbox(seed=9, by_hand=True, pace=PACE)
        speed, looks = PLAYS[name]
        watched = looks[0][1]
        rehearsal = Rehearsal(sandbox, merchant, watched, INTERVAL)
        rehearsal.play_until(4 * INTERVAL)
        assert rehearsal.shown() == dict.fromkeys(watched, "operational"), "well before it begins"
        rehearsal.start(name, speed)
        for seconds, expected in looks:
            rehearsal.play_until(seconds)
            shown = rehearsal.shown()
            wrong = {code: status for code, status in shown.items() if status not in expected[code]}
            assert not wrong, f"{seconds / MINUTE:.0f} minutes after the beginning"
        return rehearsal

    return play


def test_every_scenario_is_rehearsed_and_seen_to_its_end() -> None:
    assert list(PLAYS) == list(SCENARIOS)
    for name, play in PLAYS.items():
        last, expected = play.looks[-1]
        assert last > SCENARIOS[name].lasts_s
        assert all(statuses == GOOD for statuses in expected.values())


def test_jan9_shows_late_payments_before_it_shows_an_outage(rehearse: Callable[[str], Rehearsal]) -> None:
    said = rehearse("jan9").said_of("payouts")
    first_bad = said.index("delayed")
    assert not OUT.intersection(said[:first_bad])
    assert OUT.intersection(said[first_bad:])


def test_jan22_relapses_after_it_looked_mended_and_touches_paybill_only(rehearse: Callable[[str], Rehearsal]) -> None:
    rehearsal = rehearse("jan22-paybill")
    said = rehearsal.said_of("paybill")
    recovered = said.index("operational", said.index(next(status for status in said if status in TROUBLE)))
    assert TROUBLE.intersection(said[recovered:])
    assert TROUBLE.isdisjoint(rehearsal.said_of("stk-push"))


def test_dec2018_is_slow_and_late_and_comes_back_the_next_morning(rehearse: Callable[[str], Rehearsal]) -> None:
    rehearse("dec2018")


def test_work_that_overruns_is_an_outage_though_it_was_announced(rehearse: Callable[[str], Rehearsal]) -> None:
    rehearse("maintenance-overrun")


def test_late_confirmations_are_late_and_never_an_outage(rehearse: Callable[[str], Rehearsal]) -> None:
    assert OUT.isdisjoint(rehearse("sms-lag").said_of("paybill"))


def test_a_firewall_against_one_vantage_is_no_trouble_of_the_gateway(rehearse: Callable[[str], Rehearsal]) -> None:
    rehearsal = rehearse("waf-block")
    for code in ("stk-push", "payouts", "qr"):
        assert TROUBLE.isdisjoint(rehearsal.said_of(code))
    seen = set(Result.objects.filter(vantage__name="london", status="down").values_list("error_class", flat=True))
    assert seen == {"blocked"}  # what staff reads


def test_a_flood_of_status_calls_is_no_fault_of_other_calls_and_our_own_rate_limit_no_outage(
    rehearse: Callable[[str], Rehearsal],
) -> None:
    rehearsal = rehearse("status-flood")
    assert TROUBLE.isdisjoint(rehearsal.said_of("paybill"))
    limited = Result.objects.filter(http_status=429)
    assert limited.exists()
    assert set(limited.values_list("status", flat=True)) == {"misconfigured"}


def test_a_biller_that_is_down_is_its_own_trouble(rehearse: Callable[[str], Rehearsal]) -> None:
    rehearsal = rehearse("biller-down")
    for code in ("paybill", "stk-push"):
        assert TROUBLE.isdisjoint(rehearsal.said_of(code))
