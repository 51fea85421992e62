"""From a public word to each subscriber's mail, over a real mail server."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import parseaddr
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from incidents import record, timeline
from incidents.languages import in_all
from incidents.models import RecordEntry
from subscribers import addresses, fanning, links, outbox, outlets, rendering, rows, subscriptions
from subscribers.models import Delivery, Notification, OutboxCursor, Subscriber
from subscribers.parcels import Packer
from subscribers.rows import Claimed
from subscribers.transports.base import TransportError
from tests.factories import NOON, ComponentFactory
from tests.mail_server import MailServer, text_of
from tests.subscribers.news import ask, publish, reader, tell

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ASHA, BRIAN = "asha@customer.example", "brian@customer.example"


def after(**span: float) -> Any:
    return NOON + timedelta(**span)


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


# --- Notifications -----------------------------------------------------------------------------


def test_every_record_entry_gets_one_notification_and_only_words_are_told() -> None:
    reader(ASHA)
    component = ComponentFactory()
    timeline.observe(component=component, status="partial_outage", since=NOON, now=NOON)
    update = publish(component=component)
    assert outbox.enqueue_missing(now=NOON) == record.head().seq
    assert outbox.enqueue_missing(now=NOON) == 0
    assert list(Notification.objects.order_by("record_seq").values_list("record_seq", flat=True)) == list(
        RecordEntry.objects.values_list("seq", flat=True)
    )
    waiting = Notification.objects.filter(expanded_at__isnull=True)
    assert [notification.update for notification in waiting] == [update]
    assert OutboxCursor.objects.get().record_seq == record.head().seq


def test_a_word_whose_notification_was_lost_is_found_in_the_record() -> None:
    reader(ASHA)
    publish()
    Notification.objects.all().delete()
    outbox.enqueue_missing(now=NOON)
    assert outbox.fan_out(now=NOON) == 1


def test_enqueue_twice_is_one() -> None:
    update = publish()
    first = outbox.enqueue(record_seq=update.record_seq or 0, kind="incident_update", update=update, now=NOON)
    assert Notification.objects.get() == first


def test_a_publication_costs_three_statements_that_name_no_subscriber() -> None:
    update = publish()
    Notification.objects.all().delete()
    with CaptureQueriesContext(connection) as asked:
        outbox.enqueue(record_seq=update.record_seq or 0, kind="incident_update", update=update, now=NOON)
    statements = [query["sql"] for query in asked.captured_queries]
    assert len(statements) == 3
    assert not any(table in one for one in statements for table in ("subscribers_subscri", "subscribers_delivery"))


def test_an_update_that_shall_not_be_told_reaches_nobody() -> None:
    reader(ASHA)
    publish(deliver_notifications=False)
    assert outbox.fan_out(now=NOON) == 0
    assert not outbox.has_work(now=NOON)


# --- Fan-out -----------------------------------------------------------------------------------


def test_those_hear_who_follow_the_page_or_a_component_of_the_incident() -> None:
    broken, whole = ComponentFactory(), ComponentFactory()
    everything, part = reader(ASHA), reader(BRIAN, "en", broken)
    reader("chao@customer.example", "en", whole)
    first = publish(component=broken)
    publish(first.incident, component=whole, now=after(minutes=1), state="operational")
    assert outbox.fan_out(now=NOON) == 2 + 3
    told = Delivery.objects.filter(notification__update=first)
    assert set(told.values_list("subscriber_id", flat=True)) >= {everything.pk, part.pk}


def test_who_confirmed_after_the_publication_does_not_hear_of_it() -> None:
    reader(ASHA, now=after(minutes=1))
    publish()
    assert outbox.fan_out(now=after(minutes=2)) == 0
    assert not outbox.has_work(now=after(minutes=2))


def test_a_killed_fan_out_goes_on_where_it_was_and_makes_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        reader(f"person{number}@customer.example")
    publish()
    monkeypatch.setattr(fanning, "CHUNK", 3)
    assert outbox.fan_out(now=NOON, limit=3) == 3
    Notification.objects.update(cursor=0)  # as if the chunk's cursor had been lost
    assert outbox.fan_out(now=NOON) == 4, "three were made before"
    assert Delivery.objects.count() == 7
    assert outbox.fan_out(now=NOON) == 0


def test_a_turn_of_expanding_ends_where_something_is_due_that_nobody_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        reader(f"person{number}@customer.example")
    publish()
    monkeypatch.setattr(fanning, "CHUNK", 3)
    assert outbox.fan_out_a_turn(now=NOON, limit=100), "four are left"
    assert Delivery.objects.count() == 3
    with outlets.one(now=NOON):
        assert not outbox.fan_out_a_turn(now=NOON, limit=100)
    assert Delivery.objects.count() == 7
    assert not outbox.fan_out_a_turn(now=NOON, limit=100)


def test_a_turn_of_expanding_ends_after_its_time_while_nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        reader(f"person{number}@customer.example")
    publish()
    Notification.objects.update(send_at=timezone.now() + timedelta(minutes=1))
    monkeypatch.setattr(fanning, "CHUNK", 3)
    monkeypatch.setattr(outbox, "TURN", 0.0)
    assert outbox.fan_out_a_turn(now=NOON, limit=100)
    assert Delivery.objects.count() == 3
    monkeypatch.setattr(outbox, "TURN", 60.0)
    assert not outbox.fan_out_a_turn(now=NOON, limit=100)
    assert Delivery.objects.count() == 7


# --- The mail ----------------------------------------------------------------------------------


def test_what_was_prepared_within_the_hold_is_not_rendered_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    packer = Packer()
    packer.prepare(Notification.objects.get(), "email")
    monkeypatch.setattr(rendering, "render", None)
    [claimed] = outbox.claim_due(now=after(minutes=2), limit=1)
    parcel = packer.parcel_for(claimed, rows.readers([claimed.subscriber_id])[claimed.subscriber_id])
    assert parcel.address == ASHA
    assert parcel.rendered.subject


def test_a_mail_has_every_header_of_the_contract(mail_server: MailServer, settings: Any) -> None:
    settings.BASE_URL = "https://status.mfanopesa.example"
    asha = reader(ASHA)
    update = publish(next_update_by=after(minutes=20))
    assert tell() == 1
    [mail] = mail_server.mails_to(ASHA)
    key = addresses.recipient_key(asha.address_hash)
    incident = update.incident.public_id
    token = links.token_for(asha, links.UNSUBSCRIBE)
    expected = {
        "From": "Mfano Pesa status <status@mfanopesa.example>",
        "To": ASHA,
        "Subject": "[Mfano Pesa status] Payments are late",
        "Date": "Tue, 24 Nov 2026 09:00:00 +0000",
        "Message-ID": f"<{incident}.{update.public_id}.{key}@status.mfanopesa.example>",
        "In-Reply-To": f"<{incident}.{key}@status.mfanopesa.example>",
        "References": f"<{incident}.{key}@status.mfanopesa.example>",
        "List-Id": "Mfano Pesa status <status.status.mfanopesa.example>",
        "List-Unsubscribe": (f"<https://status.mfanopesa.example/u/{token}>, <mailto:unsub+{token}@mfanopesa.example>"),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
        "Feedback-ID": f"{incident}:mfano-pesa:update:hali",
    }
    assert {name: str(mail[name]) for name in expected} == expected
    assert mail["X-Entity-Ref-ID"] is None
    local = parseaddr(f"unsub+{token}@mfanopesa.example")[1].partition("@")[0]
    assert len(local) <= 64
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert all(part["Content-Transfer-Encoding"] == "quoted-printable" for part in mail.iter_parts())
    assert not mail.defects


def test_a_mail_says_what_is_so_what_follows_and_how_to_stop(mail_server: MailServer, settings: Any) -> None:
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    asha = reader(ASHA)
    update = publish(next_update_by=after(minutes=20))
    tell()
    [mail] = mail_server.mails_to(ASHA)
    entry = RecordEntry.objects.get(seq=update.record_seq or 0)
    for text in (text_of(mail), text_of(mail, "html")):
        for part in (
            "Looking into it",
            "Payments are late. Do not pay again.",
            "Next update by 12:20 pm EAT",
            "Not working for some",
            f"{settings.BASE_URL}/incidents/{update.incident.public_id}",
            links.unsubscribe_url(asha),
            links.manage_url(asha),
            "We never ask for your PIN.",
            entry.hash,
        ):
            assert part in text
        assert "@@" not in text
    html = text_of(mail, "html")
    assert "prefers-color-scheme:dark" in html
    assert "<img" not in html
    [(_, raw)] = mail_server.messages
    assert len(raw) < 10_000
    assert max(len(line) for line in raw.split(b"\r\n")) <= 200  # headers of links; bodies are far below


@pytest.mark.parametrize(
    "said",
    [
        "550 5.7.1 <{}>: rejected",
        "550 5.7.1 <asha.otieno@customer.example>: rejected",
        "452 4.2.2 ASHA.OTIENO@Customer.Example is over quota.",
        "550 5.1.1 no such user: a.otieno+new@elsewhere.example; see https://mail.example/help",
    ],
)
def test_what_a_server_says_is_kept_without_any_address(
    said: str, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = "Asha.Otieno@customer.example"
    reader(address)
    mail_server.answers[address] = said.format(address)
    publish()
    caplog.set_level("INFO", "subscribers")
    tell()
    kept = Delivery.objects.get().last_error
    assert kept.startswith(said[:9])
    assert "<address>" in kept
    logged = " ".join(one.getMessage() for one in caplog.records if one.name.startswith("subscribers"))
    assert "otieno" not in f"{kept} {logged}".casefold()


@pytest.mark.parametrize("said", ["", "12 Bima Road, Nairobi"])
def test_a_mail_says_who_reads_answers_and_where_we_are_if_the_settings_do(
    said: str, mail_server: MailServer, settings: Any
) -> None:
    settings.POSTAL_ADDRESS, settings.MAIL_REPLY_TO = said, "Care <care@mfanopesa.example>" if said else ""
    reader(ASHA)
    ask(ASHA)  # who hears already gets the way to their own page
    ask(BRIAN)
    publish()
    assert tell() == 3
    assert len(mail_server.mails_to(ASHA)) == 2
    for mail in (*mail_server.mails_to(ASHA), *mail_server.mails_to(BRIAN)):
        assert mail["Reply-To"] == (settings.MAIL_REPLY_TO or None)
        for text in (text_of(mail), text_of(mail, "html")):
            assert ("Mfano Pesa, 12 Bima Road, Nairobi" in text) is bool(said)
            assert "Mfano Pesa, None" not in text


def test_each_hears_in_their_own_language(mail_server: MailServer, settings: Any) -> None:
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    reader(ASHA, "sw")
    reader(BRIAN, "en")
    update = publish(next_update_by=after(hours=3))
    with override("en"):  # whatever the worker's own language is
        assert tell() == 2
    [asha], [brian] = mail_server.mails_to(ASHA), mail_server.mails_to(BRIAN)
    assert "Malipo yanachelewa. Usilipe tena." in text_of(asha)
    assert "15:00 EAT" in text_of(asha)
    assert "Do not pay again" not in text_of(asha)
    assert f"/sw/incidents/{update.incident.public_id}" in text_of(asha)
    assert asha["Subject"] == "[Hali ya Mfano Pesa] Malipo yanachelewa"
    assert asha["From"] == "Hali ya Mfano Pesa <status@mfanopesa.example>"
    assert brian["From"] == "Mfano Pesa status <status@mfanopesa.example>"
    assert "3:00 pm EAT" in text_of(brian)
    assert '<html lang="sw">' in text_of(asha, "html")


def test_the_subject_and_the_thread_stay_through_an_incident(mail_server: MailServer) -> None:
    reader(ASHA)
    first = publish()
    tell()
    publish(first.incident, now=after(minutes=30), status="monitoring", state="operational")
    tell(after(minutes=30))
    one, two = mail_server.mails_to(ASHA)
    assert one["Subject"] == two["Subject"]
    assert one["References"] == two["References"]
    assert one["Message-ID"] != two["Message-ID"]


def test_a_name_with_line_breaks_and_quotes_makes_one_clean_subject(mail_server: MailServer) -> None:
    reader(ASHA)
    publish(body=in_all({"en": "A “quote” <b>& more</b> = ok.\n.\nEnd  ", "sw": "Ndiyo"}))
    update = publish(now=after(seconds=1))
    update.incident.name = in_all({"en": "Late\r\nBcc: evil@customer.example — “now”", "sw": "x"})
    update.incident.save()
    assert tell(after(seconds=1)) == 2
    first, second = mail_server.mails_to(ASHA)
    assert "A “quote” <b>& more</b> = ok.\n.\nEnd" in text_of(first)
    assert "A “quote” &lt;b&gt;&amp; more&lt;/b&gt; = ok.<br>.<br>End" in text_of(first, "html")
    assert second["Subject"] == "[Mfano Pesa status] Late Bcc: evil@customer.example — “now”"
    assert second["Bcc"] is None


def test_one_connection_serves_a_batch(mail_server: MailServer) -> None:
    for number in range(30):
        reader(f"person{number}@customer.example")
    publish()
    assert tell() == 30
    assert mail_server.connections == 1
    assert set(states()) == {"sent"}


# --- Failures ----------------------------------------------------------------------------------


def test_a_temporary_refusal_is_tried_again_with_the_same_message_id(mail_server: MailServer) -> None:
    reader(ASHA)
    reader(BRIAN)
    publish()
    mail_server.answers[ASHA] = f"450 4.2.1 {ASHA} is busy"
    assert tell() == 1
    waiting = Delivery.objects.get(state="pending")
    assert (waiting.attempt, waiting.lease_until) == (1, None)
    assert NOON <= waiting.due_at <= after(seconds=30)
    assert "450" in waiting.last_error
    assert "asha" not in waiting.last_error
    mail_server.answers.clear()
    assert outbox.deliver_due(now=after(seconds=31), limit=10) == 1
    assert states() == ["sent", "sent"]
    assert len(mail_server.mails_to(BRIAN)) == 1


def test_a_permanent_refusal_is_dead_at_once(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    mail_server.answers[ASHA] = "550 5.1.1 No such user"
    assert tell() == 0
    dead = Delivery.objects.get()
    assert (dead.state, dead.attempt) == ("dead", 1)
    assert "No such user" in dead.last_error
    assert not outbox.has_work(now=after(hours=1))


def test_a_message_refused_for_its_content_is_dead_and_the_session_goes_on(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    mail_server.to_data = "554 5.7.1 Rejected"
    tell()
    assert states() == ["dead"]


def test_a_refused_sender_is_our_fault_and_kills_no_delivery(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    mail_server.to_sender = "550 5.7.1 Sender not allowed"
    tell()
    assert states() == ["pending"]
    mail_server.to_sender = ""
    assert outbox.deliver_due(now=after(minutes=1), limit=10) == 1


def test_a_server_that_goes_away_in_the_middle_is_connected_to_again(mail_server: MailServer) -> None:
    reader(ASHA)
    reader(BRIAN)
    publish()
    mail_server.answers[ASHA] = "421 4.3.2 Going down"
    assert tell() == 1
    assert mail_server.connections == 2
    assert states() == ["pending", "sent"]


def test_a_mail_server_that_is_down_uses_up_no_attempt(mail_server: MailServer, settings: Any, caplog: Any) -> None:
    reader(ASHA)
    publish()
    settings.EMAIL_PORT = 9  # nobody listens there
    for minute in range(20):
        assert tell(after(minutes=minute)) == 0
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.attempt, waiting.lease_until) == ("pending", 0, None)
    assert caplog.text.count("Nothing can be sent by email for now") == 1
    settings.EMAIL_PORT = mail_server.port
    assert tell(after(minutes=30)) == 1


def test_no_sender_address_is_one_clear_line(mail_server: MailServer, settings: Any, caplog: Any) -> None:
    reader(ASHA)
    publish()
    settings.MAIL_FROM = ""
    assert tell() == 0
    assert "HALI_MAIL_FROM is not set" in caplog.text
    settings.MAIL_FROM = "status@mfanopesa.example"
    assert tell(after(minutes=1)) == 1


def test_an_address_whose_key_is_gone_waits_for_the_key(mail_server: MailServer, settings: Any) -> None:
    reader(ASHA)
    publish()
    keys = settings.ADDRESS_KEYS
    settings.ADDRESS_KEYS = ["0" * 43 + "="]
    assert tell() == 0
    assert "HALI_ADDRESS_KEYS" in Delivery.objects.get().last_error
    settings.ADDRESS_KEYS = keys
    assert tell(after(minutes=1)) == 1


def test_eight_tries_and_no_more(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    mail_server.answers[ASHA] = "451 4.3.0 Try again"
    tell()
    for minute in range(30, 300, 30):
        outbox.deliver_due(now=after(minutes=minute), limit=10)
    dead = Delivery.objects.get()
    assert (dead.state, dead.attempt) == ("dead", 8)


def test_news_older_than_six_hours_is_not_sent(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    assert outbox.deliver_due(now=after(hours=6), limit=10) == 0
    assert states() == ["dead"]
    assert mail_server.messages == []


# --- Leases ------------------------------------------------------------------------------------


@pytest.mark.database
def test_whether_there_is_work_is_one_question(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert not outbox.has_work(now=NOON)


def test_a_claimed_delivery_is_nobody_elses(mail_server: MailServer) -> None:
    for number in range(5):
        reader(f"person{number}@customer.example")
    publish()
    outbox.fan_out(now=NOON)
    mine = outbox.claim_due(now=NOON, limit=3)
    others = outbox.claim_due(now=NOON, limit=10)
    assert (len(mine), len(others)) == (3, 2)
    assert not {delivery.pk for delivery in mine} & {delivery.pk for delivery in others}
    assert outbox.claim_due(now=after(minutes=4), limit=10) == []


def test_what_a_killed_sender_had_in_hand_is_sent_again_as_the_same_message(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    real_mark = outbox.record_success
    [claimed] = outbox.claim_due(now=NOON, limit=10)
    sent_by_the_dead(claimed)
    assert outbox.deliver_due(now=after(minutes=4), limit=10) == 0
    assert outbox.deliver_due(now=after(minutes=5), limit=10) == 1
    first, second = mail_server.mails_to(ASHA)
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()
    assert states() == ["sent"]
    assert real_mark([claimed], now=after(minutes=6)) == 0, "the one thought dead comes too late to mark"


def sent_by_the_dead(delivery: Claimed) -> None:
    """Send it, and end before it is marked."""
    from subscribers.transports import TRANSPORTS

    sender = TRANSPORTS["email"]()
    sender.send(Packer().parcel_for(delivery, rows.readers([delivery.subscriber_id])[delivery.subscriber_id]))
    sender.close()


def test_a_late_failure_does_not_undo_what_another_sender_sent(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    [slow] = outbox.claim_due(now=NOON, limit=10)
    assert outbox.deliver_due(now=after(minutes=5), limit=10) == 1
    outbox.record_failure(slow, TransportError("too late"), now=after(minutes=6))
    assert states() == ["sent"]


def test_a_delivery_that_kills_every_sender_is_buried() -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    for turn in range(8):
        now = after(minutes=6 * turn)
        outbox.release_stuck(now=now)
        assert len(outbox.claim_due(now=now, limit=10)) == 1
    outbox.release_stuck(now=after(minutes=54))
    assert outbox.claim_due(now=after(minutes=54), limit=10) == []
    assert states() == ["dead"]


def test_a_dead_senders_lease_is_work(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    outbox.claim_due(now=NOON, limit=10)
    assert not outbox.has_work(now=after(minutes=1))
    assert outbox.has_work(now=after(minutes=5))


def test_time_that_runs_out_gives_back_what_was_not_tried(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    assert outbox.deliver_due(now=NOON, limit=10, seconds=0) == 0
    waiting = Delivery.objects.get()
    assert (waiting.attempt, waiting.lease_until, waiting.state) == (0, None, "pending")


# --- Who has left, and late news ---------------------------------------------------------------


def test_who_leaves_between_fan_out_and_sending_hears_nothing(mail_server: MailServer) -> None:
    asha = reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    subscriptions.unsubscribe(subscriber=asha, now=NOON)
    assert outbox.deliver_due(now=after(minutes=1), limit=10) == 0
    assert mail_server.messages == []
    assert states() == ["superseded"]


def test_who_leaves_while_a_sender_has_their_mail_in_hand_hears_nothing(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    Subscriber.objects.update(state="unsubscribed")  # committed by another process just after the claim
    assert outbox.deliver_due(now=NOON, limit=10) == 0
    assert mail_server.messages == []


def test_of_two_updates_that_wait_the_newer_one_is_told(mail_server: MailServer) -> None:
    reader(ASHA)
    first = publish()
    publish(first.incident, now=after(minutes=1), status="monitoring")
    outbox.fan_out(now=after(minutes=1))
    assert outbox.deliver_due(now=after(minutes=1), limit=10) == 1
    [mail] = mail_server.mails_to(ASHA)
    assert "Watching" in text_of(mail)
    assert states() == ["sent", "superseded"]


def test_an_update_whose_successor_is_still_held_is_told(mail_server: MailServer, settings: Any) -> None:
    reader(ASHA)
    first = publish()
    settings.SEND_HOLD = timedelta(minutes=1)
    publish(first.incident, status="monitoring")
    outbox.fan_out(now=NOON)
    assert outbox.deliver_due(now=NOON, limit=10) == 1
    assert outbox.deliver_due(now=after(minutes=1), limit=10) == 1
    assert [re.search("Looking into it|Watching", text_of(mail)).group() for mail in mail_server.mails_to(ASHA)] == [  # type: ignore[union-attr]
        "Looking into it",
        "Watching",
    ]


def test_old_news_never_follows_newer_news(mail_server: MailServer) -> None:
    reader(ASHA)
    first = publish()
    mail_server.answers[ASHA] = "451 4.7.1 Later"
    tell()
    mail_server.answers.clear()
    Delivery.objects.update(due_at=after(minutes=5))
    publish(first.incident, now=after(minutes=1), status="monitoring")
    assert tell(after(minutes=1)) == 1
    assert outbox.deliver_due(now=after(minutes=6), limit=10) == 0
    assert states() == ["sent", "superseded"]


def test_what_may_be_on_its_way_is_not_cut(mail_server: MailServer) -> None:
    reader(ASHA)
    first = publish()
    outbox.fan_out(now=NOON)
    outbox.claim_due(now=NOON, limit=10)  # this sender dies
    publish(first.incident, now=after(minutes=1), status="monitoring")
    tell(after(minutes=1))
    assert outbox.deliver_due(now=after(minutes=6), limit=10) == 1
    assert states() == ["sent", "sent"]


def test_news_of_another_incident_is_no_newer_news(mail_server: MailServer) -> None:
    reader(ASHA)
    publish()
    outbox.fan_out(now=NOON)
    publish(now=after(minutes=30))
    outbox.fan_out(now=after(minutes=30))
    assert outbox.deliver_due(now=after(minutes=30), limit=10) == 2
