"""Asking, confirming, changing, leaving, being forgotten."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from incidents.models import AuditEvent
from subscribers import addresses, audience, confirmations, items, links, outbox, subscriptions, suppression
from subscribers.models import Delivery, Subscriber, Suppressed, Suppression
from subscribers.wishes import Wishes
from tests.factories import NOON, ComponentFactory
from tests.mail_server import MailServer, text_of
from tests.subscribers.news import SOURCE, ask, publish, reader

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ASHA = "asha@customer.example"


def deliver(minutes: float = 0) -> int:
    return outbox.deliver_due(now=NOON + timedelta(minutes=minutes), limit=100)


def test_an_asking_keeps_hashes_and_no_plain_address() -> None:
    asha = ask("Asha@customer.example", "sw")
    assert (asha.state, asha.language, asha.domain) == ("pending", "sw", "customer.example")
    assert "asha" not in f"{asha.address_encrypted} {asha.address_hash} {asha.consent} {asha.public_id}".lower()
    assert addresses.decrypt(asha.address_encrypted) == "Asha@customer.example"
    assert asha.consent["wording"] == "test"
    assert asha.consent["network"] == "192.0.2.0/24"
    assert links.confirm_token(asha) not in str(Subscriber.objects.values())


def test_one_mail_with_a_link_goes_out_and_nothing_else_before_it_is_pressed(mail_server: MailServer) -> None:
    asha = ask(ASHA)
    assert outbox.has_work(now=NOON)
    assert deliver() == 1
    assert deliver(1) == 0
    assert not outbox.has_work(now=NOON + timedelta(minutes=1))
    [mail] = mail_server.mails_to(ASHA)
    assert mail["Subject"] == "Confirm: send me Mfano Pesa status updates"
    assert links.confirm_url(asha) in text_of(mail)
    assert links.confirm_url(asha) in text_of(mail, "html")
    assert mail["List-Unsubscribe"] is None
    publish()
    outbox.fan_out(now=NOON)
    assert not Delivery.objects.exists()


def test_asking_again_brings_one_more_mail_and_no_third(mail_server: MailServer) -> None:
    for minute in (0, 5, 10, 15):
        ask(ASHA, now=NOON + timedelta(minutes=minute))
        deliver(minute)
    first, second = mail_server.mails_to(ASHA)
    assert first["Message-ID"] != second["Message-ID"]
    assert text_of(first) == text_of(second), "the first link still holds"


def test_a_double_click_brings_one_mail(mail_server: MailServer) -> None:
    ask(ASHA)
    ask(ASHA)
    deliver()
    ask(ASHA, now=NOON + timedelta(seconds=5))
    deliver(1)
    assert len(mail_server.mails_to(ASHA)) == 1


def test_who_left_and_asks_again_within_a_minute_of_the_last_mail_gets_one_a_moment_later(mail_server: MailServer) -> None:
    asha = ask(ASHA)
    deliver()
    confirmed = subscriptions.confirm(token=links.confirm_token(asha), now=NOON + timedelta(seconds=30))
    assert confirmed is not None
    subscriptions.unsubscribe(subscriber=confirmed, now=NOON + timedelta(seconds=40))
    asha = ask(ASHA, now=NOON + timedelta(seconds=55))
    assert (asha.state, deliver(55 / 60)) == ("pending", 0)
    assert deliver(1.5) == 1
    assert len(mail_server.mails_to(ASHA)) == 2
    assert subscriptions.confirm(token=links.confirm_token(asha), now=NOON + timedelta(minutes=2))


def test_who_has_just_confirmed_and_asks_for_more_gets_the_way_a_moment_later(mail_server: MailServer) -> None:
    asha, more = ask(ASHA, "en", ComponentFactory()), ComponentFactory()
    deliver()
    subscriptions.confirm(token=links.confirm_token(asha), now=NOON + timedelta(seconds=30))
    ask(ASHA, "en", more, now=NOON + timedelta(seconds=40))
    assert (deliver(40 / 60), deliver(1.5)) == (0, 1)
    ask(ASHA, "en", more, now=NOON + timedelta(seconds=95))
    assert deliver(5) == 0, "a double click"
    assert len(mail_server.mails_to(ASHA)) == 2


def test_a_mail_server_that_is_down_delays_the_mail_and_loses_nothing(mail_server: MailServer, settings: Any) -> None:
    asha = ask(ASHA)
    settings.EMAIL_PORT = 9  # nobody listens there
    assert deliver() == 0
    asha.refresh_from_db()
    assert (asha.confirm_attempt, asha.confirm_mails_sent) == (0, 0)
    settings.EMAIL_PORT = mail_server.port
    assert deliver(1) == 1


def test_a_temporary_refusal_is_tried_again_later(mail_server: MailServer) -> None:
    mail_server.answers[ASHA] = "451 4.7.1 Greylisted"
    ask(ASHA)
    assert deliver() == 0
    mail_server.answers.clear()
    assert deliver(1) == 1


def test_a_permanent_refusal_ends_it_until_they_ask_again(mail_server: MailServer) -> None:
    mail_server.answers[ASHA] = "550 5.1.1 No such user"
    ask(ASHA)
    deliver()
    mail_server.answers.clear()
    assert deliver(120) == 0
    ask(ASHA, now=NOON + timedelta(minutes=121))
    assert deliver(121) == 1


def test_the_link_confirms_and_pressing_twice_changes_nothing() -> None:
    asha = ask(ASHA)
    later = NOON + timedelta(hours=1)
    first = subscriptions.confirm(token=links.confirm_token(asha), now=later, ip="192.0.2.9")
    second = subscriptions.confirm(token=links.confirm_token(asha), now=later + timedelta(hours=1))
    assert first is not None
    assert second is not None
    assert (second.state, second.confirmed_at, second.consent["confirmed_ip"]) == ("active", later, "192.0.2.9")


def test_the_link_ends_after_48_hours_and_a_new_asking_brings_a_new_one() -> None:
    old = links.confirm_token(ask(ASHA))
    late = NOON + timedelta(hours=48)
    assert subscriptions.confirm(token=old, now=late) is None
    asha = ask(ASHA, now=late)
    assert links.confirm_token(asha) != old
    assert subscriptions.confirm(token=old, now=late) is None
    assert subscriptions.confirm(token=links.confirm_token(asha), now=late) is not None


@pytest.mark.parametrize("token", ["", "x", "0" * 32, "../../etc"])
def test_an_invented_token_confirms_nobody(token: str) -> None:
    ask(ASHA)
    assert subscriptions.confirm(token=token, now=NOON) is None


def test_a_stranger_cannot_change_what_is_confirmed(mail_server: MailServer) -> None:
    asha = reader(ASHA, "sw", ComponentFactory())
    followed = list(asha.subscriptions.values_list("component_id", flat=True))
    ask(ASHA, "en")
    asha.refresh_from_db()
    assert (asha.language, asha.state) == ("sw", "active")
    assert list(asha.subscriptions.values_list("component_id", flat=True)) == followed


def test_an_active_one_that_is_asked_for_gets_the_way_to_its_own_page_twice_in_48_hours(mail_server: MailServer) -> None:
    """As nobody else's mail: at a time when all its older links have run out."""
    asha = reader(ASHA, "sw", ComponentFactory(), now=NOON - timedelta(days=400))
    incident = publish(component=ComponentFactory(), now=NOON - timedelta(hours=1)).incident
    for minute in (0, 5, 10):
        now = NOON + timedelta(minutes=minute)
        subscriptions.subscribe(address=ASHA, language="en", wanted=Wishes(incidents=[incident]), source=SOURCE, now=now)
        deliver(minute)
    first, second = mail_server.mails_to(ASHA)
    asha.refresh_from_db()
    assert first["Subject"] == "Chaguo zako: taarifa za hali ya Mfano Pesa"
    assert first["Message-ID"] != second["Message-ID"]
    assert addresses.recipient_key(asha.address_hash) in first["Message-ID"]
    for mail in (first, second):
        for kind in ("plain", "html"):
            assert f"{links.manage_url(asha)}" in text_of(mail, kind)
            assert f"?also={incident.public_id}" in text_of(mail, kind)
    assert (asha.state, asha.language, asha.confirmed_at) == ("active", "sw", NOON - timedelta(days=400))
    assert not asha.subscriptions.filter(incident=incident).exists()
    ask(ASHA, now=NOON + timedelta(hours=49))
    assert deliver(60 * 49) == 1
    assert "?also=all" in text_of(mail_server.mails_to(ASHA)[2])


