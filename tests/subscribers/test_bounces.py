"""Mail that comes back: what it says, and what follows."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from anymail.signals import EventType, RejectReason
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.test import RequestFactory

from subscribers import addresses, bounce_mailbox, bounces, confirmations, links, mail_events
from subscribers.bounce_mailbox import MailboxError
from subscribers.bounce_reports import Kind, Report, is_unknown_mailbox, read
from subscribers.models import BounceReport, Delivery, Notification, Subscriber, Suppression
from tests.factories import NOON
from tests.subscribers.news import ask, reader

ASHA = "asha@customer.example"
TOKEN = "q7wbgm1dxhk2.aZ_-0123456789abcdefghijklmnopqrstuvwxyzABCDE"
# A failed delivery as Postfix reports it, cut to what matters.
DSN = """\
From: MAILER-DAEMON@relay.example
To: status@mfanopesa.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="A/b"

--A/b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--A/b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--A/b
Content-Type: {original}

{ours}
Subject: [Mfano Pesa status] Payments are late

--A/b--
"""
ARF = """\
From: <abuse@provider.example>
To: status@mfanopesa.example
Subject: FW: Payments are late
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: text/plain

This is an email abuse report.

--x
Content-Type: message/feedback-report

Feedback-Type: {type}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <{recipient}>

--x
Content-Type: message/rfc822

From: status@mfanopesa.example
{ours}
Subject: [Mfano Pesa status] Payments are late

Words.

