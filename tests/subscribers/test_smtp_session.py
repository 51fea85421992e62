"""Mail servers as they are: over TLS with a password, putting off, refusing, hanging up in the middle."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from subscribers import outbox
from subscribers.models import ChannelTrouble, Delivery, Pace, Subscriber, Suppression
from tests.factories import NOON
from tests.mail_server import MailServer
from tests.subscribers.news import publish, reader, tell

pytestmark = pytest.mark.django_db
ASHA, BRIAN = "asha@customer.example", "brian@customer.example"
CHAO = "chao@elsewhere.example"


def after(**span: float) -> dt.datetime:
    return NOON + dt.timedelta(**span)


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


# --- TLS and a password --------------------------------------------------------------------------


def _is_ours(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"hali", b"correct horse")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def relay(certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A relay that takes nothing without STARTTLS and a password, and Django pointed at it as EMAIL_URL would."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    server = MailServer(tls_context=context, require_starttls=True, auth_required=True, authenticator=_is_ours)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 20
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = True, "hali", "correct horse"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate.pem"))
    yield server
    server.stop()


def test_mail_goes_out_over_tls_with_a_password(relay: MailServer) -> None:
    reader(ASHA)
    publish()
    assert tell() == 1
    assert relay.over_tls == [True]


def test_a_wrong_password_is_one_clear_line_and_no_mail_is_lost(relay: MailServer, settings: Any) -> None:
    settings.EMAIL_HOST_PASSWORD = "wrong"
    reader(ASHA)
    publish()
    assert tell() == 0
    assert "refuses our user or password: look at EMAIL_URL" in ChannelTrouble.objects.get().words
    settings.EMAIL_HOST_PASSWORD = "correct horse"
    assert outbox.deliver_due(now=after(minutes=1), limit=10) == 1


def test_a_relay_whose_certificate_nobody_vouches_for_gets_nothing(relay: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    reader(ASHA)
    publish()
    assert tell() == 0
    assert "CERTIFICATE_VERIFY_FAILED" in ChannelTrouble.objects.get().words
    assert relay.messages == []


# --- Answers -------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["a command at a time", "pipelined"])
def server(request: pytest.FixtureRequest, mail_server: MailServer) -> MailServer:
    mail_server.pipelines = request.param
    return mail_server


def test_a_refused_reader_leaves_the_session_to_the_next_one(server: MailServer) -> None:
    reader(ASHA)
    reader(BRIAN)
    publish()
    server.answers[ASHA] = "554 5.7.1 Not here"
    assert tell() == 1
    assert states() == ["dead", "sent"]
    assert server.connections == 1
    assert len(server.mails_to(BRIAN)) == 1


def test_who_hangs_up_in_the_middle_of_a_mail_is_called_again(server: MailServer) -> None:
    server.drops_in_data = 1
    reader(ASHA)
    reader(BRIAN)
    publish()
    assert tell() == 1
    waiting = Delivery.objects.get(state="pending")
    assert (waiting.attempt, waiting.lease_until) == (1, None)
    assert outbox.deliver_due(now=after(minutes=1), limit=10) == 1
    assert states() == ["sent", "sent"]
    assert len(server.messages) == 2


def test_a_domain_whose_server_hangs_in_the_middle_of_a_mail_rests(server: MailServer, settings: Any) -> None:
    settings.EMAIL_TIMEOUT, server.hangs_in_data = 0.3, True
    reader(ASHA)
    reader(BRIAN)
    publish()
    assert tell() == 0
    assert Pace.objects.get(domain="customer.example").failures == 1
    tried, untried = Delivery.objects.order_by("-attempt")
    assert (tried.attempt, tried.last_error) == (1, "The mail server did not answer in time.")
    assert (untried.attempt, untried.lease_until) == (0, None), "each would have hung as long again"


def test_a_line_that_is_a_dot_ends_no_mail(server: MailServer) -> None:
    reader(ASHA)
    publish(body={"en": "One.\n.\n..two\nRCPT TO:<evil@customer.example>", "sw": "Moja."})
    tell()
    [mail] = server.mails_to(ASHA)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "One.\n.\n..two\nRCPT TO:<evil@customer.example>" in str(body.get_content()).replace("\r\n", "\n")


def test_a_greylisting_domain_rests_and_is_told_later(mail_server: MailServer) -> None:
    for address in (ASHA, BRIAN, CHAO):
        reader(address)
    publish()
    mail_server.greylists = True
    assert tell() == 0
    pace = Pace.objects.get(domain="customer.example")
    assert pace.quiet_until is not None
    assert pace.factor == 0.5
    assert not outbox.has_work(now=after(seconds=20)), "nobody is woken for them meanwhile"
    for minute in (2, 4, 8):
        outbox.deliver_due(now=after(minutes=minute), limit=10)
    assert states() == ["sent"] * 3
    assert len(mail_server.messages) == 3


def test_a_hard_bounce_twice_suspends_and_a_full_mailbox_does_not(mail_server: MailServer) -> None:
    reader(ASHA)
    reader(BRIAN)
    mail_server.answers = {ASHA: "550 5.1.1 No such user", BRIAN: "552 5.2.2 Mailbox full"}
    publish()
    tell()
    assert not Suppression.objects.exists(), "once may be a mistake"
    publish(now=after(hours=1))
    tell(after(hours=1))
    assert Suppression.objects.get().reason == "bounced"
    assert dict(Subscriber.objects.values_list("state", "hard_bounces")) == {"suspended": 2, "active": 0}
    publish(now=after(hours=2))
    assert outbox.fan_out(now=after(hours=2)) == 1