def test_who_leaves_meanwhile_gets_no_way_to_a_page(mail_server: MailServer) -> None:
    asha = reader(ASHA)
    ask(ASHA)
    subscriptions.unsubscribe(subscriber=asha, now=NOON)
    assert deliver(1) == 0


def test_a_subscriber_changes_language_and_services() -> None:
    asha, one, two = reader(ASHA), ComponentFactory(), ComponentFactory()
    subscriptions.change(subscriber=asha, language="sw", wanted=Wishes(components=[one, two]), now=NOON)
    assert set(asha.subscriptions.values_list("component_id", flat=True)) == {one.pk, two.pk}
    subscriptions.change(subscriber=asha, wanted=Wishes(), now=NOON)
    assert list(asha.subscriptions.values_list("component_id", flat=True)) == [None]
    subscriptions.change(subscriber=asha, language="xx", now=NOON)
    asha.refresh_from_db()
    assert asha.language == "sw"


def test_who_leaves_leaves_no_address_and_may_come_back(mail_server: MailServer) -> None:
    asha = reader(ASHA)
    left = subscriptions.unsubscribe(subscriber=asha, now=NOON)
    again = subscriptions.unsubscribe(subscriber=asha, now=NOON + timedelta(hours=1))
    assert (left.state, left.address_encrypted, again.unsubscribed_at) == ("unsubscribed", "", NOON)
    assert "ip" not in left.consent
    assert left.consent["wording"] == "test"
    back = ask(ASHA, now=NOON + timedelta(hours=2))
    assert (back.pk, back.state, back.unsubscribed_at) == (asha.pk, "pending", NOON)
    assert deliver(121) == 1
    assert Suppression.objects.get().reason == "left"
    here = subscriptions.confirm(token=links.confirm_token(back), now=NOON + timedelta(hours=3), ip="192.0.2.9")
    assert here is not None
    assert (here.state, here.unsubscribed_at, here.consent["confirmed_ip"]) == ("active", None, "192.0.2.9")
    assert "earlier" not in here.consent
    assert not Suppression.objects.exists()


