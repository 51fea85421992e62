"""Webhooks: signed as the standard says, in two forms, with a secret that is shown once and rotates."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from incidents import timeline
from incidents.languages import in_all
from incidents.models import Component, Incident, IncidentUpdate
from incidents.public_ids import PATTERN
from statuspage import api_v2, page
from subscribers import addresses, endpoints, items, outbox
from subscribers.models import Delivery, Endpoint, Notification, Payload, Subscriber, Subscription
from subscribers.posting import Poster
from subscribers.transports.base import TransportError
from subscribers.transports.webhook import WebhookSender
from tests.factories import NOON, ComponentFactory, IncidentFactory
from tests.incidents import test_reviews
from tests.incidents.test_reviews import resolved  # noqa: F401  (a fixture)
from tests.subscribers.bodies import LINK, LONG, item, parcel
from tests.subscribers.hooks import Heard, Hook
from tests.subscribers.news import publish, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Subscriber:
    return Subscriber.objects.create(
        public_id="bcdfghjklmnp", channel="webhook", address_hash="h", domain="d", language="sw", created_at=NOON
    )


def send(
    owner: Subscriber, settings: Any, *, payload: str = "hali", answer: tuple[int, dict[str, str], bytes] = (204, {}, b"")
) -> Heard:
    """One update to a listener; what it heard."""
    settings.WEBHOOK_TEST = True
    endpoints.make_for(owner, payload)
    sender = WebhookSender()
    with Hook() as hook:
        hook.answers = [answer]
        rendered = WebhookSender.render(item(), owner.language)
        try:
            sender.send(parcel(rendered, hook.url, subscriber_id=owner.pk, private=WebhookSender.private_of(owner.pk)))
        finally:
            sender.close()
        return hook.requests[0]


def secret_of(owner: Subscriber) -> str:
    return addresses.decrypt(Endpoint.objects.get(subscriber=owner).secret_encrypted)


def test_a_receiver_verifies_with_the_standards_own_library(owner: Subscriber, settings: Any) -> None:
    heard = send(owner, settings)
    headers = dict(heard.headers.items())
    body = Webhook(secret_of(owner)).verify(heard.body, headers)
    assert body["type"] == "incident.update.published"
    assert "." not in headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(owner)).verify(heard.body.replace(b"slow", b"fast"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoints.new_secret()).verify(heard.body, headers)


def test_a_retry_has_the_same_id_and_its_own_time(owner: Subscriber, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = send(owner, settings)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    later = send(owner, settings)
    assert first.headers["webhook-id"] == later.headers["webhook-id"]
    assert later.headers["webhook-timestamp"] == "2000000000"


def test_both_secrets_sign_for_a_day_after_a_rotation(owner: Subscriber, settings: Any) -> None:
    endpoints.make_for(owner)
    old = secret_of(owner)
    new = endpoints.rotate(subscriber=owner, now=timezone.now())
    heard = send(owner, settings)
    headers = dict(heard.headers.items())
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(heard.body, headers)
    Endpoint.objects.update(old_until=timezone.now() - timedelta(seconds=1))
    headers = dict((late := send(owner, settings)).headers.items())
    assert Webhook(new).verify(late.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(late.body, headers)


def test_a_secret_is_shown_once_and_never_lies_readable(owner: Subscriber) -> None:
    endpoints.make_for(owner)
    shown = endpoints.show_once(subscriber=owner, now=NOON)
    assert shown.startswith("whsec_")
    assert endpoints.show_once(subscriber=owner, now=NOON) == ""
    assert shown.removeprefix("whsec_") not in str(Endpoint.objects.values().get())
    endpoints.make_for(owner, Payload.STATUSPAGE)
    assert secret_of(owner) == shown, "another form, the same secret"


def test_our_form_says_everything_in_every_language_with_the_way_to_stop(owner: Subscriber, settings: Any) -> None:
    body = json.loads(send(owner, settings).body)
    assert set(body) == {"type", "timestamp", "data", "meta"}
    assert body["data"]["text"]["en"]["sections"][0]["text"].startswith("Sending money is slow")
    assert body["data"]["text"]["sw"]["headline"] != body["data"]["text"]["en"]["headline"]
    assert body["data"]["affected"][0]["status"] == "partial_outage"
    assert body["data"]["record_entry"] > 0
    assert body["meta"]["unsubscribe"] == LINK


@pytest.mark.parametrize(("language", "words"), [("en", "press the button"), ("sw", "ubonyeze kitufe")])
def test_the_challenge_says_in_the_owners_language_how_to_answer(language: str, words: str) -> None:
    assert words in json.loads(WebhookSender.render_confirmation(language).text)["data"]["how"]


# What Statuspage's own receivers read, by captured bodies.
THEIRS = (
    "name status created_at updated_at monitoring_at resolved_at impact shortlink postmortem_ignored postmortem_body "
    "postmortem_body_last_updated_at postmortem_published_at postmortem_notified_subscribers postmortem_notified_twitter "
    "backfilled scheduled_for scheduled_until scheduled_remind_prior scheduled_reminded_at impact_override "
    "scheduled_auto_in_progress scheduled_auto_completed id page_id incident_updates components"
)


def test_statuspages_form_has_every_field_of_theirs(owner: Subscriber, settings: Any) -> None:
    body = json.loads(send(owner, settings, payload="statuspage").body)
    assert set(body) == {"meta", "page", "incident"}
    assert set(body["meta"]) == {"unsubscribe", "documentation", "generated_at"}
    assert set(body["page"]) == {"id", "status_indicator", "status_description"}
    assert set(body["incident"]) == set(THEIRS.split())
    update = body["incident"]["incident_updates"][0]
    assert update["body"].startswith("Sending money is slow")
    assert (update["wants_twitter_update"], update["custom_tweet"]) == (False, None)
    assert body["incident"]["components"][0]["status"] in ("operational", "partial_outage")
    assert body["incident"]["page_id"] == body["page"]["id"]


def bodies_of(update: IncidentUpdate) -> dict[str, Any]:
    made = json.loads(WebhookSender.render(items.item_of(update), "en").html)
    assert len(json.dumps(made, ensure_ascii=False).encode()) < 20_000
    found: dict[str, Any] = made["incident"]
    return found


def test_statuspages_form_says_what_the_pages_own_api_says() -> None:
    service = ComponentFactory(name=in_all({"en": "Paybill", "sw": "Paybill"}))
    group = service.group
    group.name, group.has_heading = in_all({"en": "Paying", "sw": "Kulipa"}), True
    group.save()
    words = in_all({"en": "Late & slow: a < b.\nWait.", "sw": "x"})
    body = bodies_of(publish(component=service, body=words))
    [update] = body["incident_updates"]
    incident = Incident.objects.get()
    own = json.loads(api_v2.incident_json(page.build_incident(incident.public_id, now=NOON), [], language="en"))
    assert update["body"] == "Late &amp; slow: a &lt; b.<br />Wait."
    assert update["affected_components"][0]["name"] == "Paying - Paybill"
    assert {**update, **own["incident_updates"][0]} == update, "ours, and Statuspage's further fields"


def test_statuspages_form_shortens_old_words_before_new_ones_and_says_so() -> None:
    text = " ".join(f"Word {number} of a long report." for number in range(120))
    incident = IncidentFactory()
    for minute in range(8):
        update = publish(incident, now=NOON + timedelta(minutes=minute), body=in_all({"en": text, "sw": "x"}))
    said = [one["body"] for one in bodies_of(update)["incident_updates"]]
    assert len(said) == 8
    assert said[0] == text
    assert [len(one) for one in said] == sorted((len(one) for one in said), reverse=True)
    assert all(one == text or (one.endswith("…") and text.startswith(one[:-1])) for one in said)
    assert all(text[len(one) - 1] == " " for one in said if one != text), "no word is cut"
    alone = publish(body=in_all({"en": "Neno " * 6000, "sw": "x"}), now=NOON + timedelta(hours=1))
    assert bodies_of(alone)["incident_updates"][0]["body"].endswith("Neno…")


def test_a_review_is_statuspages_postmortem(resolved: Incident) -> None:  # noqa: F811
    review = test_reviews.publish(test_reviews.written(resolved), NOON + timedelta(hours=3))
    made = json.loads(WebhookSender.render(items.item_of(review), "en").html)["incident"]
    assert (made["id"], made["status"]) == (resolved.public_id, "resolved")
    assert "### The cause\n\nA disk was full." in made["postmortem_body"]
    assert made["postmortem_published_at"] == made["postmortem_body_last_updated_at"] != made["resolved_at"]
    assert made["postmortem_notified_subscribers"] is True


def test_statuspages_form_tells_each_change_of_a_services_state_without_a_word(settings: Any) -> None:
    settings.WEBHOOK_TEST, service, other = True, ComponentFactory(name={"en": "Paybill", "sw": "Paybill"}), ComponentFactory()
    with Hook() as hook:
        for payload, followed in (("statuspage", service), ("statuspage", other), ("hali", service)):
            follower(f"{hook.url}/{payload}/{followed.code}", payload, followed)
        timeline.observe(component=service, status="partial_outage", since=NOON, now=NOON)
        outbox.enqueue_missing(now=NOON)
        tell(NOON)
        [heard] = hook.requests
    body = Webhook(secret_of(Subscriber.objects.get(endpoint__payload="statuspage", subscriptions__component=service))).verify(
        heard.body, dict(heard.headers.items())
    )
    assert heard.path.endswith(f"/statuspage/{service.code}")
    assert set(body) == {"meta", "page", "component", "component_update"}
    assert (body["component"]["id"], body["component"]["name"]) == (service.public_id, "Paybill")
    assert body["component"]["status"] == body["component_update"]["new_status"] == "partial_outage"
    change = body["component_update"]
    assert set(change) == {"old_status", "new_status", "created_at", "component_type", "id", "component_id"}
    assert (change["old_status"], change["component_type"], change["component_id"]) == (
        "operational",
        "Component",
        service.public_id,
    )
    assert re.fullmatch(PATTERN, change["id"])


def test_a_state_that_failed_is_not_told_after_a_newer_one(settings: Any) -> None:
    settings.WEBHOOK_TEST, service = True, ComponentFactory()
    with Hook() as hook:
        hook.answers = [(503, {}, b""), (200, {}, b"ok")]
        follower(f"{hook.url}/{service.code}", "statuspage", service)
        for minute, status in enumerate(("partial_outage", "operational")):
            at = NOON + timedelta(minutes=10 * minute)
            timeline.observe(component=service, status=status, since=at, now=at)
            outbox.enqueue_missing(now=at)
            tell(at)
        tell(NOON + timedelta(hours=1))
        states = [json.loads(heard.body)["component"]["status"] for heard in hook.requests]
    assert states == ["partial_outage", "operational"]
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["superseded", "sent"]


def test_states_that_wait_together_are_each_told(settings: Any) -> None:
    settings.WEBHOOK_TEST, service = True, ComponentFactory()
    with Hook() as hook:
        follower(f"{hook.url}/{service.code}", "statuspage", service)
        for minute, status in enumerate(("partial_outage", "operational")):
            at = NOON + timedelta(minutes=10 * minute)
            timeline.observe(component=service, status=status, since=at, now=at)
        outbox.enqueue_missing(now=at)
        tell(at)
        states = [json.loads(heard.body)["component"]["status"] for heard in hook.requests]
    assert states == ["partial_outage", "operational"]


def test_nobody_is_told_of_a_bare_change_where_no_webhook_has_that_form() -> None:
    timeline.observe(component=ComponentFactory(), status="partial_outage", since=NOON, now=NOON)
    outbox.enqueue_missing(now=NOON)
    assert not Notification.objects.filter(kind="component_status", expanded_at=None).exists()


def follower(url: str, payload: str, component: Component) -> Subscriber:
    """A confirmed webhook that follows one service."""
    made = Subscriber.objects.create(
        public_id=f"{payload}{component.pk}",
        channel="webhook",
        address_encrypted=addresses.encrypt(url),
        address_hash=addresses.hash_on("webhook", url),
        domain="127.0.0.1",
        language="en",
        state="active",
        created_at=NOON,
        confirmed_at=NOON - timedelta(days=1),
    )
    Subscription.objects.create(subscriber=made, component=component)
    endpoints.make_for(made, payload)
    return made


def test_a_body_stays_below_twenty_kilobytes() -> None:
    rendered = WebhookSender.render(item(text=LONG, services=60), "en")
    assert max(len(rendered.text.encode()), len(rendered.html.encode())) < 20_000


@pytest.mark.parametrize(
    ("answer", "gone", "permanent"),
    [
        ((410, {}, b""), True, True),
        ((404, {}, b""), False, True),
        ((302, {"Location": "http://127.0.0.1:1/inside"}, b""), False, True),
        ((503, {"Retry-After": "7"}, b""), False, False),
    ],
)
def test_what_an_answer_means(
    owner: Subscriber, settings: Any, answer: tuple[int, dict[str, str], bytes], gone: bool, permanent: bool
) -> None:
    with pytest.raises(TransportError) as refusal:
        send(owner, settings, answer=answer)
    assert (refusal.value.gone, refusal.value.permanent) == (gone, permanent)
    assert "inside" not in str(refusal.value)


def test_of_an_endless_answer_four_kilobytes_are_read(settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    poster = Poster()
    with Hook() as hook:
        hook.answers = [(200, {}, b"x" * 5_000_000)]
        assert len(poster.post(hook.url, b"{}", {}).body) == 4096
        poster.close()


def test_a_server_that_drips_is_cut_off_when_the_time_is_over(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_TEST = True
    monkeypatch.setattr("subscribers.posting.TOTAL_MS", 300)
    poster = Poster()
    with Hook() as hook:
        hook.answers = [(200, {"Content-Length": "50"}, b"less than it promised")]
        with pytest.raises(TransportError, match="in time"):
            poster.post(hook.url, b"{}", {})
        poster.close()


def test_no_field_begins_a_header_of_its_own(settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    poster = Poster()
    with Hook() as hook:
        poster.post(hook.url, b"{}", {"webhook-id": "a\r\nX-Evil: b"})
        poster.close()
        [heard] = hook.requests
    assert heard.headers["X-Evil"] is None
    assert heard.headers["webhook-id"] == "a X-Evil: b"
