"""The outbox by machine: how far the telling is, stopped before and during, what failed tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from incidents.models import AuditEvent
from statuspage.roles import APPROVER, AUTHOR, ENGINEER, PAGE_ADMIN
from subscribers.models import Delivery, Notification
from tests.factories import ComponentFactory
from tests.statuspage.api import machine
from tests.statuspage.desk import a_public_incident
from tests.subscribers.news import reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture
def entry(settings: Any) -> int:
    """The record entry of a public update with one who waits, one told and two given up."""
    cache.clear()
    settings.SEND_HOLD = timedelta(minutes=1)
    told = Notification.objects.get(record_seq=a_public_incident().updates.published()[0].record_seq or 0)
    for number, (state, channel) in enumerate(
        [("pending", "email"), ("sent", "email"), ("dead", "email"), ("dead", "slack")],
    ):
        Delivery.objects.create(
            notification=told, subscriber=reader(f"{number}@mail.example"), channel=channel, state=state, due_at=told.send_at,
            wanted_at=told.send_at,
        )  # fmt: skip
    Notification.objects.filter(pk=told.pk).update(expanded_at=told.created_at)
    return told.record_seq


def test_how_far_it_is_by_channel(entry: int) -> None:
    mail, chat = machine("read").get(f"/notifications/{entry}")["channels"]
    assert (mail["channel"], mail["queued"], mail["sent"], mail["failed"]) == ("email", 1, 1, 1)
    assert (chat["channel"], chat["failed"], chat["left_seconds"]) == ("slack", 1, None)


def test_it_is_stopped_with_a_reason_and_once(entry: int) -> None:
    asking = machine("notifications.write", role=APPROVER)
    assert asking.post(f"/notifications/{entry}/stop", {}).status_code == 409
    for _ in range(2):
        assert asking.post(f"/notifications/{entry}/stop", {"reason": "The wrong service."}).json()["stopped_at"]
    event = AuditEvent.objects.get(act="notification.stop")
    assert (event.details["reason"], event.details["token"]) == ("The wrong service.", "books")
    assert asking.post(f"/notifications/{entry}/resend").json()["again"] == 0, "nothing of it is begun again"


def test_what_failed_is_tried_again_by_its_channel_or_by_all(entry: int) -> None:
    asking = machine("notifications.write")
    assert asking.post(f"/notifications/{entry}/resend", {"channel": "slack"}).json()["again"] == 1
    assert asking.post(f"/notifications/{entry}/resend", {"channel": "pigeon"}).status_code == 422
    assert asking.post(f"/notifications/{entry}/resend").json()["again"] == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending", "sent"}


def test_it_is_bounded_by_scope_roles_and_services(entry: int) -> None:
    address = f"/notifications/{entry}/stop"
    asked = [
        machine("incidents.publish", name="other").post(address, {"reason": "No."}),
        machine("notifications.write", role=ENGINEER, name="engine").post(address, {"reason": "No."}),
        machine("notifications.write", role=PAGE_ADMIN, name="desk").post(address, {"reason": "No."}),
        machine("notifications.write", components=[ComponentFactory(code="payouts")], name="theirs").post(
            address, {"reason": "No."}
        ),
    ]
    assert [answer.json()["type"].rpartition(":")[2] for answer in asked] == [
        "scope",
        "forbidden",
        "forbidden",
        "other_component",
    ]
    assert machine("read", name="reads", role=AUTHOR).ask("GET", "/notifications/99999").status_code == 404
    assert Notification.objects.get(record_seq=entry).stopped_at is None