def test_a_stranger_who_types_the_address_of_somebody_who_left_takes_no_proof_away() -> None:
    left = subscriptions.unsubscribe(subscriber=reader(ASHA), now=NOON)
    proof = left.consent
    for days in (1, 4):
        asked = ask(ASHA, now=NOON + timedelta(days=days))
        assert (asked.state, asked.consent["earlier"], asked.unsubscribed_at) == ("pending", proof, NOON)
    assert subscriptions.purge_unconfirmed(now=NOON + timedelta(days=11)) == 1
    left.refresh_from_db()
    assert (left.state, left.consent, left.unsubscribed_at, left.address_encrypted) == ("unsubscribed", proof, NOON, "")
    assert subscriptions.confirm(token=links.confirm_token(left), now=NOON + timedelta(days=11)) is None
    ask(ASHA, now=NOON + timedelta(days=12))
    assert subscriptions.unsubscribe(subscriber=left, now=NOON + timedelta(days=12)).consent == proof


def test_who_was_suspended_and_is_asked_in_vain_is_suspended_again() -> None:
    asha = reader(ASHA)
    suppression.suppress(channel="email", address_hash=asha.address_hash, reason=Suppressed.BOUNCED, now=NOON)
    later = NOON + timedelta(days=31)
    assert ask(ASHA, now=later).state == "pending"
    assert subscriptions.purge_unconfirmed(now=later + timedelta(days=7)) == 1
    kept = Subscriber.objects.get()
    assert (kept.state, kept.consent) == ("suspended", asha.consent)


