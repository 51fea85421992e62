"""A webhook that takes nothing for days: ended, its owner told, begun again by a press."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from subscribers import addresses, ended_webhooks, endpoints, links, outbox, subscriptions, suppression
from subscribers.models import Delivery, Endpoint, Notification, Subscriber, Subscription, Suppressed
from subscribers.rows import Claimed
from tests.factories import NOON
from tests.mail_server import MailServer, text_of
from tests.subscribers.hooks import Hook
from tests.subscribers.news import publish, reader, tell

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
CONTACT = "asha@customer.example"


@pytest.fixture
def hook(settings: Any) -> Iterator[Hook]:
    """A host that has moved its webhook away."""
    settings.WEBHOOK_TEST = True
    with Hook() as made:
        made.answers = [(404, {}, b"")]
        yield made


def owner(hook: Hook, path: str = "a") -> Subscriber:
    """A confirmed webhook."""
    url = f"{hook.url}{path}"
    made = Subscriber.objects.create(
        public_id=f"owner-{path}",
        channel="webhook",
        address_encrypted=addresses.encrypt(url),
        address_hash=addresses.hash_on("webhook", url),
        domain="127.0.0.1",
        language="sw",
        state="active",
        created_at=NOON - DAY,
        confirmed_at=NOON - DAY,
    )
    Subscription.objects.create(subscriber=made)
    endpoints.make_for(made)
    return made


def say_on(*days: int) -> None:
    """A piece of news at noon of each of these days, told to whoever hears."""
    for day in days:
        publish(now=NOON + day * DAY)
        tell(NOON + day * DAY)


def failed_on(*days: int, webhook: Subscriber) -> None:
    """The rows as such a day leaves them."""
    for day in days:
        at = NOON + day * DAY
        times = {"created_at": at, "send_at": at, "expanded_at": at}
        news, _ = Notification.objects.get_or_create(
            record_seq=1000 + day, defaults={"kind": "incident_update", "thread": "t", **times}
        )
        Delivery.objects.create(
            notification=news, subscriber=webhook, channel="webhook", state="dead", due_at=at, wanted_at=at, last_error="404"
        )


def look_at(webhook: Subscriber, day: int) -> None:
    """What a sender does after it gave up the news of that day."""
    row = Delivery.objects.get(subscriber=webhook, notification__record_seq=1000 + day)
    claimed = Claimed(row.pk, row.notification, webhook.pk, row.domain, 1, row.wanted_at, digest=False, last_error="404")
    ended_webhooks.look_at([claimed], now=NOON + day * DAY)


def ended(webhook: Subscriber) -> None:
    failed_on(0, 1, 3, webhook=webhook)
    look_at(webhook, 3)


def state_of(webhook: Subscriber) -> str:
    return Subscriber.objects.get(pk=webhook.pk).state


def test_after_three_pieces_of_news_and_three_days_in_vain_it_is_posted_to_no_more(hook: Hook) -> None:
    webhook = owner(hook)
    failed_on(0, 1, webhook=webhook)
    say_on(2)
    assert state_of(webhook) == "active"
    say_on(3)
    assert state_of(webhook) == "suspended"
    say_on(4)
    assert len(hook.requests) == 2


def test_what_is_still_tried_counts_as_well(hook: Hook) -> None:
    """Its tries go on for longer than the three days."""
    hook.answers = [(503, {}, b"")]
    webhook = owner(hook)
    say_on(0, 1, 2)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}
    assert state_of(webhook) == "active"
    say_on(3)
    assert state_of(webhook) == "suspended"
    assert set(Delivery.objects.values_list("state", flat=True)) == {"superseded"}


def test_ten_tries_over_three_days_and_no_more(hook: Hook) -> None:
    hook.answers = [(503, {}, b"")]
    owner(hook)
    say_on(0)
    tries = 0
    while waiting := Delivery.objects.filter(state="pending").first():
        tries += 1
        assert waiting.attempt == tries
        last = waiting.due_at
        outbox.deliver_due(now=last, limit=10)
    assert Delivery.objects.get().state == "dead"
    assert len(hook.requests) == 10
    assert timedelta(hours=75.5) < last - NOON < timedelta(hours=91)


def test_one_that_was_taken_begins_the_count_anew(hook: Hook) -> None:
    webhook = owner(hook)
    failed_on(0, 1, 2, 3, 4, 5, 6, webhook=webhook)
    Delivery.objects.filter(notification__record_seq=1003).update(state="sent", sent_at=NOON + 3 * DAY)
    look_at(webhook, 6)
    assert state_of(webhook) == "active"
    failed_on(7, webhook=webhook)
    look_at(webhook, 7)
    assert state_of(webhook) == "suspended"


def test_while_no_other_webhook_takes_it_either_the_fault_may_be_ours(hook: Hook) -> None:
    one, other = owner(hook, "a"), owner(hook, "b")
    for webhook in (one, other):
        failed_on(0, 1, 3, webhook=webhook)
    look_at(one, 3)
    assert state_of(one) == "active"
    Delivery.objects.filter(subscriber=other).update(state="sent", sent_at=NOON + 3 * DAY)
    look_at(one, 3)
    assert (state_of(one), state_of(other)) == ("suspended", "active")


def test_its_contact_is_mailed_once_in_their_language_with_the_way_back(hook: Hook, mail_server: MailServer) -> None:
    webhook, contact = owner(hook), reader(CONTACT, "en")
    endpoints.name_contact(subscriber=webhook, address=CONTACT.upper())
    ended(webhook)
    later = NOON + 3 * DAY + timedelta(minutes=1)
    assert outbox.has_work(now=later)
    tell(later)
    tell(later + timedelta(hours=2))
    [mail] = mail_server.mails_to(CONTACT)
    assert mail["Subject"] == "Your webhook at 127.0.0.1 has ended"
    assert links.manage_url(webhook) in text_of(mail)
    assert links.manage_url(webhook) in text_of(mail, "html")
    assert links.unsubscribe_url(contact) in mail["List-Unsubscribe"]
    assert not outbox.has_work(now=later + DAY)


def test_a_mail_to_the_owner_that_is_put_off_goes_out_later(hook: Hook, mail_server: MailServer) -> None:
    webhook = owner(hook)
    reader(CONTACT)
    endpoints.name_contact(subscriber=webhook, address=CONTACT)
    Endpoint.objects.update(ended_at=NOON, tell_at=NOON)
    mail_server.greylists = True
    assert [ended_webhooks.tell(now=NOON + timedelta(hours=hours)) for hours in (0, 0, 2, 4)] == [0, 0, 1, 0]


def test_who_never_asked_for_our_mails_or_left_gets_none(hook: Hook, mail_server: MailServer) -> None:
    webhook, contact = owner(hook), reader(CONTACT)
    endpoints.name_contact(subscriber=webhook, address=CONTACT)
    subscriptions.unsubscribe(subscriber=contact, now=NOON)
    ended(webhook)
    assert ended_webhooks.tell(now=NOON + 3 * DAY) == 0
    assert mail_server.messages == []
    subscriptions.erase(subscriber=contact, now=NOON)
    assert not endpoints.has_contact(webhook)


def test_begun_again_it_hears_what_is_new_and_the_old_failures_are_forgotten(hook: Hook) -> None:
    webhook = owner(hook)
    ended(webhook)
    publish(now=NOON + 4 * DAY)
    assert ended_webhooks.begin_again(subscriber=webhook, now=NOON + 5 * DAY)
    assert outbox.fan_out(now=NOON + 5 * DAY) == 0
    say_on(6)
    assert (len(hook.requests), state_of(webhook)) == (1, "active")


def test_what_staff_barred_does_not_begin_again_by_itself(hook: Hook) -> None:
    webhook = owner(hook)
    ended(webhook)
    suppression.suppress(channel="webhook", address_hash=webhook.address_hash, reason=Suppressed.BY_STAFF, now=NOON)
    assert not ended_webhooks.begin_again(subscriber=webhook, now=NOON + 4 * DAY)


def test_its_own_page_and_the_desk_say_that_it_has_ended(hook: Hook, client: Client) -> None:
    webhook = owner(hook)
    ended(webhook)
    client.force_login(User.objects.create_superuser("staff"))
    assert "took nothing for days" in client.get("/admin/subscribers/subscriber/").content.decode()
    path = f"/sw/manage/{links.token_for(webhook, links.MANAGE)}"
    assert "imekomeshwa" in client.get(path).content.decode()
    assert "imekomeshwa" not in client.post(path, {"action": "begin_again"}).content.decode()
    assert state_of(webhook) == "active"


def test_a_contact_is_named_on_the_page_which_says_the_same_of_known_and_unknown_ones(hook: Hook, client: Client) -> None:
    webhook = owner(hook)
    reader(CONTACT)
    path = f"/manage/{links.token_for(webhook, links.MANAGE)}"
    pages = [client.post(path, {"action": "name_contact", "contact": one}) for one in (CONTACT, "nobody@customer.example")]
    assert pages[0].content == pages[1].content
    assert endpoints.has_contact(webhook)
    wrong = client.post(path, {"action": "name_contact", "contact": "asha"})
    assert (wrong.status_code, 'value="asha"' in wrong.content.decode()) == (400, True)
    assert endpoints.has_contact(webhook), "what was typed wrongly changes nothing"
    client.post(path, {"action": "name_contact", "contact": ""})
    assert not endpoints.has_contact(webhook)
