"""Kinds that are pushed to us: what their specs may say, and what a push means."""

from __future__ import annotations

from typing import Any

import pytest

from probes.outcome import TargetError, Task
from probes.probers import PROBERS, run, validate
from probes.probers.passive import BodyError

SECRET = {"secret": "LAB"}
COUNTS = {"attempts": 1000, "success": 950, "business": 45, "technical": 5}


def judged(kind: str, body: Any, **spec: Any) -> tuple[str, str]:
    judge = PROBERS[kind].judge
    assert judge is not None
    outcome = judge({**SECRET, **spec}, body)
    return outcome.status.value, outcome.evidence


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("heartbeat", {}, "ok"),
        ("heartbeat", {"ok": True, "lag_s": 59.9}, "ok"),
        ("heartbeat", {"lag_s": 60}, "delayed"),
        ("heartbeat", {"lag_s": 600}, "down"),
        ("heartbeat", {"ok": False}, "down"),
        ("heartbeat", {"ok": False, "lag_s": 1}, "down"),
        ("ussd_lab", {"ok": True, "menu_s": 3.1, "lag_s": 12}, "ok"),
        ("ussd_lab", {"ok": True, "menu_s": 8.1, "lag_s": 12}, "degraded"),
        ("ussd_lab", {"ok": True, "menu_s": 8.1, "lag_s": 120}, "delayed"),
        ("ussd_lab", {"ok": True}, "ok"),
        ("ussd_lab", {"ok": False, "stage": "pin"}, "down"),
        ("ussd_lab", {"ok": False, "stage": "network"}, "skipped"),
        ("metric", COUNTS, "ok"),
        ("metric", {**COUNTS, "success": 940, "technical": 15}, "degraded"),
        ("metric", {**COUNTS, "success": 800, "technical": 150}, "down"),
        ("metric", {**COUNTS, "success": 455, "business": 540}, "ok"),
        ("metric", {**COUNTS, "p95_lag_s": 90.0}, "delayed"),
        ("metric", {**COUNTS, "p95_lag_s": 900.0}, "down"),
        ("metric", {"attempts": 99, "success": 0, "business": 0, "technical": 99}, "skipped"),
    ],
)
def test_a_push_means(kind: str, body: dict[str, Any], status: str) -> None:
    assert judged(kind, body)[0] == status


def test_limits_are_the_specs() -> None:
    assert judged("heartbeat", {"lag_s": 5}, delayed_lag_s=4, down_lag_s=20)[0] == "delayed"
    assert judged("metric", {**COUNTS, "attempts": 10_000}, fewest=20_000)[0] == "skipped"
    assert judged("metric", COUNTS, degraded=0.001, down=0.004)[0] == "down"


def test_the_words_name_the_figure_and_the_limit() -> None:
    assert judged("heartbeat", {"lag_s": 75})[1] == "works, but 75 s behind, limit 60 s"
    assert judged("ussd_lab", {"ok": False, "stage": "menu"})[1] == "the walk ended at: menu"
    assert judged("metric", COUNTS)[1] == "5 technical and 45 business declines of 1000 attempts"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("heartbeat", {"ok": "yes"}, "ok: give true or false"),
        ("heartbeat", {"lag_s": -1}, "lag_s: give seconds from 0 to 86400"),
        ("heartbeat", {"lag_s": float("nan")}, "lag_s: give seconds"),
        ("heartbeat", {"lag_s": True}, "lag_s: give seconds"),
        ("heartbeat", {"msisdn": "254708374149"}, "'msisdn' is not a key of this push: use ok, lag_s"),
        ("ussd_lab", {}, "ok: give true or false"),
        ("ussd_lab", {"ok": False}, "stage: say where it ended, one of network, dial, menu"),
        ("ussd_lab", {"ok": True, "stage": "kitchen"}, "stage: give one of network"),
        ("metric", {}, "attempts: give a whole number"),
        ("metric", {**COUNTS, "technical": 1.5}, "technical: give a whole number"),
        ("metric", {**COUNTS, "technical": -1}, "technical: give a whole number"),
        ("metric", {**COUNTS, "success": 1000}, "are parts of attempts"),
        ("metric", {**COUNTS, "attempts": 10**12}, "attempts: give a whole number from 0 to"),
    ],
)
def test_a_body_that_means_nothing_is_one_clear_line(kind: str, body: dict[str, Any], said: str) -> None:
    with pytest.raises(BodyError) as caught:
        judged(kind, body)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("heartbeat", {}, "secret: give the name of a secret"),
        ("heartbeat", {"secret": "hunter2"}, "secret: give the name of a secret"),
        ("heartbeat", {**SECRET, "grace_s": 0}, "grace_s: give seconds from above 0 to 86400"),
        ("heartbeat", {**SECRET, "cron": "every day"}, "cron: is no cron expression"),
        ("heartbeat", {**SECRET, "cron": "0 0 31 2 *"}, "cron: is no cron expression"),
        ("heartbeat", {**SECRET, "cron": "0 0 1 1 *"}, "cron: runs less than once in 8 days"),
        ("heartbeat", {**SECRET, "cron": "* * * * *", "time_zone": "Nairobi"}, "time_zone: is not a name of the IANA list"),
        ("heartbeat", {**SECRET, "time_zone": "Africa/Nairobi"}, "time_zone: goes with cron"),
        ("heartbeat", {**SECRET, "missed_down": 0}, "missed_down: give a whole number from 1 to 100"),
        ("heartbeat", {**SECRET, "delayed_lag_s": 700}, "delayed_lag_s is not below down_lag_s"),
        ("heartbeat", {**SECRET, "url": "https://x.example/"}, "'url' is not a key"),
        ("ussd_lab", {**SECRET, "degraded_menu_s": 0}, "degraded_menu_s: give seconds"),
        ("metric", {**SECRET, "down": 10}, "down: give a share of technical declines from above 0 to 1"),
        ("metric", {**SECRET, "degraded": 0.5}, "degraded is not below down"),
        ("metric", {**SECRET, "fewest": 0}, "fewest: give a whole number"),
        ("metric", {**SECRET, "delayed_lag_s": 601}, "delayed_lag_s is not below down_lag_s"),
    ],
)
def test_a_spec_that_cannot_be_kept_says_what_to_change(kind: str, spec: dict[str, Any], said: str) -> None:
    with pytest.raises(TargetError) as caught:
        validate(kind, spec)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["heartbeat", "ussd_lab", "metric"])
def test_nobody_can_run_what_is_pushed(kind: str) -> None:
    outcome = run(Task(1, "lab", kind, SECRET, interval=60, timeout=5, slot=0))
    assert (outcome.status, "pushed to us" in outcome.evidence) == ("misconfigured", True)
