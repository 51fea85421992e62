"""Mail of every kind in both languages: who hears of it, and what two parsers that know nothing of each other read."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import fast_mail_parser
import pytest
from django.db import connection, transaction
from icalendar import Calendar

from incidents import withdrawing
from incidents.languages import in_all
from incidents.models import Component, Incident, Rebuttal, Statement, Withdrawal
from incidents.models.publishable import Document
from statuspage import ical, page, page_lately, publishing, retention
from subscribers import addresses, audience, fanning, gsm, items, outbox, pace_rules, telling
from subscribers.models import Delivery, Notification, Rhythm, Subscriber
from subscribers.transports.sms import SmsSender
from tests.factories import NOON, UserFactory
from tests.incidents import plans
from tests.incidents.test_every_document import MAKE, incident  # noqa: F401  (a fixture)
from tests.mail_server import MailServer, text_of
from tests.subscribers.news import publish, reader, tell

pytestmark = pytest.mark.django_db
ASHA, BRIAN = "asha@customer.example", "brian@customer.example"
NIGHT = (time(22), time(6))
# What each kind's mail must say, in both languages.
HEADLINES = {
    "correction": ("Corrected", "Imesahihishwa"),
    "redress": ("If you paid twice, or your money is late", "Ikiwa umelipa mara mbili, au pesa zako zimechelewa"),
    "review": ("Review", "Tathmini"),
    "maintenance_update": ("Planned work: Scheduled", "Matengenezo yaliyopangwa: Imepangwa"),
    "announcement": None,  # its own title
    "rebuttal": None,  # the fact itself
}


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the page here: writing it anew for each word would take most of the time."""
    monkeypatch.setattr(publishing, "_show", lambda now: None)


def both_readers() -> None:
    for address, language in ((ASHA, "sw"), (BRIAN, "en")):
        found = reader(address, language)
        Subscriber.objects.filter(pk=found.pk).update(rebuttals=True)


def tell_just(document: Document) -> None:
    """Send this one, whatever the rule of its kind says."""
    assert document.published_at
    assert document.record_seq
    if isinstance(document, Withdrawal) and document.statement:  # its readers are those of what it takes back
        read = Notification.objects.get(record_seq=document.statement.record_seq or 0)
        moments = dict.fromkeys(("due_at", "wanted_at", "sent_at"), NOON)
        Delivery.objects.bulk_create(
            Delivery(notification=read, subscriber=one, channel="email", state="sent", **moments)
            for one in Subscriber.objects.all()
        )
    Notification.objects.exclude(record_seq=document.record_seq).update(expanded_at=NOON)
    Notification.objects.filter(record_seq=document.record_seq).update(expanded_at=None)
    tell(document.published_at + timedelta(minutes=2))


def test_mails_of_every_kind_read_the_same_to_two_parsers(
    incident: Incident,  # noqa: F811
    mail_server: MailServer,
    settings: Any,
) -> None:
    settings.BASE_URL = "https://status.mfanopesa.example"
    both_readers()
    for kind in MAKE:
        mail_server.messages.clear()
        document = MAKE[kind](incident)
        tell_just(document)
        for address, language in ((ASHA, "sw"), (BRIAN, "en")):
            [mail] = mail_server.mails_to(address)
            [raw] = [raw for recipients, raw in mail_server.messages if address in recipients]
            said = telling.tell(items.item_of(document), language)
            read_with_the_standard_library(mail, said)
            read_independently(raw, mail)
            tag = {"sw": "Hali ya Mfano Pesa", "en": "Mfano Pesa status"}[language]
            assert f"[{tag}] {said.subject}" == mail["Subject"]
            assert max(len(line) for line in raw.split(b"\r\n")) < 998
        read_in_both_languages(kind, items.item_of(document))
        read_as_one_text(items.item_of(document))


def read_in_both_languages(kind: str, item: items.Item) -> None:
    """No heading and no address is the same in both."""
    english, swahili = telling.tell(item, "en"), telling.tell(item, "sw")
    if headline := HEADLINES.get(kind):
        assert (english.headline, swahili.headline) == headline
    headings = [{section.heading for section in told.sections if section.heading} for told in (english, swahili)]
    assert headings[0].isdisjoint(headings[1])
    assert english.url != swahili.url


