"""After publishing, whatever it was: held and stopped by one press, its failures tried again, how far it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents import corrections, documents, rebutting, record, signing, stating, withdrawing
from incidents.languages import in_all
from incidents.models import Announcement, AuditEvent, Component, Incident, Redress, StatusChange
from incidents.statements import Level, Role
from statuspage import grounds, publishing
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, PAGE_ADMIN
from subscribers import notifying
from subscribers.models import Delivery, Notification
from tests.factories import NOON, UserFactory
from tests.incidents import plans, test_rebutting, test_reviews
from tests.incidents.helpers import safety_notices
from tests.incidents.test_rebuttals import WHOLE
from tests.statuspage.desk import a_public_incident, after, at, page_of, sign_in, someone
from tests.subscribers.news import reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
BOTH = {"en": "True words.", "sw": "Maneno ya kweli."}


@pytest.fixture
def incident(settings: Any) -> Incident:
    settings.SEND_HOLD = timedelta(minutes=1)
    safety_notices()
    return a_public_incident("major_outage", "send-money")


@pytest.fixture
def author() -> Client:
    return sign_in(someone(AUTHOR, "asha"))


# --- Each kind, signed and not public yet --------------------------------------------------------


def _signed(draft: Any) -> Any:
    kept = documents.add(document=draft, author=UserFactory(), now=timezone.now())
    return signing.sign(item=kept, signer=UserFactory(), now=timezone.now())


def correction(incident: Incident) -> Any:
    said = incident.updates.published()[0]
    draft = corrections.draft(
        of=said, words={"body": BOTH}, reason=BOTH, author=UserFactory(), now=timezone.now(), deliver_notifications=True
    )
    return signing.sign(item=draft, signer=UserFactory(), now=timezone.now())


def redress(incident: Incident) -> Any:
    words = {name: in_all(BOTH) for name in ("who", "how", "complain")}
    return _signed(Redress(incident=incident, good_by=timezone.localdate() + timedelta(days=5), **words))


def review(incident: Incident) -> Any:
    closed = after(after(incident, "watching"), "resolved")
    return test_reviews.written(closed)


def maintenance_update(incident: Incident) -> Any:
    soon = (timezone.now() - NOON) / plans.HOUR
    draft = plans.plan({Component.objects.get(): "delayed"}, start=soon + 48, end=soon + 50, now=soon)
    return signing.sign(item=draft, signer=UserFactory(), now=timezone.now())


def announcement(incident: Incident) -> Any:
    return _signed(Announcement(title=in_all(BOTH), body=in_all(BOTH), starts_at=timezone.now(), deliver_notifications=True))


def statement(incident: Incident) -> Any:
    now, officer = timezone.now(), UserFactory()
    grounds.note(incident=incident, actor=officer, now=now, triage="Nothing found")
    grounds.set_security(incident=incident, value="no", reason="Triage", actor=officer, now=now)
    draft = stating.draft(incident=incident, level=Level.NO_SIGN, author=UserFactory(), now=now)
    held = {Role.HEAD_OF_SECURITY}
    return stating.sign(
        statement=draft, role=Role.HEAD_OF_SECURITY, held=held, signer=officer, now=now,
        seen_hash=signing.content_hash(draft),
    )  # fmt: skip


def rebuttal(incident: Incident) -> Any:
    draft = rebutting.draft(
        claim=test_rebutting.logged(), answer=WHOLE, author=UserFactory(), now=timezone.now(), incident=incident
    )
    return test_rebutting.approved(draft)


def withdrawal(incident: Incident) -> Any:
    said = publishing.publish_statement(statement=statement(incident), actor=None, now=timezone.now())
    draft = withdrawing.draft(of=said, note=BOTH, author=UserFactory(), now=timezone.now())
    return signing.sign(item=draft, signer=UserFactory(), now=timezone.now())


READY: dict[str, Callable[[Incident], Any]] = {
    made.__name__: made
    for made in (correction, redress, review, maintenance_update, announcement, statement, rebuttal, withdrawal)
}


def told(document: Any) -> Notification:
    document.refresh_from_db()
    return Notification.objects.get(record_seq=document.record_seq)


def address(notification: Notification, act: str = "change") -> str:
    return f"/admin/subscribers/notification/{notification.pk}/{act}/"


def deliver(notification: Notification, state: str, channel: str = "email") -> Delivery:
    now = timezone.now()
    made: Delivery = Delivery.objects.create(
        notification=notification, subscriber=reader(f"{Delivery.objects.count()}@mail.example"), channel=channel, state=state,
        due_at=now, wanted_at=now, last_error="550 no such user" if state == "dead" else "",
    )  # fmt: skip
    Notification.objects.filter(pk=notification.pk).update(expanded_at=now)
    return made


def test_no_kind_of_document_is_forgotten_here() -> None:
    assert set(READY) == set(record.document_kinds())


# --- Held, stopped -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(READY))
def test_what_was_just_published_is_held_and_stopped_by_one_press_whatever_it_is(
    kind: str, incident: Incident, author: Client
) -> None:
    draft = READY[kind](incident)
    answer = author.post(page_of(draft, "publish"), follow=True)
    notification = told(draft)
    assert answer.redirect_chain[-1][0] == address(notification)
    page = answer.content.decode()
    assert "until subscribers are told" in page
    assert "Stop sending" in page
    assert notification.send_at - notification.created_at == timedelta(minutes=1)
    stop = re.search(r'action="([^"]*/stop/)"', page)
    assert stop
    assert b"Sending was stopped" in author.post(stop[1], {"reason": "The wrong one."}, follow=True).content
    notification.refresh_from_db()
    assert notification.stopped_at
    event = AuditEvent.objects.get(act="notification.stop")
    assert (event.actor_name, event.details) == ("asha", {"reason": "The wrong one.", "kind": kind})
    draft.refresh_from_db()
    assert draft.is_published
    assert f'href="{address(notification)}"' in author.get(page_of(draft)).content.decode(), "and it is found again from there"


def test_a_step_of_planned_work_leads_to_how_far_its_telling_is(incident: Incident, author: Client) -> None:
    draft: Any = maintenance_update(incident)
    author.post(page_of(draft, "publish"))
    answer = author.post(page_of(draft.maintenance, "step"), {"status": "cancelled"}, follow=True)
    assert b"Stop sending" in answer.content
    assert Notification.objects.latest("record_seq").kind == "maintenance_update"


def test_a_services_change_is_stopped_too_while_it_goes_out(incident: Incident, author: Client) -> None:
    change = StatusChange.objects.latest("record_seq")
    notification = notifying.enqueue(record_seq=change.record_seq, kind="component_status", now=timezone.now())
    deliver(notification, "pending", "webhook")
    page = author.get(address(notification)).content.decode()
    assert "Subscribers are being told" in page
    assert "/components/send-money" in page
    author.post(address(notification, "stop"))
    notification.refresh_from_db()
    assert notification.stopped_at


def test_what_is_told_to_nobody_says_so_and_has_nothing_to_stop(incident: Incident, author: Client) -> None:
    quiet = _signed(Announcement(title=in_all(BOTH), body=in_all(BOTH), starts_at=timezone.now()))
    page = author.post(page_of(quiet, "publish"), follow=True).content.decode()
    assert "Subscribers are not told." in page
    assert "Stop sending" not in page
    publishing.withdraw_announcement(announcement=quiet, reason="Wrong.", actor=UserFactory(), now=timezone.now())
    entry = Notification.objects.get(kind="announcement_withdrawn")
    assert b"Announcement withdrawn" in author.get(address(entry)).content


def test_an_updates_page_is_one_whichever_address_leads_to_it(incident: Incident, author: Client) -> None:
    said = incident.updates.published()[0]
    notification = told(said)
    for page in (address(notification), at(said, "after")):
        shown = author.get(page).content.decode()
        assert "Next promise" in shown
        assert f'action="{address(notification, "stop")}"' in shown
    author.post(at(said, "stop"))
    notification.refresh_from_db()
    assert notification.stopped_at, "the address that an open page of yesterday has"


# --- Dead letters, progress ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(READY))
def test_what_was_given_up_is_tried_again_by_its_channel_whatever_it_is(kind: str, incident: Incident, author: Client) -> None:
    draft = READY[kind](incident)
    author.post(page_of(draft, "publish"))
    notification = told(draft)
    mail, chat = deliver(notification, "dead"), deliver(notification, "dead", "slack")
    deliver(notification, "sent")
    page = author.get(address(notification)).content.decode()
    assert "1 of 2 · 1 given up" in page
    assert "Try the 1 by Mail again" in page
    assert "Try the 1 by Slack again" in page
    again = author.post(address(notification, "resend"), {"channel": "email"}, follow=True).content.decode()
    assert "1 are tried again" in again
    mail.refresh_from_db()
    chat.refresh_from_db()
    assert (mail.state, chat.state) == ("pending", "dead")
    assert AuditEvent.objects.get(act="notification.resend").details == {"count": 1, "channel": "email"}


def test_what_was_stopped_is_not_begun_again_by_trying_its_failures(incident: Incident, author: Client) -> None:
    draft = READY["redress"](incident)
    author.post(page_of(draft, "publish"))
    dead = deliver(told(draft), "dead")
    deliver(told(draft), "pending")
    author.post(address(told(draft), "stop"))
    assert b"again</button>" not in author.get(address(told(draft))).content
    assert b"0 are tried again" in author.post(address(told(draft), "resend"), follow=True).content
    dead.refresh_from_db()
    assert dead.state == "dead"


def test_a_given_up_delivery_leads_to_where_it_is_tried_again(incident: Incident, author: Client) -> None:
    draft = READY["statement"](incident)
    author.post(page_of(draft, "publish"))
    notification = told(draft)
    deliver(notification, "dead")
    assert f'href="{address(notification)}"' in author.get("/admin/subscribers/delivery/?state__exact=dead").content.decode()
    assert f'href="{address(notification)}' in author.get("/admin/subscribers/notification/").content.decode()


# --- Who may -------------------------------------------------------------------------------------


def test_who_may_not_publish_sees_how_far_it_is_and_stops_nothing(incident: Incident) -> None:
    document = publishing.publish_redress(redress=redress(incident), actor=UserFactory(), now=timezone.now())
    notification = told(document)
    for role in (AUDITOR, PAGE_ADMIN):
        client = sign_in(someone(role))
        page = client.get(address(notification))
        assert page.status_code == 200
        assert b"Stop sending" not in page.content
        assert [client.post(address(notification, act)).status_code for act in ("stop", "resend")] == [403, 403]
    notification.refresh_from_db()
    assert notification.stopped_at is None
    assert sign_in(someone(APPROVER)).post(address(notification, "stop")).status_code == 302
