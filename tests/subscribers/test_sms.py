"""SMS: one part whatever it says, sent as the provider's own SDK sends, and stopped by the words people use."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import africastalking
import pytest
from django.utils.translation import override

from subscribers import addresses, floods, gsm, items, links, outbox, phone_replies, subscriptions
from subscribers.addresses import AddressError
from subscribers.models import Delivery, Farewell, Subscriber, Suppression
from subscribers.rendering import CODE_MARK
from subscribers.transports.base import Failed, Outcome, Retry, Sent, TransportUnreachable
from subscribers.transports.sms import SmsSender, confirmation_text
from tests.factories import NOON, UserFactory
from tests.subscribers.bodies import FILLS, LONG, item, parcel
from tests.subscribers.hooks import Heard, Hook
from tests.subscribers.news import publish

pytestmark = pytest.mark.django_db
PHONE = "+254711000111"


@pytest.fixture(autouse=True)
def _account(settings: Any) -> None:
    settings.SMS_USERNAME, settings.SMS_KEY, settings.SMS_FROM = "mfano", "a key", "MFANO"


def recipients(*rows: tuple[str, int]) -> bytes:
    """The provider's answer of 201."""
    listed = [
        {"statusCode": code, "number": number, "status": "?", "cost": "KES 0.8000", "messageId": f"ATXid_{number[-3:]}"}
        for number, code in rows
    ]
    return json.dumps({"SMSMessageData": {"Message": "Sent to 1/1 Total Cost: KES 0.8000", "Recipients": listed}}).encode()


def send(settings: Any, answer: bytes, *numbers: str, status: int = 201) -> tuple[list[Outcome], list[Heard]]:
    rendered = SmsSender.render_confirmation("en")
    sender = SmsSender()
    with Hook() as hook:
        settings.SMS_URL = hook.url.rstrip("/")
        hook.answers = [(status, {"Content-Type": "application/json"}, answer)]
        try:
            return list(sender.send_all([parcel(rendered, number) for number in numbers])), hook.requests
        finally:
            sender.close()


# --- Numbers and letters ---------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["+254711000111", "0711 000 111", "00254711000111", "(0711) 000-111", " +254-711-000-111 "])
def test_a_number_has_one_form(typed: str) -> None:
    assert SmsSender.normalise(typed) == PHONE


@pytest.mark.parametrize(
    "typed", ["", "711", "+1 555 0100 200", "+254", "asha", "+254711000111, +254711000112", "+2547110001119999", "+25471100011١"]
)
def test_what_is_no_number_of_a_country_we_send_to_is_refused(typed: str) -> None:
    with pytest.raises(AddressError):
        SmsSender.normalise(typed)


@pytest.mark.parametrize(
    ("text", "plain", "length"),
    [
        ("“Wait” – it’s late…", '"Wait" - it\'s late...', 21),
        ("café Ünïcode", "café Ünicode", 12),
        ("5 €", "5 €", 4),
        ("[a]{b}", "[a]{b}", 10),
        ("habari 🙂", "habari ?", 8),
    ],
)
def test_letters_are_counted_as_a_network_counts_them(text: str, plain: str, length: int) -> None:
    assert (gsm.plain(text), gsm.length(gsm.plain(text))) == (plain, length)


@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("name", ["Slow transfers", "Kutuma pesa kwa wateja wa benki nyingine " * 5])
@pytest.mark.parametrize("text", ["Sending is slow. Wait for your SMS.", LONG, ""])
def test_every_update_is_one_part_that_names_who_and_where(language: str, name: str, text: str, settings: Any) -> None:
    said = SmsSender.render(item(text=text or "x", name=name), language).text
    assert gsm.is_plain(said)
    assert gsm.length(said) <= 160
    assert said.startswith("Mfano Pesa: ")
    assert links.host() in said


@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("provider", ["Mfano Pesa", "Kampuni ya Pesa za Simu ya Mfano"])
def test_the_code_is_one_part(language: str, provider: str, settings: Any) -> None:
    settings.PROVIDER_NAME = provider
    with override(language):
        said = confirmation_text().replace(CODE_MARK, "012345")
    assert gsm.is_plain(said)
    assert gsm.length(said) <= 160
    assert "012345" in said


# --- The provider ----------------------------------------------------------------------------------


