"""One address at the desk: found when typed in full, held back and let go with a reason, asked to confirm; all of it logged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import AuditEvent
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, DATA_PROTECTION, PAGE_ADMIN, ROLES
from subscribers import addresses, confirmations, links, outbox, subscriptions, suppression, wishes
from subscribers.models import Delivery, Endpoint, Subscriber, Suppressed, Suppression
from subscribers.rendering import CONFIRM_MARK
from tests.factories import ComponentFactory
from tests.statuspage.desk import sign_in, someone
from tests.subscribers.news import ask, publish, reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
PAGE = "/admin/subscribers/subscriber/look-up/"
ASHA, PHONE = "asha@customer.example", "+254712345678"


@pytest.fixture
def admin() -> Client:
    return sign_in(someone(PAGE_ADMIN, "halima"))


def asked(client: Client, address: str = ASHA, channel: str = "email", **more: str) -> Any:
    return client.post(PAGE, {"address": address, "channel": channel, **more})


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def log() -> list[tuple[str, str, dict[str, Any]]]:
    events = AuditEvent.objects.filter(act__startswith="subscriber.").order_by("pk")
    return [(event.act, event.actor_name, event.details) for event in events]


# --- Found ---------------------------------------------------------------------------------------


def test_one_who_is_known_is_found_by_the_whole_address_and_that_is_logged_without_it(admin: Client) -> None:
    asha = reader(ASHA, "sw", ComponentFactory(code="paybill", name={"en": "Pay bill", "sw": "Lipa bili"}))
    reader("brian@customer.example")
    answer = asked(admin, "  Asha@Customer.example ")
    page = words(answer)
    for said in ("We have it", "Hears from us", "Mail, Kiswahili", "Pay bill (incidents, planned work)", asha.public_id):
        assert said in page
    assert "brian@" not in page
    assert "Nothing is held back from it" in page
    assert log()[-1] == ("subscriber.look_up", "halima", {"channel": "email", "found": True})
    assert AuditEvent.objects.get(act="subscriber.look_up").target == asha.public_id
    assert "asha@" not in str(list(AuditEvent.objects.values())).lower()
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_part_of_an_address_finds_nobody_and_what_is_none_is_refused(admin: Client) -> None:
    reader(ASHA)
    assert "We do not have it" in words(asked(admin, "sha@customer.example"))
    for part in ("customer.example", "asha", "%"):
        assert asked(admin, part).status_code == 422
    assert asked(admin, "", "email").status_code == 422
    assert asked(admin, ASHA, "pigeon").status_code == 422
    assert "We do not have it" in words(asked(admin, PHONE, "sms")), "by another way it is another row"


def test_what_was_sent_to_them_stands_beside(admin: Client) -> None:
    asha, update = reader(ASHA), publish()
    outbox.fan_out(now=timezone.now())
    Delivery.objects.filter(subscriber=asha).update(state="sent", sent_at=timezone.now())
    assert Delivery.objects.filter(subscriber=asha).exists()
    assert "Sent to them" in words(asked(admin)), update


# --- Held back, let go ---------------------------------------------------------------------------


def test_staff_lets_an_address_go_and_its_owner_can_subscribe_again(admin: Client) -> None:
    reader(ASHA)
    suppression.suppress(channel="email", address_hash=addresses.hash_of(ASHA), reason=Suppressed.COMPLAINED, now=timezone.now())
    page = words(asked(admin))
    assert "Nothing may be sent there" in page
    assert "they complained" in page
    assert "Suspended" in page
    assert "Ask them to confirm" not in page
    page = words(asked(admin, act="lift", reason="She pressed the wrong button, and wrote to us."))
    assert "Lifted. They hear nothing by it" in page
    assert "Nothing is held back from it" in page
    assert not Suppression.objects.exists()
    assert log()[-1] == (
        "subscriber.lift_suppression",
        "halima",
        {"channel": "email", "was": "complained", "reason": "She pressed the wrong button, and wrote to us."},
    )
    asha = Subscriber.objects.get()
    assert AuditEvent.objects.get(act="subscriber.lift_suppression").target == asha.public_id
    history = words(admin.get(f"/admin/subscribers/subscriber/{asha.pk}/history/"))
    assert "She pressed the wrong button" in history
    assert asha.state == "suspended", "nobody is subscribed by it"
    subscriptions.subscribe(address=ASHA, language="en", source={}, now=timezone.now())
    again = Subscriber.objects.get()
    assert again.state == "pending"
    assert subscriptions.confirm(token=links.confirm_token(again), now=timezone.now())


def test_staff_holds_an_address_back_for_good_and_what_waits_is_not_sent(admin: Client) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=timezone.now())
    page = words(asked(admin, act="suppress", reason="Their lawyer wrote."))
    assert "Nothing is sent there any more" in page
    assert "staff did it" in page
    assert Suppression.objects.get().reason == Suppressed.BY_STAFF
    assert Delivery.objects.get().state == "superseded"
    assert log()[-1] == ("subscriber.suppress", "halima", {"channel": "email", "reason": "Their lawyer wrote."})
    a_year_on = timezone.now() + timedelta(days=366)
    subscriptions.subscribe(address=ASHA, language="en", source={}, now=a_year_on)
    assert Subscriber.objects.get().state == "suspended"


def test_an_address_that_nobody_subscribed_is_held_back_too_by_any_way(admin: Client) -> None:
    asked(admin, PHONE, "sms", act="suppress", reason="A number that calls nobody.")
    assert Suppression.objects.get().channel == "sms"
    assert not Subscriber.objects.exists()
    assert "Nobody is subscribed with it by SMS." in words(asked(admin, PHONE, "sms"))


@pytest.mark.parametrize(
    ("act", "reason", "said"),
    [("suppress", " ", "Say why."), ("lift", "", "Say why."), ("lift", "Why not", "Nothing keeps mails")],
)
def test_without_a_reason_or_twice_nothing_is_done(admin: Client, act: str, reason: str, said: str) -> None:
    answer = asked(admin, act=act, reason=reason)
    assert answer.status_code == 409
    assert said in words(answer)
    assert not Suppression.objects.exists()
    assert log() == []


# --- Asked ---------------------------------------------------------------------------------------


def test_who_is_subscribed_by_staff_is_asked_and_hears_nothing_until_they_confirm(admin: Client) -> None:
    assert "They are asked to confirm" in words(asked(admin, act="ask", language="sw"))
    asha = Subscriber.objects.get()
    assert (asha.state, asha.language, asha.confirm_due_at is not None) == ("pending", "sw", True)
    assert {"by": "desk", "asked_by": "halima"}.items() <= asha.consent.items()
    assert log()[-1] == ("subscriber.ask", "halima", {"channel": "email", "language": "sw"})
    publish()
    outbox.fan_out(now=timezone.now())
    assert not Delivery.objects.exists()
    assert subscriptions.confirm(token=links.confirm_token(asha), now=timezone.now())


def test_who_hears_already_is_sent_the_way_to_their_own_page_and_staff_do_not_see_it(admin: Client) -> None:
    asha = reader(ASHA, "en", ComponentFactory(code="paybill"))
    answer = asked(admin, act="ask", language="sw")
    assert "on its way to them" in words(answer)
    assert links.token_for(asha, links.MANAGE) not in words(answer)
    [waiting] = confirmations.claim_due(now=timezone.now(), limit=10, channels=["email"])
    parcel = confirmations.parcel_for(waiting)
    assert parcel.address == ASHA
    assert parcel.fills[CONFIRM_MARK].endswith(f"/manage/{links.token_for(asha, links.MANAGE)}")
    confirmations.record_success(waiting, now=timezone.now())
    asha.refresh_from_db()
    assert (asha.state, asha.language, asha.asked_beside) == ("active", "en", ""), "nothing that they chose is changed"
    answer = asked(admin, act="ask")
    assert (answer.status_code, "no further one is sent now" in words(answer)) == (409, True)
    assert [act for act, *_ in log()] == ["subscriber.ask"]


def test_who_has_not_answered_is_asked_once_more_and_keeps_what_they_chose(admin: Client) -> None:
    earlier = timezone.now() - timedelta(minutes=5)
    paybill = ComponentFactory(code="paybill")
    asha = ask(ASHA, "sw", paybill, now=earlier)
    chosen = replace(wishes.of(asha), rhythm="digest")
    wishes.take(asha, chosen)
    for mails in (1, 2):
        Subscriber.objects.update(confirm_due_at=None, confirm_sent_at=earlier, confirm_mails_sent=mails)
        answer = asked(admin, act="ask", language="en")
        said = "They are asked to confirm" if mails == 1 else "two within two days: no further one is sent now"
        assert (answer.status_code, said in words(answer)) == (200 if mails == 1 else 409, True)
        asha.refresh_from_db()
        assert (asha.state, asha.language, wishes.of(asha)) == ("pending", "sw", chosen)


def test_an_unanswered_webhook_keeps_the_form_of_its_bodies(admin: Client) -> None:
    url, earlier = "https://hooks.customer.example/in", timezone.now() - timedelta(minutes=5)
    subscriptions.subscribe(address=url, channel="webhook", language="en", source={}, payload="statuspage", now=earlier)
    Subscriber.objects.update(confirm_due_at=None)
    assert "They are asked to confirm" in words(asked(admin, url, "webhook", act="ask", language="en"))
    assert Endpoint.objects.get().payload == "statuspage"


def test_who_left_and_had_two_messages_is_not_said_to_be_asked(admin: Client) -> None:
    subscriptions.unsubscribe(subscriber=reader(ASHA), now=timezone.now())
    Subscriber.objects.update(confirm_sent_at=timezone.now() - timedelta(hours=1), confirm_mails_sent=2)
    answer = asked(admin, act="ask", language="en")
    assert (answer.status_code, "two within two days" in words(answer)) == (409, True)
    assert Subscriber.objects.get().state == "unsubscribed"


def test_who_is_held_back_is_not_asked_and_who_left_by_mail_may_be(admin: Client) -> None:
    asked(admin, act="suppress", reason="Asked by phone.")
    answer = asked(admin, act="ask", language="en")
    assert (answer.status_code, "Lift that first." in words(answer)) == (409, True)
    assert "subscriber.ask" not in [act for act, *_ in log()]
    subscriptions.unsubscribe(subscriber=reader("left@customer.example"), now=timezone.now())
    page = words(asked(admin, "left@customer.example"))
    assert "Nothing is sent unless they confirm anew" in page
    assert "had themselves forgotten" in page
    assert "Ask them to confirm" in page


# --- Noted ---------------------------------------------------------------------------------------


def test_a_note_is_in_their_copy_and_goes_when_they_leave(admin: Client) -> None:
    asha = reader(ASHA)
    assert asked(admin, act="note", words=" ").status_code == 409
    page = words(asked(admin, act="note", words="Calls us each Monday."))
    assert "Calls us each Monday." in page
    assert log() == [("subscriber.note", "halima", {})], "the log, which forgets nothing, has no word of it"
    assert [note["words"] for note in subscriptions.export(asha)["notes_of_staff"]] == ["Calls us each Monday."]
    subscriptions.unsubscribe(subscriber=asha, now=timezone.now())
    assert not asha.notes.exists()
    assert asked(admin, act="note", words="They left.").status_code == 409
    assert asked(admin, "nobody@customer.example", act="note", words="Who?").status_code == 409


# --- Who may -------------------------------------------------------------------------------------


def test_who_may_look_and_who_may_act() -> None:
    reader(ASHA)
    for role in set(ROLES) - {PAGE_ADMIN, DATA_PROTECTION}:
        client = sign_in(someone(role))
        assert [client.get(PAGE).status_code, asked(client).status_code] == [403, 403], role
        assert asked(client, act="suppress", reason="No.").status_code == 403, role
    officer = sign_in(someone(DATA_PROTECTION))
    page = words(asked(officer))
    assert "We have it" in page, "it answers whom people ask what is held of them"
    assert "Send nothing there any more" not in page
    assert "Ask them to confirm" not in page
    for act in ("suppress", "ask", "note"):
        assert asked(officer, act=act, reason="No.", language="en", words="No.").status_code == 403, act
    assert not Suppression.objects.exists()
    suppression.suppress(channel="email", address_hash=addresses.hash_of(ASHA), reason=Suppressed.COMPLAINED, now=timezone.now())
    assert asked(officer, act="lift", reason="No.").status_code == 403
    assert Suppression.objects.exists()


@pytest.mark.parametrize(("role", "sees"), [(PAGE_ADMIN, True), (AUTHOR, False), (APPROVER, False), (AUDITOR, False)])
def test_the_list_leads_there_for_who_may(role: str, sees: bool) -> None:
    assert (PAGE in sign_in(someone(role)).get("/admin/subscribers/subscriber/").content.decode()) is sees
