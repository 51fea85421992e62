"""Signing up by phone, chat and webhook on the page, and the subscriber's own page in full."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client

from incidents.models import AuditEvent
from subscribers import endpoints, links, outbox, subscriptions
from subscribers.models import Delivery, Endpoint, Subscriber
from tests.factories import NOON, ComponentFactory, IncidentFactory
from tests.subscribers.hooks import Hook
from tests.subscribers.news import publish, reader, set_up

pytestmark = [pytest.mark.django_db]
PUBLIC = pytest.mark.urls("statuspage.public.urls")
PHONE = "+254711000111"
HOOK = "https://hooks.customer.example/status"


@pytest.fixture(autouse=True)
def _provider(settings: Any, tmp_path: Path) -> None:
    set_up(settings)
    settings.STATIC_ROOT, settings.SMS_KEY = tmp_path, "a key"


@pytest.fixture
def web() -> Client:
    return Client(enforce_csrf_checks=True, headers={"Sec-Fetch-Site": "same-origin"})


def said(response: Any) -> str:
    return str(response.content.decode())


def manage(subscriber: Subscriber) -> str:
    return f"/manage/{links.token_for(subscriber, links.MANAGE)}"


@PUBLIC
@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("sms", "0711 000 111"),
        ("webhook", HOOK),
        ("slack", "https://hooks.slack.com/services/T0/B0/x"),
        ("teams", "https://prod-1.westeurope.logic.azure.com/workflows/a?sig=b"),
        ("discord", "https://discord.com/api/webhooks/1/a"),
        ("ntfy", "https://ntfy.sh/mfano-pesa-x7"),
    ],
)
def test_each_channel_is_asked_for_and_answers_alike_for_known_and_unknown(web: Client, channel: str, address: str) -> None:
    first = web.post("/subscribe", {"channel": channel, "address": address, "language": "sw"})
    asked = Subscriber.objects.get()
    assert (first.status_code, asked.channel, asked.state) == (200, channel, "pending")
    assert address not in f"{asked.address_encrypted}{asked.address_hash}{asked.consent}"
    subscriptions.confirm(token=links.confirm_token(asked), now=asked.created_at)
    again = web.post("/subscribe", {"channel": channel, "address": address, "language": "sw"})
    assert said(first) == said(again)
    assert '<html lang="sw"' in said(again)


@PUBLIC
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"channel": "sms", "address": "12"}, "Write the phone number in full"),
        ({"channel": "webhook", "address": "http://10.0.0.1/"}, "Copy the whole address of the webhook"),
        ({"channel": "slack", "address": HOOK}, "Copy the whole address of the webhook"),
        ({"channel": "fax", "address": "1"}, "We do not send that way"),
        ({"channel": "sms", "address": PHONE, "incident": "nothing00000"}, "We have no such service"),
    ],
)
def test_what_cannot_be_is_said_in_words_and_what_was_typed_stays(web: Client, fields: dict[str, str], words: str) -> None:
    answer = web.post("/subscribe", fields)
    assert answer.status_code == 400
    assert words in said(answer)
    assert f'value="{fields["address"]}"' in said(answer)
    assert not Subscriber.objects.exists()


@PUBLIC
def test_a_channel_that_is_off_is_neither_shown_nor_taken(web: Client, settings: Any) -> None:
    settings.SMS_KEY, settings.CHANNELS = "", ["email", "sms"]
    page = said(web.get("/subscribe"))
    assert 'value="sms"' not in page
    assert 'value="webhook"' not in page
    assert web.post("/subscribe", {"channel": "sms", "address": PHONE}).status_code == 400


@PUBLIC
def test_statuspages_fields_ask_for_phones_and_webhooks_too(web: Client) -> None:
    assert web.post("/subscriptions", {"subscriber[phone_number]": PHONE, "subscriber[phone_country]": "ke"}).status_code == 200
    assert web.post("/subscriptions", {"subscriber[endpoint]": HOOK, "subscriber[email]": "a@b.example"}).status_code == 200
    assert sorted(Subscriber.objects.values_list("channel", flat=True)) == ["sms", "webhook"]
    assert Endpoint.objects.get().payload == "statuspage"


@PUBLIC
def test_a_phone_is_confirmed_by_its_code_and_a_wrong_one_says_nothing_of_the_number(web: Client) -> None:
    with time_machine.travel(NOON, tick=False):
        web.post("/subscribe", {"channel": "sms", "address": PHONE})
        asked = Subscriber.objects.get()
        wrong = web.post("/confirm/code", {"address": PHONE, "code": "x"})
        unknown = web.post("/confirm/code", {"address": "+254711000999", "code": "x"})
        assert (wrong.status_code, unknown.status_code) == (400, 400)
        assert said(wrong).replace(PHONE, "") == said(unknown).replace("+254711000999", "")
        done = web.post("/sw/confirm/code", {"address": PHONE, "code": links.confirm_code(asked)})
    assert done.status_code == 200
    assert "/sw/manage/" in said(done)
    assert Subscriber.objects.get().state == "active"


@PUBLIC
def test_a_program_confirms_its_webhook_by_a_post_to_the_link_it_was_sent(web: Client) -> None:
    web.post("/subscribe", {"channel": "webhook", "address": HOOK})
    path = f"/confirm/{links.confirm_token(Subscriber.objects.get())}"
    web.get(path)
    assert Subscriber.objects.get().state == "pending"
    web.post(path, data="{}", content_type="application/json")
    assert Subscriber.objects.get().state == "active"


@PUBLIC
def test_who_hears_in_a_chat_reads_of_updates_and_of_no_emails(web: Client) -> None:
    web.post("/subscribe", {"channel": "slack", "address": "https://hooks.slack.com/services/T0/B0/x"})
    chat = Subscriber.objects.get()
    asked = web.get(f"/confirm/{links.confirm_token(chat)}")
    subscriptions.confirm(token=links.confirm_token(chat), now=chat.created_at)
    stop = f"/u/{links.token_for(chat, links.UNSUBSCRIBE)}"
    own, leaving = web.get(manage(chat)), web.get(stop)
    subscriptions.unsubscribe(subscriber=chat, now=chat.created_at)
    assert "Stop the updates" in said(own)
    for page in (asked, own, leaving, web.get(manage(chat))):
        assert "email" not in re.sub(r"(?s)<nav.*?</nav>|<footer.*?</footer>", "", said(page)).lower()


@PUBLIC
def test_a_secret_is_shown_by_a_press_once_and_made_anew_by_another(web: Client) -> None:
    web.post("/subscribe", {"channel": "webhook", "address": HOOK})
    hook = Subscriber.objects.get()
    subscriptions.confirm(token=links.confirm_token(hook), now=hook.created_at)
    assert "whsec_" not in said(web.get(manage(hook)))
    [first] = re.findall(r"whsec_[\w+/=]+", said(web.post(manage(hook), {"action": "show_secret"})))
    assert "whsec_" not in said(web.post(manage(hook), {"action": "show_secret"}))
    [second] = re.findall(r"whsec_[\w+/=]+", said(web.post(manage(hook), {"action": "rotate_secret"})))
    signing = endpoints.signing_of(hook.pk)
    assert signing is not None
    assert signing.secrets == [second, first]
    mail = reader("asha@customer.example")
    assert "whsec_" not in said(web.post(manage(mail), {"action": "rotate_secret"}))


@PUBLIC
def test_the_owner_of_a_webhook_sends_it_a_test_event_and_reads_what_it_answered(web: Client, settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    cache.clear()
    with Hook() as listener:
        listener.answers = [(204, {}, b""), (500, {}, b"")]
        web.post("/subscribe", {"channel": "webhook", "address": listener.url})
        hook = Subscriber.objects.get()
        subscriptions.confirm(token=links.confirm_token(hook), now=hook.created_at)
        assert "Send a test event" in said(web.get(manage(hook)))
        assert listener.requests == [], "a GET sends nothing"
        assert "Your webhook took it." in said(web.post(manage(hook), {"action": "send_test"}))
        assert "Try again in half a minute." in said(web.post(manage(hook), {"action": "send_test"}))
        cache.clear()
        assert "Webhook yako ilijibu 500" in said(web.post(f"/sw{manage(hook)}", {"action": "send_test"}))
        assert len(listener.requests) == 2
    mail = reader("asha@customer.example")
    assert "Send a test event" not in said(web.get(manage(mail)))


@PUBLIC
def test_a_subscriber_says_all_that_they_want_and_sees_it_again(web: Client) -> None:
    component, incident = ComponentFactory(), IncidentFactory(publication="published", published_at=NOON)
    asha = reader("asha@customer.example")
    web.post("/subscribe", {"email": "brian@customer.example", "incident_id": incident.public_id})
    brian = Subscriber.objects.exclude(pk=asha.pk).get()
    assert brian.subscriptions.get().incident == incident
    wanted = {
        "group": component.group.public_id,
        "kinds_shown": "1",
        "kind_rebuttals": "1",
        "minimum_impact": "major",
        "rhythm": "digest",
    }
    page = said(web.post(manage(asha), {"action": "save", "language": "en", **wanted}))
    asha.refresh_from_db()
    assert (asha.rebuttals, asha.incidents, asha.minimum_impact, asha.rhythm) == (True, False, "major", "digest")
    assert asha.subscriptions.get().group == component.group
    for chosen in (
        f'name="group" value="{component.group.public_id}" checked',
        'value="major" checked',
        'value="digest" checked',
    ):
        assert chosen in page
    nonsense = {"minimum_impact": "x", "rhythm": "y", "component": "\x00", "group": "z" * 900, "incident": "q"}
    assert web.post(manage(asha), {"action": "save", **nonsense}).status_code == 200


@PUBLIC
def test_a_subscriber_sees_what_was_sent_to_them(web: Client) -> None:
    asha = reader("asha@customer.example", "sw")
    assert "Hakuna bado" in said(web.get(f"/sw{manage(asha)}"))
    publish()
    outbox.fan_out(now=NOON)
    Delivery.objects.update(state="sent", sent_at=NOON)
    assert re.search(r"/sw/incidents/\w{12}", said(web.get(f"/sw{manage(asha)}")))


def test_addresses_leave_the_desk_only_with_the_permission_and_a_line_in_the_log(client: Client) -> None:
    reader("asha@customer.example")
    person = User.objects.create_user("p", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_subscriber"))
    client.force_login(person)
    chosen = {"action": "take_out", "_selected_action": [Subscriber.objects.get().pk]}
    assert "text/csv" not in client.post("/admin/subscribers/subscriber/", chosen).headers.get("Content-Type", "")
    person.user_permissions.add(Permission.objects.get(codename="export_subscriber"))
    answer = client.post("/admin/subscribers/subscriber/", chosen)
    assert b"asha@customer.example" in b"".join(answer)
    assert AuditEvent.objects.get(act="subscriber.export").actor == person