def test_a_request_is_what_the_providers_own_sdk_sends(settings: Any) -> None:
    outcomes, [ours] = send(settings, recipients((PHONE, 101), ("+254711000112", 102)), PHONE, "+254711000112")
    assert outcomes == [Sent("ATXid_111"), Sent("ATXid_112")]
    africastalking.initialize("mfano", "a key")
    with Hook() as hook:
        hook.answers = [(201, {"Content-Type": "application/json"}, recipients((PHONE, 101)))]
        africastalking.SMS._baseUrl = f"{hook.url}version1"
        text = dict(parse_qsl(ours.body.decode()))["message"]
        answer = africastalking.SMS.send(text, [PHONE, "+254711000112"], sender_id="MFANO", enqueue=True)
        [theirs] = hook.requests
    assert answer["SMSMessageData"]["Recipients"][0]["messageId"] == "ATXid_111", "the fake speaks as the SDK reads"
    assert ours.path == theirs.path
    assert dict(parse_qsl(ours.body.decode())) == dict(parse_qsl(theirs.body.decode()))
    for name in ("apiKey", "Accept", "Content-Type"):
        assert ours.headers[name] == theirs.headers[name]


@pytest.mark.parametrize(
    ("code", "kind", "gone"),
    [
        (100, Sent, False), (101, Sent, False), (102, Sent, False), (401, Retry, False), (402, Retry, False), (405, Retry, False),
        (403, Failed, False), (404, Failed, False), (406, Failed, True), (407, Failed, False), (409, Failed, True),
        (500, Retry, False), (501, Retry, False), (502, Failed, False),
    ],
)  # fmt: skip
def test_each_code_ends_as_it_should(code: int, kind: type, gone: bool, settings: Any) -> None:
    [outcome], _ = send(settings, recipients((PHONE, code)), PHONE)
    assert isinstance(outcome, kind)
    assert getattr(outcome, "gone", False) is gone
    assert PHONE not in str(outcome)


@pytest.mark.parametrize(("status", "answer"), [(500, b""), (201, b"<html>"), (201, b"[]"), (429, b"")])
def test_an_answer_that_is_none_is_tried_again(status: int, answer: bytes, settings: Any) -> None:
    outcomes, _ = send(settings, answer, PHONE, PHONE, status=status)
    assert [type(one) for one in outcomes] == [Retry, Retry]


@pytest.mark.parametrize(
    ("status", "answer"),
    [(401, b""), (201, b'{"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}')],
)
def test_a_provider_that_refuses_us_blames_no_number(status: int, answer: bytes, settings: Any) -> None:
    with pytest.raises(TransportUnreachable):
        send(settings, answer, PHONE, status=status)


# --- Opting in and out -----------------------------------------------------------------------------


def ask(now: datetime = NOON) -> Subscriber:
    subscriptions.subscribe(address=PHONE, channel="sms", language="sw", source={"wording": "test"}, now=now)
    return Subscriber.objects.get(channel="sms")


def confirm(code: str, minutes: int = 1) -> Subscriber | None:
    return subscriptions.confirm_by_code(address=PHONE, code=code, now=NOON + timedelta(minutes=minutes))


def test_the_code_confirms_and_the_fifth_wrong_one_ends_it() -> None:
    right = links.confirm_code(ask())
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for _ in range(4):
        assert confirm(wrong) is None
    assert confirm(f" {right} ") is not None
    Subscriber.objects.all().delete()
    right = links.confirm_code(ask())
    for _ in range(5):
        assert confirm(f"{(int(right) + 1) % 1_000_000:06d}") is None
    assert confirm(right) is None
    assert confirm("") is None


def test_a_code_holds_two_days() -> None:
    assert confirm(links.confirm_code(ask()), minutes=48 * 60) is None


def test_a_code_opens_the_page_of_who_never_saw_a_link_once() -> None:
    """They answered YES, or sent START; no SMS has room for a link."""
    asha = ask()
    first = links.confirm_code(asha)
    phone_replies.take_text(number=PHONE, text="yes", now=NOON)
    assert confirm(first) is None, "it was for the asking that they have answered"
    asha = ask(NOON + timedelta(seconds=30))
    assert (asha.state, outbox.has_work(now=NOON + timedelta(seconds=30))) == ("active", True)
    code = links.confirm_code(asha)
    assert code != first
    for _ in range(4):
        assert confirm(f"{(int(code) + 1) % 1_000_000:06d}") is None
    held = confirm(code)
    assert held is not None
    assert (held.state, held.confirmed_at) == ("active", NOON)
    assert confirm(code) is None
    assert phone_replies.take_text(number=PHONE, text="yes", now=NOON) == ""


def test_numbers_of_who_hears_already_count_in_what_sms_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    phone_replies.take_text(number=PHONE, text="yes", now=NOON)
    monkeypatch.setattr(floods, "OF_CHANNELS", {"sms": floods.Limits(in_all=1)})
    ask()
    with pytest.raises(floods.TooMany):
        subscriptions.subscribe(address="+254711000112", channel="sms", language="en", source={}, now=NOON)


