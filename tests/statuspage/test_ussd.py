"""USSD: both languages, 182 letters at most on every screen, from the snapshot alone."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from statuspage import page as public
from statuspage import snapshot, ussd
from statuspage.public import phones
from statuspage.status_json import status_json
from subscribers import gsm
from subscribers.models import Delivery, Notification, Subscriber
from tests.factories import NOON, ComponentFactory
from tests.subscribers.news import publish, set_up

LANGUAGES = [("en", "English"), ("sw", "Kiswahili")]
TOKEN = "0123456789abcdef"


def answer(text: str, page: Any) -> str:
    return ussd.answer(text, page, languages=LANGUAGES, provider="Mfano Pesa")


def page_of(*, services: int = 3, stale: bool = False, **fields: Any) -> Any:
    made = [ComponentFactory() for _ in range(services)]
    for component in made:
        component.status = "partial_outage"
        component.save(update_fields=["status"])
    if services:
        publish(component=made[0], next_update_by=NOON + timedelta(minutes=30), **fields)
    return json.loads(status_json(public.build_now(NOON), stale=stale))


@pytest.mark.django_db
@pytest.mark.parametrize("services", [0, 3, 60])
@pytest.mark.parametrize("stale", [False, True])
def test_every_screen_is_short_plain_and_in_its_language(services: int, stale: bool) -> None:
    page = page_of(services=services, stale=stale)
    for typed in [
        "",
        *("*".join(one) for n in (1, 2) for one in product("123", repeat=n)),
        "1**",
        "**",
        "9",
        "x",
        "1*2*3*4",
        "1*9",
    ]:
        for held in (page, None):
            said = answer(typed, held)
            assert said.startswith(("CON ", "END "))
            assert gsm.is_plain(said)
            assert gsm.length(said) <= ussd.LONGEST, said
    assert answer("", page) == "CON Mfano Pesa status / Hali ya Mfano Pesa\n1 English\n2 Kiswahili"
    for typed in ("1", "1*2", "1*3", "1*9"):
        assert answer(typed, page) != answer(f"2{typed[1:]}", page)


@pytest.mark.django_db
def test_what_is_wrong_and_when_more_is_said_is_told() -> None:
    page = page_of(services=1)
    assert answer("1*1", page).count("\n") == 1
    assert "Next update by" in answer("1*2", page)
    assert "Taarifa ijayo" in answer("2*2", page)


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("statuspage.public.urls")
def test_a_phone_is_answered_from_the_files_and_nobody_without_the_token(settings: Any, tmp_path: Path) -> None:
    set_up(settings)
    settings.SNAPSHOT_DIR, settings.SMS_CALLBACK_TOKEN = tmp_path, TOKEN
    web = Client(enforce_csrf_checks=True)
    assert "cannot say" in dialled(web, "1")
    ComponentFactory()
    snapshot.refresh(now=NOON, force=True)
    assert phones.status_now()["freshness"] == "stale"
    assert "can't confirm" in gsm.plain(dialled(web, "1")).replace("cannot", "can't")
    assert web.post("/phone/wrong-token-wrong/ussd", {"text": ""}).status_code == 404


def dialled(web: Client, text: str) -> str:
    return web.post(
        f"/phone/{TOKEN}/ussd", {"sessionId": "ATUid_1", "phoneNumber": "+254711000111", "text": text}
    ).content.decode()


@pytest.mark.django_db
@pytest.mark.urls("statuspage.public.urls")
def test_the_gateway_tells_and_hears_200_whatever_it_told(settings: Any) -> None:
    set_up(settings)
    settings.SMS_CALLBACK_TOKEN = TOKEN
    web = Client(enforce_csrf_checks=True)
    started = web.post(f"/phone/{TOKEN}/texts", {"from": "+254711000111", "text": "ANZA", "id": "1", "to": "20880"})
    assert (started.status_code, Subscriber.objects.get().state) == (200, "active")
    assert web.post(f"/phone/{TOKEN}/opt-outs", {"senderId": "X", "phoneNumber": "+254711000111"}).status_code == 200
    assert Subscriber.objects.get().state == "unsubscribed"
    for what, told in (("reports", {"id": "ATXid_9", "status": "Success"}), ("texts", {"from": "junk"}), ("opt-outs", {})):
        assert web.post(f"/phone/{TOKEN}/{what}", told).status_code == 200
        assert web.post(f"/phone/{TOKEN[:-1]}x/{what}", told).status_code == 404
    failed = {"id": "ATXid_9", "status": "Failed", "failureReason": "DeliveryFailure"}
    assert web.post(f"/phone/{TOKEN}/reports", failed).status_code == 200
    notification = Notification.objects.create(record_seq=9, kind="incident_update", created_at=NOON, send_at=NOON)
    in_hand = {"channel": "sms", "due_at": NOON, "wanted_at": NOON, "lease_until": NOON, "subscriber": Subscriber.objects.get()}
    Delivery.objects.create(notification=notification, **in_hand)
    assert web.post(f"/phone/{TOKEN}/reports", failed).status_code == 503, "it may be of the one that is being sent"
    settings.SMS_CALLBACK_FROM = []
    settings.SMS_CALLBACK_TOKEN = ""
    assert web.post("/phone//ussd", {}).status_code == 404