--x--
"""


def dsn(
    recipient: str = ASHA,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 No such user",
    headers: bool = True,
    **ours: str,
) -> bytes:
    original = "text/rfc822-headers" if headers else "message/rfc822"
    filled = {"recipient": recipient, "action": action, "status": status, "diagnostic": diagnostic, "original": original}
    return DSN.format(**filled, ours=returned(**ours)).encode()


def complaint(recipient: str = ASHA, *, type: str = "abuse", **ours: str) -> bytes:
    return ARF.format(recipient=recipient, type=type, ours=returned(**ours)).encode()


def returned(*, token: str = "", key: str = "", to: str = ASHA) -> str:
    """The headers of ours in a mail that came back: of a piece of news (`token`), or of one that asks to confirm."""
    if token:
        return f"List-Unsubscribe: <https://status.mfanopesa.example/u/{token}>, <mailto:unsub+{token}@mfanopesa.example>"
    return f"To: {to}\nMessage-ID: <confirm.1764400000.1.{key}@status.mfanopesa.example>"


def leaving(token: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = ASHA, f"unsub+{token}@mfanopesa.example", "unsubscribe"
    mail.set_content("")
    return mail.as_bytes()


# --- Reading -------------------------------------------------------------------------------------


KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("raw", "report"),
    [
        (dsn(token=TOKEN), Report(Kind.HARD, token=TOKEN)),
        (dsn(token=TOKEN, headers=False), Report(Kind.HARD, token=TOKEN)),
        (dsn(key=KEY), Report(Kind.HARD, address=ASHA, key=KEY)),
        (dsn("asha@elsewhere.example", key=KEY), Report(Kind.HARD, address=ASHA, key=KEY)),
        (dsn(key=KEY, to="redacted"), Report(Kind.HARD, address=ASHA, key=KEY)),
        (dsn(key=KEY, status="5.2.2"), Report(Kind.SOFT, address=ASHA, key=KEY)),
        (dsn(token=TOKEN, status="4.4.7"), Report(Kind.SOFT, token=TOKEN)),
        (dsn(token=TOKEN, status="5.7.1"), Report(Kind.SOFT, token=TOKEN)),
        (complaint(key=KEY), Report(Kind.COMPLAINT, address=ASHA, key=KEY)),
        (complaint("redacted", token=TOKEN), Report(Kind.COMPLAINT, token=TOKEN)),
        (leaving(TOKEN), Report(Kind.LEAVE, token=TOKEN)),
    ],
)
def test_what_a_mail_reports(raw: bytes, report: Report) -> None:
    assert read(raw) == [report]
    assert read(raw.replace(b"\n", b"\r\n")) == [report]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("smtp; 550 5.1.1 <asha@customer.example> User unknown", Kind.HARD),
        ("smtp; 550-5.1.1 The email account does not exist.\n 550 5.1.1 Look at", Kind.HARD),
        ("smtp; 550 No such user here", Kind.HARD),
        ("smtp; 550 5.7.1 Blocked by policy", Kind.SOFT),
        ("smtp; 554 Refused", Kind.SOFT),
        ("smtp; 452 4.2.2 Over quota", Kind.SOFT),
        ("X-Something; 192.0.2.250 gone", Kind.SOFT),
    ],
)
def test_where_the_status_says_nothing_the_other_servers_answer_is_read(said: str, kind: Kind) -> None:
    """Exim writes 5.0.0 in each failure."""
    assert [report.kind for report in read(dsn(token=TOKEN, status="5.0.0", diagnostic=said))] == [kind]
    assert [report.kind for report in read(dsn(token=TOKEN, status="5.7.1", diagnostic=said))] == [Kind.SOFT]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        dsn(),
        complaint(),
        b"\xff\xfe\x00 no mail at all",
        dsn(action="delayed"),
        complaint(type="not-spam"),
        b"To: status@mfanopesa.example\nSubject: I am on holiday\nAuto-Submitted: auto-replied\n\nBack on Monday.",
        b"Content-Type: multipart/report; report-type=delivery-status\n\nno parts",
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n--x\nContent-Type: message/feedback-report",
        b"To: unsub+short@mfanopesa.example\n\n",
    ],
)
def test_whatever_else_comes_asks_for_nothing(raw: bytes) -> None:
    assert read(raw) == []


def test_one_mail_that_came_back_counts_once_however_many_it_was_forwarded_to() -> None:
    raw = dsn(token=TOKEN)
    block = (
        b"\nFinal-Recipient: rfc822; other@elsewhere.example\nAction: failed\nStatus: 5.1.1\n\n--A/b\nContent-Type: text/rfc822"
    )
    forwarded = raw.replace(b"\n--A/b\nContent-Type: text/rfc822", block)
    assert forwarded != raw
    assert read(forwarded) == [Report(Kind.HARD, token=TOKEN)]


@pytest.mark.parametrize(
    ("code", "words", "unknown"),
    [
        (550, "5.1.1 No such user", True),
        (550, "5.7.1 Blocked by policy", False),
        (552, "5.2.2 Over quota", False),
        (550, "5.2.1 Disabled", True),
        (550, "No such user here", True),
        (554, "Transaction failed", False),
        (553, "5.1.3 Bad address", True),
    ],
)
def test_which_refusals_say_that_there_is_no_mailbox(code: int, words: str, unknown: bool) -> None:
    assert is_unknown_mailbox(code, words) is unknown


# --- What follows --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_hard_bounce_twice_suspends_and_the_same_report_counts_once() -> None:
    reader(ASHA)
    hard = Report(Kind.HARD, address=ASHA)
    assert bounces.apply(hard, key="one", now=NOON)
    assert not bounces.apply(hard, key="one", now=NOON)
    assert not Suppression.objects.exists()
    assert bounces.apply(hard, key="two", now=NOON)
    assert Subscriber.objects.get().state == "suspended"
    assert Suppression.objects.get().reason == "bounced"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("taken_after", "state"),
    [
        pytest.param(timedelta(days=1), "active", id="a mail that stayed begins the count anew"),
        pytest.param(timedelta(days=19), "suspended", id="one that may still come back says nothing"),
    ],
)
def test_two_hard_bounces_count_when_no_mail_stayed_between_them(taken_after: timedelta, state: str) -> None:
    """They are 20 days apart."""
    asha, hard = reader(ASHA), Report(Kind.HARD, address=ASHA)
    bounces.apply(hard, key="one", now=NOON)
    notification = Notification.objects.create(record_seq=1, kind="review", thread="t", created_at=NOON, send_at=NOON)
    Delivery.objects.create(
        notification=notification,
        subscriber=asha,
        channel="email",
        state="sent",
        sent_at=NOON + taken_after,
        due_at=NOON,
        wanted_at=NOON,
    )
    bounces.apply(hard, key="two", now=NOON + timedelta(days=20))
    assert Subscriber.objects.get().state == state
    bounces.apply(hard, key="three", now=NOON + timedelta(days=21))
    assert Subscriber.objects.get().state == "suspended"


@pytest.mark.django_db
def test_a_complaint_suspends_at_once_a_soft_bounce_never_and_who_leaves_is_gone() -> None:
    reader(ASHA)
    leaver = reader("brian@customer.example")
    for number in range(5):
        bounces.apply(Report(Kind.SOFT, address=ASHA), key=f"soft{number}", now=NOON)
    assert Subscriber.objects.filter(state="active").count() == 2
    bounces.apply(Report(Kind.COMPLAINT, address=ASHA), key="c", now=NOON)
    bounces.apply(Report(Kind.LEAVE, token=links.token_for(leaver, links.UNSUBSCRIBE)), key="l", now=NOON)
    assert sorted(Subscriber.objects.values_list("state", flat=True)) == ["suspended", "unsubscribed"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "report", [Report(Kind.HARD, address="nobody@x.example"), Report(Kind.HARD, address="<>"), Report(Kind.LEAVE, token=TOKEN)]
)
def test_a_report_about_a_stranger_changes_nothing(report: Report) -> None:
    assert not bounces.apply(report, key="k", now=NOON)
    assert not BounceReport.objects.exists()


# --- The mailbox ---------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path, settings: Any) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "back" / name).mkdir(parents=True)
    settings.BOUNCE_MAILBOX = f"maildir://{tmp_path / 'back'}"
    return tmp_path / "back"


@pytest.mark.django_db
def test_a_mailbox_is_read_once_and_its_mails_are_kept(maildir: Path) -> None:
    asha = reader(ASHA)
    (maildir / "new" / "1.mail").write_bytes(leaving(links.token_for(asha, links.UNSUBSCRIBE)))
    (maildir / "new" / "2.mail").write_bytes(b"Subject: holiday\n\nBack on Monday.")
    assert bounce_mailbox.read_mailbox(now=NOON) == 1
    assert bounce_mailbox.read_mailbox(now=NOON) == 0
    assert Subscriber.objects.get().state == "unsubscribed"
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.mail:2,S", "2.mail:2,S"]


@pytest.mark.django_db
def test_nobody_else_silences_a_subscriber_by_a_mail_that_names_them(maildir: Path) -> None:
    """Anybody may write to the address our mails come from; only mails of ours end with what we make of their recipient."""
    brian = addresses.recipient_key(reader("brian@customer.example").address_hash)
    reader(ASHA)
    forged = [dsn(), dsn(status="5.1.2"), complaint(), dsn(key=KEY), dsn(key=KEY, status="5.1.2"), complaint(key=brian)]
    for number, raw in enumerate(forged):
        (maildir / "new" / f"{number}.mail").write_bytes(raw)
    assert bounce_mailbox.read_mailbox(now=NOON) == 0
    assert set(Subscriber.objects.values_list("state", flat=True)) == {"active"}
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_a_mail_that_asks_somebody_to_confirm_and_comes_back_counts(maildir: Path) -> None:
    asha = ask(ASHA)
    sent_as = confirmations.parcel_for(asha).message_id
    raw = complaint().replace(b"Message-ID: <confirm.1764400000.1.@", f"Message-ID: <{sent_as}@".encode())
    (maildir / "new" / "1.mail").write_bytes(raw)
    assert bounce_mailbox.read_mailbox(now=NOON) == 1
    assert Suppression.objects.get().reason == "complained"


@pytest.mark.django_db
def test_a_mailbox_that_is_none_is_one_clear_line(settings: Any, tmp_path: Path) -> None:
    settings.BOUNCE_MAILBOX = f"maildir://{tmp_path}"
    with pytest.raises(MailboxError, match="no folder named new"):
        bounce_mailbox.read_mailbox(now=NOON)
    settings.BOUNCE_MAILBOX = "imaps://user:secret@127.0.0.1:9/INBOX"
    with pytest.raises(MailboxError, match="look at HALI_BOUNCE_MAILBOX") as told:
        bounce_mailbox.read_mailbox(now=NOON)
    assert "secret" not in str(told.value)


# --- A provider's webhooks -----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_providers_own_webhook_suspends_who_complained(settings: Any) -> None:
    """Postmark's body, through anymail's own view, signature of the address included."""
    from anymail.signals import tracking

    settings.ANYMAIL = {"WEBHOOK_SECRET": "hooks:a password of sixteen"}
    reader(ASHA)
    body = {"RecordType": "SpamComplaint", "ID": 42, "Type": "SpamComplaint", "TypeCode": 100001, "MessageID": "m", "Email": ASHA}
    wanted = base64.b64encode(b"hooks:a password of sixteen").decode()
    tracking.connect(mail_events.take)
    try:
        answers = [
            PostmarkTrackingWebhookView.as_view()(
                RequestFactory().post(
                    "/anymail/postmark/tracking/",
                    data=json.dumps(body),
                    content_type="application/json",
                    headers={"Authorization": f"Basic {secret}"},
                )
            ).status_code
            for secret in (wanted, wanted)
        ]
    finally:
        tracking.disconnect(mail_events.take)
    assert answers == [200, 200]
    assert Subscriber.objects.get().state == "suspended"
    assert BounceReport.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("event", "reason", "state"),
    [
        (EventType.BOUNCED, RejectReason.BOUNCED, "suspended"),
        (EventType.BOUNCED, RejectReason.INVALID, "suspended"),
        (EventType.BOUNCED, RejectReason.OTHER, "active"),
        (EventType.DEFERRED, None, "active"),
        (EventType.DELIVERED, None, "active"),
        (EventType.UNSUBSCRIBED, None, "unsubscribed"),
    ],
)
def test_events_of_providers_map_to_ours(event: str, reason: str | None, state: str) -> None:
    reader(ASHA)
    for number in range(2):
        told = SimpleNamespace(event_type=event, reject_reason=reason, recipient=ASHA, event_id=f"e{number}", message_id="m")
        mail_events.take(None, told, "postmark")
    assert Subscriber.objects.get().state == state