@pytest.mark.parametrize("text", ["YES", "ndiyo", "Ndio.", " yes please "])
def test_an_answer_from_the_phone_confirms(text: str) -> None:
    ask()
    assert phone_replies.take_text(number=PHONE, text=text, now=NOON) == "confirmed"
    assert Subscriber.objects.get().state == "active"


@pytest.mark.parametrize("text", ["STOP", "stop.", "Acha", " ONDOA ", "unsubscribe me", "acha tafadhali"])
def test_a_word_stops_it_at_once_and_for_whoever_has_no_account(text: str) -> None:
    ask()
    phone_replies.take_text(number=PHONE, text="yes", now=NOON)
    for _ in range(2):
        assert phone_replies.take_text(number=PHONE, text=text, now=NOON) == "stopped"
        phone_replies.take_text(number="0711000999", text=text, now=NOON)
    asha = Subscriber.objects.get()
    assert (asha.state, asha.address_encrypted) == ("unsubscribed", "")
    assert sorted(Suppression.objects.values_list("reason", flat=True)) == ["opted_out", "opted_out"]


@pytest.mark.parametrize(("language", "word"), [("en", "START"), ("sw", "ANZA")])
def test_who_stopped_is_told_so_once_in_one_part_and_the_number_is_gone(settings: Any, language: str, word: str) -> None:
    subscriptions.subscribe(address=PHONE, channel="sms", language=language, source={}, now=NOON)
    phone_replies.take_text(number=PHONE, text="yes", now=NOON)
    for _ in range(2):
        phone_replies.take_text(number=PHONE, text="STOP", now=NOON)
    assert outbox.has_work(now=NOON)
    with Hook() as hook:
        settings.SMS_URL = hook.url.rstrip("/")
        hook.answers = [(201, {"Content-Type": "application/json"}, recipients((PHONE, 101)))]
        assert outbox.deliver_due(now=NOON, limit=10) == 1
        phone_replies.take_text(number=PHONE, text="STOP", now=NOON)
        assert outbox.deliver_due(now=NOON, limit=10) == 0
    [asked] = hook.requests
    form = dict(parse_qsl(asked.body.decode()))
    assert form["to"] == PHONE
    assert word in form["message"]
    assert gsm.length(form["message"]) <= 160
    assert not Farewell.objects.exists()


def test_who_begins_again_at_once_is_told_nothing_of_the_end() -> None:
    ask()
    for word in ("yes", "STOP", "START"):
        phone_replies.take_text(number=PHONE, text=word, now=NOON)
    assert not Farewell.objects.exists()


@pytest.mark.parametrize("leave", ["page", "forgotten", "staff"])
def test_who_left_without_stop_comes_back_by_the_form(leave: str) -> None:
    ask()
    phone_replies.take_text(number=PHONE, text="yes", now=NOON)
    asha, later = Subscriber.objects.get(), NOON + timedelta(days=30)
    if leave == "page":
        subscriptions.unsubscribe(subscriber=asha, now=NOON)
    elif leave == "forgotten":
        subscriptions.erase(subscriber=asha, now=NOON)
    else:
        staff = UserFactory(is_superuser=True)
        subscriptions.unsubscribe_for(subscriber=asha, actor=staff, now=NOON)
    subscriptions.subscribe(address=PHONE, channel="sms", language="en", source={}, now=later)
    asha = Subscriber.objects.get()
    assert (asha.state, asha.confirm_due_at) == ("pending", later)
    assert phone_replies.take_text(number=PHONE, text="yes", now=later) == "confirmed"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(("word", "language"), [("START", "en"), ("anza", "sw")])
def test_who_stopped_begins_again_by_a_word_from_the_phone(word: str, language: str) -> None:
    phone_replies.take_text(number=PHONE, text="STOP", now=NOON)
    assert phone_replies.take_text(number=PHONE, text=word, now=NOON) == "started"
    asha = Subscriber.objects.get()
    assert (asha.state, asha.language, asha.consent["by"]) == ("active", language, "sms")
    assert not Suppression.objects.exists()


