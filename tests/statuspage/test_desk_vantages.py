"""What the desk says of vantages and their agents: silence, clocks, refusals."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from statuspage.roles import ENGINEER
from tests.factories import ProbeScheduleFactory, VantageFactory
from tests.statuspage.desk import sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def listed(**facts: Any) -> str:
    VantageFactory(**facts)
    return sign_in(someone(ENGINEER)).get("/admin/probes/vantage/").content.decode()


def test_an_agent_that_fell_silent_is_shown_as_not_counted() -> None:
    page = listed(public_key="k", last_heard_at=timezone.now() - timedelta(minutes=5))
    assert re.search(r"5:\d\d ago: silent, not counted", page)


def test_one_that_speaks_is_not() -> None:
    assert "silent" not in listed(public_key="k", last_heard_at=timezone.now())


def test_a_vantage_without_a_key_says_how_to_get_one() -> None:
    assert "has no key yet: manage.py add_vantage" in listed()


@pytest.mark.parametrize(
    ("skew_ms", "error_ms", "said"),
    [
        (40_000, 100, "40.0 s ahead, give or take 0.1 s"),
        (-2500, 300, "2.5 s behind, give or take 0.3 s"),
        (900, 100, "right"),
        (5000, 6000, "right"),
    ],
)
def test_a_clock_that_is_off_by_more_than_it_may_be_wrong_is_told(skew_ms: int, error_ms: int, said: str) -> None:
    assert said in listed(skew_ms=skew_ms, skew_error_ms=error_ms)


def test_refused_batches_are_counted_with_the_last_reason() -> None:
    page = listed(refused=3, refused_at=timezone.now() - timedelta(minutes=2), refused_because="no_key")
    assert re.search(r"3, the last 2:\d\d ago \(no key\)", page)


@pytest.mark.parametrize(("is_used", "is_told"), [(True, True), (False, False)])
def test_the_dashboard_tells_of_a_silent_agent_that_should_be_at_work(is_used: bool, is_told: bool) -> None:
    vantage = VantageFactory(name="mombasa")
    if is_used:
        ProbeScheduleFactory(vantage=vantage)
    page = sign_in(someone(ENGINEER)).get("/admin/").content.decode()
    assert ("Vantage silent" in page) is is_told


def test_the_form_shows_no_key() -> None:
    vantage = VantageFactory(public_key="a-public-key")
    page = sign_in(someone(ENGINEER)).get(f"/admin/probes/vantage/{vantage.pk}/change/").content.decode()
    assert "a-public-key" not in page
