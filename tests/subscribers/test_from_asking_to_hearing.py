"""Each channel from the asking to the news, through the outbox, to a listener that stands for the service."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from standardwebhooks.webhooks import Webhook

from subscribers import addresses, links, outbox, phone_replies, subscriptions
from subscribers.models import Delivery, Endpoint, Subscriber
from subscribers.transports import TRANSPORTS
from tests.factories import NOON
from tests.subscribers.hooks import Hook
from tests.subscribers.news import publish

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def ask(channel: str, address: str) -> None:
    subscriptions.subscribe(address=address, channel=channel, language="sw", source={"wording": "test"}, now=NOON)


def deliver(minutes: float) -> None:
    now = NOON + timedelta(minutes=minutes)
    outbox.fan_out(now=now)
    outbox.deliver_due(now=now, limit=10)


def confirm_by_the_link_in(body: bytes) -> None:
    [token] = set(re.findall(r"/confirm/([\w=-]+)", body.decode()))
    assert subscriptions.confirm(token=token, now=NOON + timedelta(minutes=2)) is not None


@pytest.mark.parametrize("channel", sorted(set(TRANSPORTS) - {"email", "sms"}))
def test_a_url_is_asked_confirms_and_hears(channel: str, settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    with Hook() as hook:
        ask(channel, f"{hook.url}hook")
        deliver(1)
        [asked] = hook.requests
        confirm_by_the_link_in(asked.body)
        publish(now=NOON + timedelta(minutes=3))
        deliver(10)
        _, heard = hook.requests
    assert Delivery.objects.get().state == "sent"
    assert "Malipo yanachelewa" in json.dumps(json.loads(heard.body), ensure_ascii=False)
    assert b"@@" not in heard.body
    assert b"/manage/" in heard.body
    if channel == "webhook":
        secret = addresses.decrypt(Endpoint.objects.get().secret_encrypted)
        for one in (asked, heard):
            assert Webhook(secret).verify(one.body, dict(one.headers.items()))


@pytest.mark.parametrize("channel", sorted(set(TRANSPORTS) - {"email", "sms"}))
def test_a_url_that_hears_already_and_is_asked_for_again_gets_the_way_to_its_own_page(channel: str, settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    with Hook() as hook:
        ask(channel, f"{hook.url}hook")
        deliver(1)
        confirm_by_the_link_in(hook.requests[0].body)
        subscriptions.subscribe(
            address=f"{hook.url}hook",
            channel=channel,
            language="en",
            source={},
            payload="statuspage",
            now=NOON + timedelta(minutes=5),
        )
        deliver(6)
        _, known = hook.requests
    [link] = set(re.findall(r"/manage/([\w.=-]+)", json.dumps(json.loads(known.body))))
    found = Subscriber.objects.get()
    assert links.public_id_in(link, links.MANAGE) == found.public_id
    assert b"/confirm/" not in known.body
    assert (found.state, found.language) == ("active", "sw")
    if channel == "webhook":
        endpoint = Endpoint.objects.get()
        assert Webhook(addresses.decrypt(endpoint.secret_encrypted)).verify(known.body, dict(known.headers.items()))
        assert endpoint.payload == "hali", "what is confirmed nobody else changes"


def test_a_url_that_turns_out_to_lead_inside_is_never_asked_and_the_row_says_why(settings: Any) -> None:
    ask("webhook", "https://hooks.customer.example/")
    settings.WEBHOOK_NAME_SERVER = "127.0.0.1:1"  # nobody is there
    deliver(1)
    asked = Subscriber.objects.get()
    assert (asked.state, asked.confirm_mails_sent) == ("pending", 0)
    assert "looked up" in asked.confirm_error
    assert asked.confirm_due_at is not None, "a name server that is down is tried again"


def test_a_webhook_that_is_gone_is_not_posted_to_again(settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    with Hook() as hook:
        hook.answers = [(200, {}, b""), (410, {}, b"")]
        ask("webhook", hook.url)
        deliver(1)
        confirm_by_the_link_in(hook.requests[0].body)
        publish(now=NOON + timedelta(minutes=3))
        deliver(10)
        assert Subscriber.objects.get().state == "suspended"
        assert Delivery.objects.get().state == "dead", "it was refused, not overtaken by its own refusal"
        publish(now=NOON + timedelta(minutes=11))
        deliver(20)
        assert len(hook.requests) == 2


def test_a_phone_is_asked_answers_and_hears_in_one_part(settings: Any) -> None:
    number = "+254711000111"
    answer = {
        "SMSMessageData": {"Message": "Sent", "Recipients": [{"statusCode": 101, "number": number, "messageId": "ATXid_1"}]}
    }
    with Hook() as hook:
        hook.answers = [(201, {"Content-Type": "application/json"}, json.dumps(answer).encode())]
        settings.SMS_URL, settings.SMS_KEY = hook.url.rstrip("/"), "a key"
        ask("sms", number)
        deliver(1)
        assert phone_replies.take_text(number=number, text="Ndiyo", now=NOON + timedelta(minutes=2)) == "confirmed"
        publish(now=NOON + timedelta(minutes=3))
        deliver(10)
        asked, heard = [dict(parse_qsl(one.body.decode()))["message"] for one in hook.requests]
    assert re.search(r"\b\d{6}\b", asked)
    assert heard.startswith("Mfano Pesa: ")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reference) == ("sent", "ATXid_1")
    assert phone_replies.take_report(reference="ATXid_1", status="Failed", reason="AbsentSubscriber", now=NOON)
