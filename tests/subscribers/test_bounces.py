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

from subscribers import bounce_mailbox, bounces, links, mail_events
from subscribers.bounce_mailbox import MailboxError
from subscribers.bounce_reports import Kind, Report, is_unknown_mailbox, read
from subscribers.models import BounceReport, Delivery, Notification, Subscriber, Suppression
from tests.factories import NOON
from tests.subscribers.news import reader

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
Diagnostic-Code: smtp; 550 5.1.1 No such user

--A/b
Content-Type: {original}

List-Unsubscribe: <https://status.mfanopesa.example/u/{token}>, <mailto:unsub+{token}@mfanopesa.example>
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
Subject: [Mfano Pesa status] Payments are late
{unsubscribe}
Words.

--x--
"""


def dsn(recipient: str = ASHA, *, action: str = "failed", status: str = "5.1.1", token: str = "", headers: bool = True) -> bytes:
    original = "text/rfc822-headers" if headers else "message/rfc822"
    return DSN.format(recipient=recipient, action=action, status=status, token=token, original=original).encode()


def complaint(recipient: str = ASHA, *, type: str = "abuse", token: str = "") -> bytes:
    line = f"List-Unsubscribe: <mailto:unsub+{token}@mfanopesa.example>\n" if token else ""
    return ARF.format(recipient=recipient, type=type, unsubscribe=line).encode()


def leaving(token: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = ASHA, f"unsub+{token}@mfanopesa.example", "unsubscribe"
    mail.set_content("")
    return mail.as_bytes()


# --- Reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "report"),
    [
        (dsn(), Report(Kind.HARD, address=ASHA)),
        (dsn(token=TOKEN), Report(Kind.HARD, token=TOKEN)),
        (dsn(token=TOKEN, headers=False), Report(Kind.HARD, token=TOKEN)),
        (dsn(status="5.2.2"), Report(Kind.SOFT, address=ASHA)),
        (dsn(status="4.4.7"), Report(Kind.SOFT, address=ASHA)),
        (dsn(status="5.7.1"), Report(Kind.SOFT, address=ASHA)),
        (complaint(), Report(Kind.COMPLAINT, address=ASHA)),
        (complaint("redacted", token=TOKEN), Report(Kind.COMPLAINT, token=TOKEN)),
        (leaving(TOKEN), Report(Kind.LEAVE, token=TOKEN)),
    ],
)
def test_what_a_mail_reports(raw: bytes, report: Report) -> None:
    assert read(raw) == [report]
    assert read(raw.replace(b"\n", b"\r\n")) == [report]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
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
