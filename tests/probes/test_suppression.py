"""When a confirmed trouble opens no draft."""

from __future__ import annotations

from datetime import timedelta

import pytest

from probes.suppression import Needs, PlannedWindow, held_back
from tests.factories import NOON

HOUR = timedelta(hours=1)
WINDOW = PlannedWindow(NOON, NOON + HOUR, {"paybill": "partial_outage", "till": ""})


@pytest.mark.parametrize(
    ("component", "status", "after", "why"),
    [
        ("paybill", "partial_outage", timedelta(), "planned"),
        ("paybill", "delayed", timedelta(minutes=59), "planned"),
        ("paybill", "unknown", timedelta(minutes=1), "planned"),
        ("paybill", "major_outage", timedelta(minutes=1), ""),  # worse than announced
        ("paybill", "partial_outage", HOUR, ""),  # it ran over
        ("paybill", "partial_outage", -timedelta(seconds=1), ""),
        ("till", "partial_outage", timedelta(), "planned"),  # a window that says nothing expects some to fail
        ("till", "major_outage", timedelta(), ""),
        ("airtime", "delayed", timedelta(), ""),  # not announced
    ],
)
def test_planned_work_mutes_what_is_no_worse_than_it_announced(component: str, status: str, after: timedelta, why: str) -> None:
    assert held_back(component=component, status=status, now=NOON + after, planned=[WINDOW]) == why


NEEDS = Needs(hard=("core", "channel"), soft=("sms",))


@pytest.mark.parametrize(
    ("status", "observed", "why"),
    [
        ("major_outage", {"core": "major_outage"}, "core"),
        ("delayed", {"core": "major_outage"}, "core"),
        ("major_outage", {"core": "delayed"}, ""),  # worse than theirs: its own
        ("major_outage", {"core": "operational", "channel": "major_outage"}, "channel"),
        ("delayed", {"sms": "major_outage"}, "sms"),  # soft: late at most
        ("partial_outage", {"sms": "major_outage"}, ""),
        ("major_outage", {"core": "unknown"}, ""),
        ("major_outage", {"core": "under_maintenance"}, ""),
        ("major_outage", {}, ""),
    ],
)
def test_a_trouble_that_follows_from_another_opens_none_of_its_own(status: str, observed: dict[str, str], why: str) -> None:
    assert held_back(component="paybill", status=status, now=NOON, needs=NEEDS, observed=observed) == why