def read_as_one_text(item: items.Item) -> None:
    """Each kind by SMS, in one part of letters that every phone shows, and in no language but its own."""
    english, swahili = (SmsSender.render(item, language).text for language in ("en", "sw"))
    for said in (english, swahili):
        assert gsm.is_plain(said)
        assert gsm.length(said) <= 160
    assert english != swahili


def read_with_the_standard_library(mail: EmailMessage, said: telling.Telling) -> None:
    assert not mail.defects
    for text in (text_of(mail), text_of(mail, "html")):
        assert "@@" not in text
        assert said.url in text
    for part in (said.headline, *(line for section in said.sections for line in section.text.splitlines())):
        assert part in text_of(mail)
    for name in ("Message-ID", "In-Reply-To", "References", "List-Id", "List-Unsubscribe", "Feedback-ID"):
        assert mail[name], name
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"


def read_independently(raw: bytes, mail: EmailMessage) -> None:
    parsed = fast_mail_parser.parse_email(raw)
    assert parsed.subject == mail["Subject"]
    assert parsed.headers["Message-ID"] == [str(mail["Message-ID"])]
    assert [text.replace("\r\n", "\n").strip() for text in parsed.text_plain] == [text_of(mail).strip()]
    assert [text.replace("\r\n", "\n").strip() for text in parsed.text_html] == [text_of(mail, "html").strip()]


def page_calendar() -> bytes:
    said = page_lately.build_lately(page.build_now(plans.at(1.1)))
    return ical.calendar(said.identity, said.maintenances, said.components, language="en", prefix="", path="/maintenance.ics")


def test_planned_work_carries_a_calendar_that_a_new_date_replaces(mail_server: MailServer) -> None:
    both_readers()
    publish()  # makes a service
    work = plans.announced({Component.objects.get(): "delayed"}, start=24, end=26, now=1)
    tell(plans.at(1.1))
    [announced] = [mail for mail in mail_server.mails_to(BRIAN) if "New database" in str(mail["Subject"])]
    [part] = [part for part in announced.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") == "PUBLISH"
    [event] = Calendar.from_ical(str(part.get_content())).walk("VEVENT")
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == (f"{work.public_id}@127.0.0.1", 0, "CONFIRMED")
    assert event.decoded("DTSTART") == NOON + timedelta(hours=24)
    assert not event.errors
    [pages_own] = Calendar.from_ical(page_calendar()).walk("VEVENT")
    differ = {name for name in {*event, *pages_own} if event.get(name) != pages_own.get(name)}
    assert differ == set(), "one entry, from wherever it came"
    assert {"ORGANIZER", "X-MAINTNOTE-OBJECT-ID", "X-MAINTNOTE-IMPACT", "X-MAINTNOTE-STATUS"} <= set(event)


# --- Who hears -----------------------------------------------------------------------------------


def test_each_kind_is_told_by_its_own_rule(incident: Incident) -> None:  # noqa: F811
    asked, other = reader(ASHA), reader(BRIAN)
    Subscriber.objects.filter(pk=asked.pk).update(rebuttals=True)
    statements = Notification.objects.filter(kind="statement")
    assert statements.count() == 2, "we are checking; do not pay twice"
    assert not statements.filter(expanded_at=None).exists(), "they stand in the update already"

    rebuttal = MAKE["rebuttal"](incident)
    assert isinstance(rebuttal, Rebuttal)
    assert list(audience.recipients(items.item_of(rebuttal))) == [asked]
    taken_back = withdrawing.draft(of=rebuttal, note={"en": "Wrong.", "sw": "Si sahihi."}, author=UserFactory(), now=NOON)
    assert audience.is_told(taken_back)
    assert not audience.is_told(MAKE["withdrawal"](incident)), "of advice, which nobody was mailed"

    announcement = MAKE["announcement"](incident)
    assert set(audience.recipients(items.item_of(announcement))) == {asked, other}
    assert audience.is_told(announcement) == announcement.deliver_notifications  # type: ignore[attr-defined]

    item = items.item_of(MAKE["correction"](incident))
    assert (item.kind, item.thread, item.impact) == ("correction", incident.public_id, "major")
    assert item.path.startswith(f"/incidents/{incident.public_id}#u-")
    assert item.components == frozenset(Component.objects.values_list("pk", flat=True))


def told_half_and_stopped() -> Statement:
    """A statement that Asha read before it was stopped, and Brian did not."""
    for address in (ASHA, BRIAN):
        reader(address)
    words = publish()
    Notification.objects.update(expanded_at=NOON)
    said = Statement.objects.create(
        incident=words.incident, level="1", body=in_all({"en": "No sign of it.", "sw": "Hakuna dalili."}), as_of=NOON,
        publication="published", record_seq=99, published_at=NOON,
    )  # fmt: skip
    notification = outbox.enqueue(record_seq=99, kind="statement", now=NOON)
    outbox.fan_out(now=NOON)
    assert outbox.deliver_due(now=NOON, limit=1) == 1
    outbox.stop_sending(notification=notification, actor=UserFactory(), reason="It is not so.", now=NOON)
    outbox.deliver_due(now=NOON, limit=9)
    return said


def test_who_read_a_statement_that_was_stopped_hears_that_it_was_taken_back_and_nobody_else(mail_server: MailServer) -> None:
    said = told_half_and_stopped()
    [read] = [address for address in (ASHA, BRIAN) if mail_server.mails_to(address)]
    back = withdrawing.draft(of=said, note={"en": "Wrong.", "sw": "Si sahihi."}, author=UserFactory(), now=NOON)
    assert audience.is_told(back)
    back.record_seq, back.published_at = 100, NOON
    assert list(audience.recipients(items.item_of(back))) == [Subscriber.objects.get(address_hash=addresses.hash_of(read))]


def test_a_statement_that_was_stopped_before_anybody_read_it_is_taken_back_in_silence(mail_server: MailServer) -> None:
    said = told_half_and_stopped()
    Delivery.objects.update(state="cancelled")
    back = withdrawing.draft(of=said, note={"en": "Wrong.", "sw": "Si sahihi."}, author=UserFactory(), now=NOON)
    assert not audience.is_told(back)


def taken_back_at_once() -> tuple[Notification, Notification]:
    """A statement and its withdrawal, both waiting to be listed for Asha and Brian."""
    for address in (ASHA, BRIAN):
        reader(address)
    words = publish()
    Notification.objects.update(expanded_at=NOON)
    said = Statement.objects.create(
        incident=words.incident, level="1", body=in_all({"en": "No sign of it.", "sw": "Hakuna dalili."}), as_of=NOON,
        publication="published", record_seq=99, published_at=NOON,
    )  # fmt: skip
    statement = outbox.enqueue(record_seq=99, kind="statement", now=NOON)
    back = withdrawing.draft(of=said, note={"en": "Wrong.", "sw": "Si sahihi."}, author=UserFactory(), now=NOON)
    Withdrawal.objects.filter(pk=back.pk).update(record_seq=100, published_at=NOON, publication="published")
    return statement, outbox.enqueue(record_seq=100, kind="withdrawal", now=NOON)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="two workers at once, each with a connection")
