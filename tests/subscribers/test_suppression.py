"""Addresses that nothing is sent to: known by a hash alone, whatever is typed into the form."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from incidents.models import AuditEvent
from subscribers import addresses, links, outbox, subscriptions, suppression
from subscribers.models import Delivery, Subscriber, Suppressed, Suppression
from tests.factories import NOON
from tests.subscribers.news import allowed, ask, publish, reader

pytestmark = [pytest.mark.django_db]
ASHA = "asha@customer.example"


def suppress(reason: Suppressed, address: str = ASHA) -> None:
    suppression.suppress(channel="email", address_hash=addresses.hash_of(address), reason=reason, now=NOON)


def asked_again(days: int = 0) -> str:
    """The state of who asks again after so many days."""
    return ask(ASHA, now=NOON + timedelta(days=days)).state


def test_who_is_suppressed_hears_nothing_more_not_even_what_waits() -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    suppress(Suppressed.COMPLAINED)
    assert Subscriber.objects.get().state == "suspended"
    assert Delivery.objects.get().state == "superseded"


@pytest.mark.parametrize(
    ("reason", "at_once", "after_a_month"),
    [
        (Suppressed.LEFT, "pending", "pending"),
        (Suppressed.BOUNCED, "suspended", "pending"),
        (Suppressed.COMPLAINED, "suspended", "suspended"),
        (Suppressed.REFUSED, "suspended", "suspended"),
        (Suppressed.BY_STAFF, "suspended", "suspended"),
    ],
)
def test_asking_again_is_heard_when_the_reason_allows(reason: Suppressed, at_once: str, after_a_month: str) -> None:
    reader(ASHA)
    suppress(reason)
    assert (asked_again(), asked_again(30)) == (at_once, after_a_month)


def test_who_left_comes_back_by_confirming_and_no_stranger_does_it_for_them() -> None:
    reader(ASHA)
    suppress(Suppressed.LEFT)
    asha = ask(ASHA)
    assert Suppression.objects.exists()
    assert subscriptions.confirm(token=links.confirm_token(asha), now=NOON) is not None
    assert not Suppression.objects.exists()


HELD_BACK = [Suppressed.BOUNCED, Suppressed.COMPLAINED, Suppressed.REFUSED, Suppressed.BY_STAFF]


@pytest.mark.parametrize("reason", HELD_BACK)
def test_of_who_never_confirmed_nothing_stays_but_the_hash(reason: Suppressed) -> None:
    ask(ASHA)
    suppress(reason)
    assert not Subscriber.objects.exists()
    assert Suppression.objects.get().reason == reason


@pytest.mark.parametrize("reason", HELD_BACK)
def test_who_left_is_again_without_an_address_when_what_somebody_typed_is_held_back(reason: Suppressed) -> None:
    asha = subscriptions.unsubscribe(subscriber=reader(ASHA), now=NOON)
    ask(ASHA, now=NOON + timedelta(days=40))
    suppress(reason)
    held = Subscriber.objects.get()
    assert (held.state, held.address_encrypted, held.confirm_token_hash, held.consent) == ("unsubscribed", "", "", asha.consent)


def test_the_hash_outlives_the_person() -> None:
    asha = reader(ASHA)
    suppress(Suppressed.COMPLAINED)
    subscriptions.erase(subscriber=asha, now=NOON)
    subscriptions.subscribe(address=ASHA, language="en", source={}, now=NOON)
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("reason", [Suppressed.COMPLAINED, Suppressed.REFUSED, Suppressed.BY_STAFF])
def test_who_leaves_or_is_forgotten_lifts_nothing_that_staff_alone_lifts(reason: Suppressed) -> None:
    asha = reader(ASHA)
    suppress(reason)
    asha.refresh_from_db()
    subscriptions.unsubscribe(subscriber=asha, now=NOON)
    assert Suppression.objects.get().reason == reason
    subscriptions.erase(subscriber=asha, now=NOON)
    assert Suppression.objects.get().reason == reason


def test_a_bounce_which_passes_does_not_take_the_place_of_their_own_will() -> None:
    suppress(Suppressed.BOUNCED)
    suppress(Suppressed.LEFT)
    assert Suppression.objects.get().reason == "left"
    suppress(Suppressed.BOUNCED)
    assert Suppression.objects.get().reason == "left"
    suppress(Suppressed.OPTED_OUT)
    suppress(Suppressed.LEFT)
    assert Suppression.objects.get().reason == "opted_out", "nor does leaving by a link take the place of STOP"
    suppress(Suppressed.COMPLAINED)
    assert (Suppression.objects.get().reason, Suppression.objects.get().until) == ("complained", None)


@pytest.mark.parametrize("first", [Suppressed.LEFT, Suppressed.BOUNCED])
def test_where_mail_bounced_nobody_is_asked_for_a_month_though_they_left_before_or_after(first: Suppressed) -> None:
    for reason in (first, Suppressed.LEFT if first == Suppressed.BOUNCED else Suppressed.BOUNCED):
        suppress(reason)
    address_hash = addresses.hash_of(ASHA)
    days = [timedelta(days=days) for days in (0, 3, 29, 30)]
    barred = [suppression.is_barred(channel="email", address_hash=address_hash, now=NOON + later) for later in days]
    assert barred == [True, True, True, False]
    still = suppression.standing(NOON + timedelta(days=400)).get()
    assert still.reason == "left", "that they left has no end"


def test_staff_who_lift_one_stand_in_the_log() -> None:
    suppress(Suppressed.COMPLAINED)
    officer = allowed(User.objects.create_user("officer"), "change_subscriber")
    suppression.lift(suppression=Suppression.objects.get(), actor=officer, now=NOON, named="asha", reason="Her wish.")
    assert not Suppression.objects.exists()
    assert AuditEvent.objects.get(act="subscriber.lift_suppression").actor == officer
