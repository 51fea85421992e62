"""Duty: who is called about what and when, by which way; until somebody has it or the cause is gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.utils import timezone

from incidents import signing
from incidents.models import AuditEvent, Incident
from probes.models import Result
from statuspage import alerting, pager, publishing
from statuspage.alert_causes import Reach
from statuspage.models import AlertSending, DutyRole, DutyShift, Heartbeat, StaffAlert
from statuspage.roles import APPROVER, AUDITOR, AUTHOR
from tests.factories import ProbeScheduleFactory, UserFactory
from tests.statuspage.desk import a_draft, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def on_duty(role: DutyRole, name: str, now: datetime) -> Any:
    person = UserFactory(username=name)
    DutyShift.objects.create(person=person, role=role, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=8))
    return person


def called(kind: str = "") -> list[str]:
    """Who was mailed, in order."""
    rows = AlertSending.objects.filter(channel="mail", **({"alert__kind": kind} if kind else {})).order_by("id")
    return [sending.person.get_username() for sending in rows.select_related("person") if sending.person]


class Receiver:
    """A web server that keeps what is posted to it."""

    def __init__(self, status: int) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status = status
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver(202)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_draft_calls_the_authors_on_duty_once_and_is_over_when_it_is_public(mailoutbox: list[EmailMessage]) -> None:
    draft, now = a_draft(), timezone.now()
    on_duty(DutyRole.AUTHOR, "asha", now)
    on_duty(DutyRole.ENGINEER, "zawadi", now)
    assert pager.call_due(now=now) == 1
    assert pager.call_due(now=now) == 0
    [mail] = mailoutbox
    assert mail.to == ["asha@desk.example"]
    assert mail.subject.startswith("[critical] Draft opened: ")
    assert f"/admin/incidents/incidentupdate/{draft.pk}/change/" in str(mail.body)
    publishing.publish_update(update_id=draft.pk, actor=UserFactory(), now=now)
    pager.call_due(now=now + timedelta(seconds=5))
    assert StaffAlert.objects.get(kind="draft").resolved_at is not None


def test_a_waiting_signature_calls_one_approver_then_the_next_then_all() -> None:
    draft, now = a_draft(), timezone.now()
    for name in ("a-daniel", "b-faith", "c-otieno"):
        on_duty(DutyRole.APPROVER, name, now)
    drafted = draft
    drafted.signature_kind = "none"
    drafted.save()
    signing.request(item=drafted, actor=UserFactory(), now=now)
    seen = {}
    for minute in (0, 4, 5, 10):
        alerting.raise_due(now=now + timedelta(minutes=minute))
        seen[minute] = called("signature")
    first, second = ["a-daniel"], ["a-daniel", "b-faith"]
    assert (seen[0], seen[4], seen[5]) == (first, first, second)
    assert sorted(set(seen[10])) == ["a-daniel", "b-faith", "c-otieno"]


def test_whoever_has_it_ends_the_calls_and_the_log_keeps_that() -> None:
    draft, now = a_draft(), timezone.now()
    draft.signature_kind = "none"
    draft.save()
    for name in ("a-daniel", "b-faith"):
        on_duty(DutyRole.APPROVER, name, now)
    signing.request(item=draft, actor=UserFactory(), now=now)
    alerting.raise_due(now=now)
    alert = StaffAlert.objects.get(kind="signature")
    client = sign_in(someone(APPROVER, "grace"))
    page = f"/admin/statuspage/staffalert/{alert.pk}/acknowledge/"
    assert "I have it" in client.get(page).content.decode()
    assert StaffAlert.objects.get(pk=alert.pk).is_open
    assert client.post(page)["Location"] == f"/admin/incidents/incidentupdate/{draft.pk}/sign/"
    alerting.raise_due(now=now + timedelta(minutes=11))
    assert called("signature") == ["a-daniel"]
    assert AuditEvent.objects.get(act="alert.acknowledge").actor_name == "grace"
    assert "grace has it" in client.get("/admin/statuspage/staffalert/").content.decode()


def test_a_promise_nudges_the_author_before_and_at_its_time_and_then_an_approver() -> None:
    now = timezone.now()
    draft = publishing.publish_update(update_id=a_draft().pk, actor=UserFactory(), now=now)
    promised = Incident.objects.get(pk=draft.incident_id).next_update_by
    assert promised is not None
    on_duty(DutyRole.AUTHOR, "asha", promised)
    on_duty(DutyRole.APPROVER, "daniel", promised)
    seen = {}
    for minute in (-6, -5, 0, 5):
        alerting.raise_due(now=promised + timedelta(minutes=minute))
        seen[minute] = called("promise")
    assert seen == {-6: [], -5: ["asha"], 0: ["asha", "asha"], 5: ["asha", "asha", "daniel"]}


def test_what_went_out_by_itself_pages_the_whole_roster(settings: Any) -> None:
    now = timezone.now()
    for role in DutyRole:
        on_duty(role, f"on-{role}", now)
    a_draft()
    assert len(publishing.publish_due(now=now + timedelta(minutes=6))) == 1
    alerting.raise_due(now=now + timedelta(minutes=6))
    assert sorted(called("unattended")) == ["on-approver", "on-author", "on-engineer"]


def test_engineers_hear_of_silent_agents_misconfigured_probes_and_a_page_that_is_not_kept_fresh() -> None:
    now = timezone.now()
    on_duty(DutyRole.ENGINEER, "zawadi", now)
    row = ProbeScheduleFactory(vantage__last_heard_at=now - timedelta(minutes=5), vantage__name="kisumu")
    Result.objects.create(
        probe=row.probe, vantage=row.vantage, slot=int(now.timestamp()), status="misconfigured", evidence="No such host.",
        started_at=now, received_at=now,
    )  # fmt: skip
    Heartbeat.objects.create(name="publisher", at=now - timedelta(minutes=2))
    alerting.raise_due(now=now)
    kinds = StaffAlert.objects.values_list("kind", flat=True)
    assert sorted(kinds) == ["agent", "probe", "snapshot"]
    assert called() == ["zawadi"] * 3
    row.vantage.last_heard_at = now
    row.vantage.save()
    Heartbeat.objects.update(at=now)
    Result.objects.update(status="ok")
    alerting.raise_due(now=now)
    assert not StaffAlert.objects.filter(resolved_at=None).exists()


def test_where_nobody_is_on_the_roster_everyone_in_the_role_is_called_but_not_in_a_demo(settings: Any) -> None:
    someone(AUTHOR, "asha")
    now = timezone.now()
    assert alerting.people(DutyRole.AUTHOR, Reach.DUTY, called=(), now=now) == []
    settings.DEMO = False
    assert [who.username for who in alerting.people(DutyRole.AUTHOR, Reach.DUTY, called=(), now=now)] == ["asha"]


def test_alertmanagers_receivers_and_pagerduty_hear_of_an_alert_and_of_its_end(receiver: Receiver, settings: Any) -> None:
    settings.ALERT_WEBHOOK, settings.PAGERDUTY_URL, settings.PAGERDUTY_KEY = receiver.url, receiver.url, "R0UTE"
    draft, now = a_draft(), timezone.now()
    assert pager.call_due(now=now) == 2
    publishing.publish_update(update_id=draft.pk, actor=UserFactory(), now=now)
    assert pager.call_due(now=now + timedelta(seconds=5)) == 2
    hooks = [body for body in receiver.bodies if "alerts" in body]
    events = [body for body in receiver.bodies if "event_action" in body]
    assert [(hook["version"], hook["status"], hook["alerts"][0]["labels"]["alertname"]) for hook in hooks] == [
        ("4", "firing", "HaliDraft"),
        ("4", "resolved", "HaliDraft"),
    ]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert events[0]["payload"]["severity"] == "critical"
    assert {event["dedup_key"] for event in events} == {events[0]["dedup_key"]}
    assert {event["routing_key"] for event in events} == {"R0UTE"}


def test_what_could_not_be_told_is_tried_again_later_and_what_never_can_is_given_up(receiver: Receiver, settings: Any) -> None:
    settings.ALERT_WEBHOOK = receiver.url
    a_draft()
    now = timezone.now()
    receiver.status = 503
    assert pager.call_due(now=now) == 0
    sending = AlertSending.objects.get()
    assert sending.due_at == now + timedelta(seconds=10)
    assert sending.error == "it answered 503"
    assert pager.call_due(now=now + timedelta(seconds=9)) == 0
    receiver.status = 404
    assert pager.call_due(now=now + timedelta(seconds=10)) == 0
    assert AlertSending.objects.filter(due_at=None, sent_at=None, attempt=2).exists()
    assert len(receiver.bodies) == 2


@pytest.mark.database
def test_a_shift_ends_after_it_began() -> None:
    now = timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        DutyShift.objects.create(person=UserFactory(), role="author", starts_at=now, ends_at=now)
    person = UserFactory()
    form = {"person": person.pk, "role": "author", "starts_at_0": "2026-11-28", "starts_at_1": "18:00",
            "ends_at_0": "2026-11-28", "ends_at_1": "06:00"}  # fmt: skip
    answer = sign_in(someone(APPROVER)).post("/admin/statuspage/dutyshift/add/", form)
    assert "The shift ends before it begins" in answer.content.decode()
    assert sign_in(someone(AUDITOR)).get("/admin/statuspage/dutyshift/").status_code == 200


def test_the_times_of_a_shift_say_on_which_clock_they_are_given() -> None:
    assert "EAT, on 24 hours" in sign_in(someone(APPROVER)).get("/admin/statuspage/dutyshift/add/").content.decode()