def test_a_withdrawal_waits_while_another_worker_lists_what_it_takes_back() -> None:
    statement, back = taken_back_at_once()

    def holding(held: threading.Event, go_on: threading.Event) -> None:
        with transaction.atomic():
            Notification.objects.select_for_update().get(pk=statement.pk)
            held.set()
            go_on.wait(30)
        connection.close()

    held, go_on = threading.Event(), threading.Event()
    other = threading.Thread(target=holding, args=(held, go_on))
    other.start()
    try:
        assert held.wait(30)
        assert outbox.fan_out(now=NOON) == 0
        back.refresh_from_db()
        assert back.expanded_at is None
    finally:
        go_on.set()
        other.join()
    assert outbox.fan_out(now=NOON) == 4, "both hear both"


def test_a_withdrawal_is_listed_when_all_chunks_of_what_it_takes_back_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanning, "CHUNK", 1)
    statement, _ = taken_back_at_once()
    Notification.objects.filter(pk=statement.pk).update(id=2**40)  # it would be looked at last
    outbox.fan_out(now=NOON)
    listed = Delivery.objects.order_by("pk").values_list("notification__kind", flat=True)
    assert list(listed) == ["statement", "statement", "withdrawal", "withdrawal"]


def test_what_was_told_so_long_ago_that_its_deliveries_are_pruned_is_taken_back_to_its_followers(
    mail_server: MailServer, settings: Any
) -> None:
    statement, _ = taken_back_at_once()
    Notification.objects.filter(record_seq=100).delete()
    assert tell() == 2
    reader("later@customer.example", now=NOON + timedelta(days=1))
    later = NOON + timedelta(days=settings.KEEP_WORK_DAYS + 1)
    assert retention.prune(now=later)
    assert not statement.deliveries.exists()
    back = Withdrawal.objects.get()
    assert audience.is_told(back)
    assert {one.address_hash for one in audience.recipients(items.item_of(back))} == {
        addresses.hash_of(address) for address in (ASHA, BRIAN)
    }


