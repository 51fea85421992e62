"""Eight at once: the record never forks, and what is done once is done once, whoever comes first."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from incidents import closing, stating, withdrawing
from incidents.models import (
    AuditEvent,
    Component,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Notice,
    RecordEntry,
    ScheduledMaintenance,
    Statement,
)
from incidents.signing import sign
from incidents.statements import Level, Role
from incidents.verification import verify
from statuspage import grounds, publishing
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents import plans, test_reviews
from tests.incidents.helpers import all_notices, safety_notices

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

EIGHT = 8


def at(minutes: float) -> Any:
    return NOON + timedelta(minutes=minutes)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Each act in a thread of its own, all starting together."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def entries(*kinds: str) -> dict[str, int]:
    """How many entries of each kind, all of them with one notification."""
    found = RecordEntry.objects.filter(kind__in=kinds)
    assert Notification.objects.filter(record_seq__in=found.values("seq")).count() == found.count()
    return dict(Counter(found.values_list("kind", flat=True)))


@pytest.fixture
def incident() -> Incident:
    """Public, open and major since noon, with what appears by itself."""
    safety_notices()
    notices = all_notices()
    publishing.publish_notice(component=ComponentFactory(code="paybill"), notice=notices["down"], actor=None, now=NOON)
    return Incident.objects.get()


def signed_statement(incident: Incident) -> Statement:
    grounds.set_security(incident=incident, value="no", reason="Triage", actor=UserFactory(), now=at(1))
    grounds.note(incident=incident, actor=UserFactory(), now=at(1), triage="Nothing")
    incident.refresh_from_db()
    statement = stating.draft(incident=incident, level=Level.NO_SIGN, author=UserFactory(), now=at(2))
    role = Role.HEAD_OF_SECURITY
    return stating.sign(statement=statement, role=role, held={role}, signer=UserFactory(), now=at(2))


def over(incident: Incident) -> Incident:
    for minute, code in ((30, "watching"), (60, "resolved")):
        notice = Notice.objects.get(code=code)
        publishing.publish_notice(component=Component.objects.get(), notice=notice, actor=None, now=at(minute))
    incident.refresh_from_db()
    return incident


def test_a_statement_is_published_once(incident: Incident) -> None:
    statement = signed_statement(incident)
    before = entries("statement").get("statement", 0)
    at_once(*[lambda: publishing.publish_statement(statement=statement, actor=None, now=at(3))] * EIGHT)
    assert entries("statement")["statement"] == before + 1
    assert verify().holds


def test_what_lapses_is_taken_back_once_by_however_many_publishers(incident: Incident) -> None:
    publishing.publish_statement(statement=signed_statement(incident), actor=None, now=at(3))
    at_once(*[lambda: grounds.follow_due(now=at(25 * 60))] * EIGHT)
    assert entries("withdrawal") == {"withdrawal": 1}
    assert Statement.objects.published().filter(level="0").count() == 2, "level 0 came back, once"
    assert verify().holds


def test_two_who_take_one_statement_back_leave_one_withdrawal(incident: Incident) -> None:
    statement = signed_statement(incident)
    publishing.publish_statement(statement=statement, actor=None, now=at(3))
    note = {"en": "We spoke too soon.", "sw": "Tulisema mapema mno."}
    drafts = [
        withdrawing.draft(of=Statement.objects.get(pk=statement.pk), note=note, author=UserFactory(), now=at(4)) for _ in range(2)
    ]
    signed = [sign(item=draft, signer=UserFactory(), now=at(4)) for draft in drafts]

    def take_back(draft: Any) -> str:
        try:
            publishing.publish_withdrawal(withdrawal=draft, actor=None, now=at(5))
        except publishing.Blocked as refusal:
            return refusal.blockers[0].code
        return "published"

    assert sorted(at_once(*[lambda draft=draft: take_back(draft) for draft in signed])) == ["published", "withdrawn"]
    assert verify().holds


def planned(**fields: Any) -> ScheduledMaintenance:
    return plans.announced({ComponentFactory(code="paybill"): "partial_outage"}, **fields)


def words_of(window: ScheduledMaintenance) -> list[str]:
    return list(window.updates.published().order_by("record_seq").values_list("act", flat=True))


def test_planned_work_is_advanced_once_by_however_many_publishers() -> None:
    window = planned()
    for hours in (-24, -1, 0, 3):
        at_once(*[lambda hours=hours: publishing.advance_maintenance(now=plans.at(hours))] * EIGHT)
    assert words_of(window) == ["", "remind", "remind", "start", "complete"]
    assert entries("maintenance_update") == {"maintenance_update": 5}
    assert verify().holds


def test_the_next_of_a_series_is_announced_once() -> None:
    planned(recurrence="FREQ=WEEKLY")
    at_once(*[lambda: publishing.advance_maintenance(now=plans.at(-24))] * EIGHT)
    starts = ScheduledMaintenance.objects.published().values_list("starts_at", flat=True)
    assert len(starts) == len(set(starts))
    assert MaintenanceUpdate.objects.published().count() == entries("maintenance_update")["maintenance_update"]
    assert verify().holds


def test_a_review_is_published_once(incident: Incident) -> None:
    review = test_reviews.written(over(incident))
    at_once(*[lambda: publishing.publish_review(review=review, actor=None, now=at(200))] * EIGHT)
    assert entries("review") == {"review": 1}
    assert verify().holds


def test_an_incident_is_closed_once(incident: Incident) -> None:
    publishing.publish_review(review=test_reviews.written(over(incident)), actor=None, now=at(200))
    actors = [UserFactory() for _ in range(EIGHT)]
    at_once(*[lambda actor=actor: closing.close(incident=incident, actor=actor, now=at(300)) for actor in actors])
    assert AuditEvent.objects.filter(act="incident.close").count() == 1
    incident.refresh_from_db()
    assert AuditEvent.objects.get(act="incident.close").actor == incident.closed_by
    assert verify().holds


def test_acts_of_every_kind_at_once_leave_one_chain(incident: Incident) -> None:
    statement = signed_statement(incident)
    window = plans.plan({ComponentFactory(code="till"): "delayed"}, start=24, end=26, now=1)
    plan = sign(item=window, signer=UserFactory(), now=at(61))
    notice = Notice.objects.get(code="no-change")
    component = Component.objects.get(code="paybill")
    acts: Sequence[Callable[[], Any]] = (
        lambda: publishing.publish_statement(statement=statement, actor=None, now=at(62)),
        lambda: publishing.publish_maintenance(update=plan, actor=None, now=at(62)),
        lambda: publishing.publish_notice(component=component, notice=notice, actor=None, now=at(62)),
        lambda: publishing.publish_notice(component=component, notice=notice, actor=None, now=at(62)),
        lambda: grounds.set_impact(incident=incident, impact="critical", reason="r", actor=UserFactory(), now=at(62)),
        lambda: grounds.follow_due(now=at(62)),
        lambda: publishing.advance_maintenance(now=at(62)),
        lambda: publishing.publish_due(now=at(62)),
    )
    at_once(*acts)
    found = verify()
    assert found.holds, found
    assert found.entries == RecordEntry.objects.count()
    assert IncidentUpdate.objects.published().filter(notice=notice).count() >= 1
