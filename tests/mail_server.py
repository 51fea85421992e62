"""A real SMTP server on a free loopback port that keeps what it takes, and refuses what a test tells it to."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class _DropsInData(SMTP):
    """Hangs up after it has asked for a message, as often as its handler says."""

    async def smtp_DATA(self, arg: str) -> None:
        if self.event_handler.drops_in_data > 0:
            self.event_handler.drops_in_data -= 1
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            self.transport.abort()
            return
        if self.event_handler.hangs_in_data:
            return  # and never says a word again
        await super().smtp_DATA(arg)


class _OnAnyPort(Controller):
    def factory(self) -> SMTP:
        return _DropsInData(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # it was asked for port 0
        super()._trigger_server()


class MailServer:
    """`answers` gives a recipient's reply in place of 250; `to_data` one for whole messages; `connections` counts sessions.

    `greylists`: the first try of each recipient is put off. `pipelines`: it says that it takes several commands at once.
    `drops_in_data`: so many times it hangs up in the middle of a message; `hangs_in_data`: there it falls silent. `smtp`: what
    aiosmtpd's server takes (STARTTLS, AUTH).
    """

    def __init__(self, **smtp: Any) -> None:
        self.messages: list[tuple[list[str], bytes]] = []
        self.answers: dict[str, str] = {}
        self.to_data = ""
        self.to_sender = ""
        self.connections = 0
        self.over_tls: list[bool] = []  # of each message
        self.greylists = False
        self.pipelines = False
        self.drops_in_data = 0
        self.hangs_in_data = False
        self._seen: set[str] = set()
        self._controller = _OnAnyPort(self, hostname="127.0.0.1", port=0, **smtp)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def start(self) -> None:
        self._controller.start()
        self.connections = 0  # the controller's own

    def stop(self) -> None:
        self._controller.stop(no_assert=True)

    # --- What aiosmtpd calls ---------------------------------------------------------------------

    async def handle_EHLO(
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return [responses[0], "250-PIPELINING", *responses[1:]] if self.pipelines else responses

    async def handle_MAIL(self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.to_sender:
            return self.to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.answers:
            return self.answers[address]
        if self.greylists and address not in self._seen:
            self._seen.add(address)
            return "451 4.7.1 Greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.to_data:
            return self.to_data
        self.over_tls.append(session.ssl is not None)
        self.messages.append((list(envelope.rcpt_tos), envelope.original_content))
        return "250 OK"

    # --- What tests read -------------------------------------------------------------------------

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [read(raw) for recipients, raw in self.messages if address in recipients]


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")