def test_after_stop_no_stranger_makes_us_write_and_the_count_of_two_goes_on(settings: Any) -> None:
    with Hook() as hook:
        settings.SMS_URL = hook.url.rstrip("/")
        hook.answers = [(201, {"Content-Type": "application/json"}, recipients((PHONE, 101)))]
        for minutes in range(0, 20, 4):
            now = NOON + timedelta(minutes=minutes)
            subscriptions.subscribe(address=PHONE, channel="sms", language="en", source={}, now=now)
            outbox.deliver_due(now=now, limit=10)
            phone_replies.take_text(number=PHONE, text="STOP", now=now + timedelta(minutes=2))
        assert len(hook.requests) == 1, "the first, before STOP"
        for hours in (1, 2, 3):  # the phone comes back, and leaves: what strangers ask for stays two in all
            now = NOON + timedelta(hours=hours)
            phone_replies.take_text(number=PHONE, text="START", now=now)
            phone_replies.opt_out(number=PHONE, now=now)
            Suppression.objects.all().delete()  # as staff lifts it
            subscriptions.subscribe(address=PHONE, channel="sms", language="en", source={}, now=now)
            outbox.deliver_due(now=now, limit=10)
        assert len(hook.requests) == 2


def test_a_phone_that_says_start_waits_behind_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "OF_CHANNELS", {"sms": floods.Limits(in_all=1)})
    ask()
    with pytest.raises(floods.TooMany):
        subscriptions.subscribe(address="+254711000112", channel="sms", language="en", source={}, now=NOON)
    assert phone_replies.take_text(number="+254711000112", text="START", now=NOON) == "started"


def test_small_talk_does_nothing() -> None:
    assert phone_replies.take_text(number=PHONE, text="Pesa yangu iko wapi?", now=NOON) == ""
    assert not Subscriber.objects.exists()


# --- Delivery reports ------------------------------------------------------------------------------


def told() -> Delivery:
    asha = ask()
    phone_replies.take_text(number=PHONE, text="yes", now=NOON)
    publish(now=NOON + timedelta(hours=1))
    outbox.fan_out(now=NOON + timedelta(hours=2))
    delivery = Delivery.objects.get(subscriber=asha)
    Delivery.objects.filter(pk=delivery.pk).update(state="sent", reference="ATXid_1")
    return delivery


def report(status: str, reason: str = "", reference: str = "ATXid_1") -> bool:
    return phone_replies.take_report(reference=reference, status=status, reason=reason, now=NOON)


def test_a_report_of_failure_is_noted_and_a_number_that_is_gone_is_left_alone() -> None:
    delivery = told()
    assert report("Success")
    assert report("Failed", "AbsentSubscriber")
    delivery.refresh_from_db()
    assert "AbsentSubscriber" in delivery.last_error
    assert delivery.state == "dead"
    assert Subscriber.objects.get().state == "active"
    assert report("Rejected", "UserInBlackList")
    assert report("Rejected", "UserInBlackList"), "told twice is told once"
    assert Subscriber.objects.get().state == "suspended"
    assert not report("Failed", reference="ATXid_unknown")
    assert not report("Failed", reference="")


def test_what_the_network_did_not_deliver_is_counted_as_failed_and_can_be_sent_again() -> None:
    delivery = told()
    assert report("Failed", "DeliveryFailure")
    [of_sms] = outbox.progress(notification=delivery.notification, now=NOON)
    assert (of_sms.sent, of_sms.failed) == (0, 1)
    assert outbox.resend_dead(notification=delivery.notification, actor=UserFactory(), now=NOON) == 1
    assert report("Failed", "DeliveryFailure"), "told again, of the first time"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("pending", "")


def test_the_last_word_of_the_network_counts() -> None:
    delivery = told()
    for word, state in (("Failed", "dead"), ("Buffered", "dead"), ("Success", "sent"), ("Rejected", "dead")):
        assert report(word)
        delivery.refresh_from_db()
        assert delivery.state == state


def test_a_report_that_comes_before_its_sms_is_written_down_is_to_come_again() -> None:
    delivery = told()
    Delivery.objects.update(state="pending", reference="", lease_until=NOON + timedelta(minutes=5))
    with pytest.raises(phone_replies.NotYet):
        report("Failed", "DeliveryFailure")
    assert not report("Success")
    Delivery.objects.update(state="sent", reference="ATXid_1", lease_until=None)
    assert report("Failed", "DeliveryFailure")
    delivery.refresh_from_db()
    assert delivery.state == "dead"


def test_an_sms_subscriber_is_told_in_one_part_and_the_rows_say_so(settings: Any) -> None:
    delivery = told()
    update = delivery.notification.update
    assert update is not None
    rendered = SmsSender.render(items.item_of(update), "sw")
    assert gsm.length(rendered.text) <= 160
    assert not any(mark in rendered.text for mark in FILLS)
    assert addresses.decrypt(Subscriber.objects.get().address_encrypted) == PHONE