def test_two_messages_in_48_hours_whatever_becomes_of_them_between(mail_server: MailServer) -> None:
    """They ask, confirm and leave, again and again."""
    for hour in range(6):
        now = NOON + timedelta(hours=hour)
        asha = ask(ASHA, now=now)
        deliver(60 * hour)
        assert subscriptions.confirm(token=links.confirm_token(asha), now=now)
        subscriptions.unsubscribe(subscriber=asha, now=now)
    assert len(mail_server.mails_to(ASHA)) == 2
    ask(ASHA, now=NOON + timedelta(hours=50))
    assert deliver(60 * 50) == 1


def test_the_link_that_confirmed_does_not_bring_back_who_left() -> None:
    asha = ask(ASHA)
    token = links.confirm_token(asha)
    subscriptions.confirm(token=token, now=NOON)
    subscriptions.unsubscribe(subscriber=asha, now=NOON)
    assert subscriptions.confirm(token=token, now=NOON) is None


def test_erasing_leaves_the_act_and_a_hash_and_they_may_come_back() -> None:
    asha = reader(ASHA)
    public_id = asha.public_id
    publish()
    outbox.fan_out(now=NOON)
    subscriptions.erase(subscriber=asha, now=NOON)
    assert not Subscriber.objects.exists()
    assert not Delivery.objects.exists()
    assert AuditEvent.objects.get(act="subscriber.erase").target == public_id
    assert (Suppression.objects.get().reason, Suppression.objects.get().since) == ("left", NOON)
    assert subscriptions.confirm(token=links.confirm_token(ask(ASHA)), now=NOON) is not None


def test_the_unconfirmed_are_forgotten_after_a_week_and_nobody_else() -> None:
    ask("old@customer.example", now=NOON - timedelta(days=7))
    ask("young@customer.example", now=NOON - timedelta(days=6))
    reader("reader@customer.example", now=NOON - timedelta(days=30))
    assert subscriptions.purge_unconfirmed(now=NOON) == 1
    assert sorted(Subscriber.objects.values_list("state", flat=True)) == ["active", "pending"]


def test_whom_an_earlier_version_suspended_while_they_were_asked_is_forgotten_too() -> None:
    now = timezone.now()
    ask("asked@customer.example", now=now)
    left = subscriptions.unsubscribe(subscriber=reader(ASHA, now=NOON - timedelta(days=30)), now=NOON - timedelta(days=20))
    ask(ASHA, now=now)
    held = reader("held@customer.example", now=NOON - timedelta(days=30))
    Subscriber.objects.update(state="suspended")
    import_module("subscribers.migrations.0011_left_is_not_stop").end_askings(apps, None)
    assert subscriptions.purge_unconfirmed(now=timezone.now()) == 2
    again = Subscriber.objects.get(pk=left.pk)
    assert (again.state, again.address_encrypted, again.consent) == ("unsubscribed", "", left.consent)
    assert set(Subscriber.objects.values_list("pk", "state")) == {(left.pk, "unsubscribed"), (held.pk, "suspended")}


def test_a_copy_of_everything_we_hold_names_the_address_only_there() -> None:
    component = ComponentFactory()
    held = subscriptions.export(reader(ASHA, "sw", component))
    assert (held["address"], held["language"], held["components"]) == (ASHA, "sw", [component.public_id])
    assert held["consent"]["ip"] == "192.0.2.7"


@pytest.mark.parametrize(("language", "said"), [("en", "your own page says which"), ("sw", "ukurasa wako unaonyesha zipi")])
def test_who_hears_of_little_and_asks_again_is_not_told_that_all_of_it_comes(language: str, said: str) -> None:
    found = reader(ASHA, language)
    Subscriber.objects.filter(pk=found.pk).update(minimum_impact="critical")
    item = items.item_of(publish())
    assert list(audience.recipients(item)) == []
    ask(ASHA, language)
    found.refresh_from_db()
    words = confirmations.parcel_for(found).rendered
    assert said in words.text
    assert said in words.html
