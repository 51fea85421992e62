"""After years of history an act asks the database as often as on the first day: the numbers are pinned.

Compared are a day's history and a thousand words of it; `TEST_HISTORY=full` takes five years (10,000 incidents, 100,000 updates,
200 components), minutes to write. The page's files are left out: the snapshot's own tests measure them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents import closing, drafts, signing, timeline
from incidents.models import Component, Incident, IncidentUpdate, Notice
from incidents.verification import verify
from statuspage import page, publishing, snapshot
from tests.factories import NOON, UserFactory
from tests.incidents.helpers import all_notices, safety_notices
from tests.incidents.history import five_years

IS_FULL = os.environ.get("TEST_HISTORY") == "full"
pytestmark = [pytest.mark.django_db, *([pytest.mark.timeout(3600)] if IS_FULL else [])]

DAY: dict[str, Any] = {"incidents": 3, "updates_each": 5, "components": 3}
YEARS: dict[str, Any] = {"incidents": 100, "updates_each": 10, "components": 50}
if IS_FULL:
    YEARS = {"incidents": 10_000, "updates_each": 10, "components": 200}


ASKED = {
    "first sign": [29],
    "first word": [59],
    "ten updates": [48] * 10,  # drafted, signed, published
    "recovery": [7],
    "watching": [56],
    "resolved": [52],
}


@pytest.fixture
def without_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "refresh", lambda **_: False)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def counted(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        act()
    return sum(1 for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE")))


def one_incident(notices: dict[str, Notice]) -> dict[str, list[int]]:
    """An incident from the first sign to the last word; how many queries each act took."""
    component, writer, signer = Component.objects.order_by("pk")[0], UserFactory(), UserFactory()
    component = Component.objects.get(pk=component.pk)

    def see(status: str, minute: float) -> None:
        timeline.observe(component=component, status=status, since=at(minute), now=at(minute))

    def say(code: str, minute: float) -> None:
        publishing.publish_notice(component=component, notice=notices[code], actor=writer, now=at(minute))

    def write(minute: float) -> None:
        draft = drafts.add_update(
            incident=Incident.objects.latest("pk"),
            status="identified",
            body={"en": "A cable was cut.", "sw": "Waya umekatika."},
            affected={component: "partial_outage"},
            next_update_by=at(minute + 30),
            author=writer,
            now=at(minute),
        )
        signing.sign(item=draft, signer=signer, now=at(minute))
        publishing.publish_update(update_id=draft.pk, actor=writer, now=at(minute))

    found = {"first sign": [counted(lambda: see("partial_outage", 0))], "first word": [counted(lambda: say("down", 1))]}
    found["ten updates"] = [counted(partial(write, minute)) for minute in range(2, 12)]
    found["recovery"] = [counted(lambda: see("operational", 20))]
    found["watching"] = [counted(lambda: say("watching", 21))]
    found["resolved"] = [counted(lambda: say("resolved", 55))]
    return found


@pytest.mark.usefixtures("without_files")
@pytest.mark.parametrize("history", [DAY, YEARS], ids=["a day", "years"])
def test_an_incident_takes_as_many_queries_after_years_as_on_the_first_day(history: dict[str, Any]) -> None:
    five_years(**history)
    notices = all_notices()
    safety_notices()
    found = one_incident(notices)
    assert IncidentUpdate.objects.count() == history["incidents"] * history["updates_each"] + 13
    assert found == ASKED


def test_no_question_of_the_page_looks_through_every_incident() -> None:
    """SQLite has no statistics, and chooses an index by its looks: without care it walks through all that is not merged."""
    if connection.vendor != "sqlite":
        return
    five_years(**DAY)
    component = Component.objects.order_by("pk")[0]
    with CaptureQueriesContext(connection) as queries:
        page.build_now(NOON)
        closing.reviews_turning(since=NOON - timedelta(seconds=10), now=NOON)
        timeline.stated_by_incidents(component)
        drafts.open_incident_of(component)
    plans = {query["sql"]: plan_of(query["sql"]) for query in queries if '"incidents_incident"' in query["sql"]}
    assert len(plans) > 5
    walks = re.compile(r"SCAN incidents_incident\b|SCAN U\d|merged_into_id=\?\)")
    assert {sql: plan for sql, plan in plans.items() if walks.search(plan)} == {}


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(row[-1] for row in cursor.fetchall())


def test_the_history_that_is_compared_with_is_a_record_that_holds() -> None:
    five_years(**DAY)
    assert verify().holds, verify().problem
