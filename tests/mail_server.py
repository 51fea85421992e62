"""A real SMTP server on a free loopback port that keeps what it takes, and refuses what a test tells it to."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session


class _OnAnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # it was asked for port 0
        super()._trigger_server()


class MailServer:
    """`answers` gives a recipient's reply in place of 250; `to_data` one for whole messages; `connections` counts sessions."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], bytes]] = []
        self.answers: dict[str, str] = {}
        self.to_data = ""
        self.to_sender = ""
        self.connections = 0
        self._controller = _OnAnyPort(self, hostname="127.0.0.1", port=0)

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
        return responses

    async def handle_MAIL(self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.to_sender:
            return self.to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.to_data:
            return self.to_data
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
