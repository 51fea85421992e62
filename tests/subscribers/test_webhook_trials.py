"""A test event: signed like any other, told by its answer, one at a time."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from subscribers import addresses, links, subscriptions, webhook_trials
from subscribers.models import Delivery, Endpoint, Subscriber
from subscribers.transports.webhook import WebhookSender
from tests.subscribers.hooks import Hook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alone(settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    cache.clear()


def owner_of(url: str, payload: str = "hali", language: str = "en") -> Subscriber:
    now = timezone.now()
    subscriptions.subscribe(address=url, channel="webhook", language=language, payload=payload, source={}, now=now)
    asked = Subscriber.objects.get(channel="webhook")
    confirmed = subscriptions.confirm(token=links.confirm_token(asked), now=now)
    assert confirmed
    return confirmed


def tried(owner: Subscriber) -> webhook_trials.Tried:
    return webhook_trials.send(subscriber=owner, now=timezone.now())


@pytest.mark.parametrize("payload", ["hali", "statuspage"])
def test_the_standards_own_library_verifies_it_and_nothing_is_kept_of_it(payload: str) -> None:
    with Hook() as hook:
        owner = owner_of(hook.url, payload)
        assert tried(owner).was_taken
        [heard] = hook.requests
    secret = addresses.decrypt(Endpoint.objects.get().secret_encrypted)
    body = Webhook(secret).verify(heard.body, dict(heard.headers.items()))
    assert (body["type"], sorted(body["meta"])) == ("test", ["manage", "page", "unsubscribe"])
    assert not Delivery.objects.exists()


def test_a_refusal_is_told_with_its_number_and_ends_nothing() -> None:
    with Hook() as hook:
        hook.answers = [(410, {}, b"gone")]
        owner = owner_of(hook.url)
        done = tried(owner)
    assert (done.status, done.was_taken) == (410, False)
    owner.refresh_from_db()
    assert owner.state == "active"


def test_a_host_that_is_not_there_is_told_too() -> None:
    with Hook() as hook:
        owner = owner_of(hook.url)
    assert tried(owner).status is None


def test_where_nobody_may_post_the_test_does_not_either(settings: Any) -> None:
    with Hook() as hook:
        owner = owner_of(hook.url)
        settings.WEBHOOK_TEST = False
        assert tried(owner).status is None
        assert hook.requests == []


def test_one_goes_at_a_time_and_each_webhook_rests_between_two() -> None:
    with Hook() as hook:
        owner = owner_of(hook.url)
        tried(owner)
        with pytest.raises(webhook_trials.TooSoon):
            tried(owner)
        cache.clear()
        cache.add(webhook_trials.ONE, 1, 5)  # somebody else's is on its way
        with pytest.raises(webhook_trials.TooSoon):
            tried(owner)
    assert len(hook.requests) == 1


@pytest.mark.parametrize(
    ("language", "test", "again"), [("en", "Its owner", "Asked for again"), ("sw", "Mmiliki", "Imeombwa tena")]
)
def test_a_test_and_the_way_to_ones_own_page_are_in_the_owners_language(language: str, test: str, again: str) -> None:
    with Hook() as hook:
        owner = owner_of(hook.url, language=language)
    assert str(webhook_trials.body_of(owner, timezone.now())["data"]).startswith(f"{{'text': '{test}")
    assert again in WebhookSender.render_known(language).text