# --- When ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "until"),
    [("21:59", "21:59"), ("22:00", "06:00"), ("23:30", "06:00"), ("00:00", "06:00"), ("05:59", "06:00"), ("06:00", "06:00")],
)
def test_a_night_over_midnight(clock: str, until: str) -> None:
    zone = ZoneInfo("Africa/Nairobi")
    now = datetime.combine(NOON.date(), time.fromisoformat(clock), tzinfo=zone)
    end = audience.end_of_quiet(now, *NIGHT, zone=zone)
    assert f"{end.astimezone(zone):%H:%M}" == until
    assert timedelta() <= end - now <= timedelta(hours=8)


def test_little_news_waits_for_the_morning_and_grave_news_does_not(settings: Any, mail_server: MailServer) -> None:
    settings.QUIET_HOURS, settings.PAGE_TIME_ZONE = NIGHT, "Etc/UTC"
    reader(ASHA)
    night = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
    publish(state="degraded_performance", now=night)
    publish(state="major_outage", now=night)
    assert tell(night) == 1
    [waiting] = Delivery.objects.filter(state="pending")
    assert waiting.due_at == datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    assert outbox.deliver_due(now=waiting.due_at, limit=10) == 1, "eight hours in bed are not eight hours of failing"


def test_a_digest_brings_the_days_news_in_one_mail(settings: Any, mail_server: MailServer) -> None:
    settings.DIGEST_AT, settings.PAGE_TIME_ZONE = time(18), "Etc/UTC"
    daily = reader(ASHA)
    Subscriber.objects.filter(pk=daily.pk).update(rhythm=Rhythm.DIGEST)
    publish(body=in_all({"en": "First trouble.", "sw": "Tatizo la kwanza."}))
    publish(now=NOON + timedelta(hours=1), body=in_all({"en": "Second trouble.", "sw": "Tatizo la pili."}))
    assert tell(NOON + timedelta(hours=2)) == 0
    assert outbox.deliver_due(now=datetime(2026, 11, 24, 18, 0, tzinfo=UTC), limit=10) == 2
    [mail] = mail_server.mails_to(ASHA)
    assert mail["Subject"] == "[Mfano Pesa status] 2 pieces of news"
    assert text_of(mail).index("First trouble.") < text_of(mail).index("Second trouble.")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_each_reader_gets_one_digest_however_few_are_claimed_at_once(settings: Any, mail_server: MailServer) -> None:
    settings.DIGEST_AT, settings.PAGE_TIME_ZONE = time(18), "Etc/UTC"
    readers = [f"reader{number}@customer.example" for number in range(5)]
    for address in readers:
        reader(address)
    Subscriber.objects.update(rhythm=Rhythm.DIGEST)
    for hour, trouble in enumerate(("First", "Second", "Third")):
        publish(now=NOON + timedelta(hours=hour), body=in_all({"en": f"{trouble} trouble.", "sw": "Tatizo."}))
    outbox.fan_out(now=NOON + timedelta(hours=3))
    at = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
    while outbox.deliver_due(now=at, limit=2):  # so a claim takes two rows at first sight
        pass
    assert {address: len(mail_server.mails_to(address)) for address in readers} == dict.fromkeys(readers, 1)
    assert all("3 pieces of news" in str(mail_server.mails_to(address)[0]["Subject"]) for address in readers)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["gmail.com", "gmail.com=0", "=5", "GMAIL=5", "a=b"])
def test_a_rate_that_cannot_be_is_one_clear_line(text: str) -> None:
    with pytest.raises(ValueError, match="HALI_SEND_RATES"):
        pace_rules.parse_rates(text)


def test_rates_hours_and_clocks_are_read() -> None:
    assert pace_rules.parse_rates(" email=6000, gmail.com=600 ") == {"email": 6000.0, "gmail.com": 600.0}
    assert pace_rules.parse_hours("22:00-06:00") == NIGHT
    assert pace_rules.parse_hours("") is None
    with pytest.raises(ValueError, match="HALI_QUIET_HOURS"):
        pace_rules.parse_hours("22-6")
    with pytest.raises(ValueError, match="HALI_DIGEST_AT"):
        pace_rules.parse_clock("25:00")
