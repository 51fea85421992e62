"""Mail over Django's configured connection: built once per text, each recipient's own parts filled in as bytes.

Building a message for each recipient costs ten times the sending of it.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
from collections.abc import Sequence
from email import message, policy
from email.quoprimime import body_encode
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.text import slugify

from subscribers import links
from subscribers.rendering import CONFIRM_MARK, MANAGE_MARK, UNSUBSCRIBE_MARK, Rendered
from subscribers.transports.base import Parcel, Sender, TransportError, TransportUnreachable
from subscribers.transports.eml_folder import MailFolderError

EOL = "\r\n"
_MARKS = re.compile("(" + "|".join(map(re.escape, (UNSUBSCRIBE_MARK, MANAGE_MARK, CONFIRM_MARK))) + ")")
_SMTP = policy.SMTP.clone(max_line_length=76)


class EmailSender(Sender):
    """Keeps one connection while a batch goes through it, and one built message per rendered text."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._built: dict[Rendered, Skeleton] = {}

    def open(self) -> None:
        if not settings.MAIL_FROM:
            raise TransportUnreachable("HALI_MAIL_FROM is not set: give the address mails come from.")
        if self._connection is None:
            self._connection = get_connection(fail_silently=False)
        try:
            self._connection.open()
        except smtplib.SMTPAuthenticationError as error:
            raise TransportUnreachable(
                f"The mail server refuses our user or password: look at EMAIL_URL ({error.smtp_code})."
            ) from error
        except MailFolderError as error:
            raise TransportUnreachable(str(error)) from error
        except OSError as error:  # SMTPException is one
            raise TransportUnreachable(f"The mail server does not take mail: {error}") from error

    def send(self, parcel: Parcel) -> str:
        self.open()  # again, where the server had closed it
        skeleton = self._built.get(parcel.rendered)
        if skeleton is None:
            skeleton = self._built[parcel.rendered] = Skeleton(parcel.rendered)
        mail = _Ready(_sender_address(), parcel.address, skeleton.filled(parcel))
        try:
            self._connection.send_messages([mail])
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            raise TransportError("The mail server closed the connection.") from error
        except smtplib.SMTPException as error:
            raise self._explained(error, parcel.address) from error
        except MailFolderError as error:
            raise TransportUnreachable(str(error)) from error
        except OSError as error:
            self._drop()
            raise TransportError(f"The connection to the mail server broke: {error}") from error
        return ""

    def close(self) -> None:
        if self._connection is not None:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        try:
            connection.close()
        except (smtplib.SMTPException, OSError):
            return  # it was broken already

    def _explained(self, error: smtplib.SMTPException, address: str) -> TransportError:
        """What the server said, without the address, and whether it will say so again."""
        code, said = _answer_of(error)
        if code == 421:  # it is going away
            self._drop()
        words = f"{code} {said}".replace(address, "<address>")
        if isinstance(error, smtplib.SMTPSenderRefused):
            return TransportError(f"The mail server refuses our sender: {words}")  # our fault, not the recipient's
        return TransportError(words, permanent=500 <= code < 600)


def _answer_of(error: smtplib.SMTPException) -> tuple[int, str]:
    code: int
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return 0, str(error)
    return code, said.decode(errors="replace") if isinstance(said, bytes) else str(said)


class _Ready(EmailMessage):
    """A finished message in the shape Django's connections take."""

    def __init__(self, sender: str, recipient: str, raw: bytes) -> None:
        super().__init__(from_email=sender, to=[recipient])
        self._raw = raw

    def message(self, *, policy: Any = None) -> Any:
        return _Raw(self._raw)


class _Raw:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def as_bytes(self, unixfrom: bool = False, linesep: str = "\n") -> bytes:
        return self._raw if linesep == EOL else self._raw.replace(b"\r\n", linesep.encode())


# --- Building ----------------------------------------------------------------------------------


class Skeleton:
    """Everything of a message that is the same for all recipients of one rendered text."""

    def __init__(self, rendered: Rendered) -> None:
        digest = hashlib.sha256(f"{rendered.subject}\0{rendered.text}\0{rendered.html}".encode()).hexdigest()
        self._boundary = f"=_hali_{digest[:32]}"
        self._head = self._common_headers(rendered.subject)
        self._pieces: list[str | bytes] = [
            self._part_start("text/plain"),
            *_encoded_pieces(rendered.text),
            self._part_start("text/html"),
            *_encoded_pieces(rendered.html),
            f"{EOL}--{self._boundary}--{EOL}".encode(),
        ]

    def _common_headers(self, subject: str) -> bytes:
        head = message.EmailMessage(policy=_SMTP)
        head["From"] = formataddr((_sender_name(), _sender_address()))
        head["Subject"] = subject
        head["MIME-Version"] = "1.0"
        head["Auto-Submitted"] = "auto-generated"
        written: bytes = head.as_bytes().rstrip(b"\r\n") + EOL.encode()
        return written + f'Content-Type: multipart/alternative; boundary="{self._boundary}"{EOL}'.encode()

    def _part_start(self, kind: str) -> bytes:
        lines = [
            "",
            f"--{self._boundary}",
            f"Content-Type: {kind}; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            "",
        ]
        return EOL.join(lines).encode()

    def filled(self, parcel: Parcel) -> bytes:
        """The whole message for one recipient."""
        fills = {mark: _soft(value) for mark, value in parcel.fills.items()}
        body = b"".join(piece if isinstance(piece, bytes) else fills[piece] for piece in self._pieces)
        return self._head + _own_headers(parcel) + b"\r\n" + body


def _own_headers(parcel: Parcel) -> bytes:
    host = links.host()
    headers = {
        "To": parcel.address,
        "Date": format_datetime(parcel.date),
        "Message-ID": f"<{parcel.message_id}@{host}>",
    }
    if parcel.thread_id:
        headers["In-Reply-To"] = headers["References"] = f"<{parcel.thread_id}@{host}>"
    if parcel.feedback_id:
        headers["Feedback-ID"] = parcel.feedback_id
    if parcel.unsubscribe_url:
        mailbox = f"unsub+{parcel.unsubscribe_token}@{_sender_address().rpartition('@')[2]}"
        headers |= {
            "List-Id": formataddr((_sender_name(), f"status.{host}"), charset="utf-8"),
            "List-Unsubscribe": f"<{parcel.unsubscribe_url}>,{EOL} <mailto:{mailbox}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
        }
    return "".join(f"{name}: {value}{EOL}" for name, value in headers.items()).encode("ascii")


def _sender_name() -> str:
    return parseaddr(settings.MAIL_FROM)[0] or f"{settings.PROVIDER_NAME} status"


def _sender_address() -> str:
    return parseaddr(settings.MAIL_FROM)[1]


def feedback_id(incident: str, kind: str) -> str:
    """INCIDENT:TENANT:KIND:SENDER; the last part is fixed, large mailbox providers count complaints by it."""
    return f"{incident}:{slugify(settings.PROVIDER_NAME) or 'status'}:{kind}:hali"


# --- Quoted-printable, in pieces ---------------------------------------------------------------


def _encoded_pieces(text: str) -> Sequence[str | bytes]:
    """The text in quoted-printable, cut at its marks. A soft break at each side of a mark keeps every line within its limit."""
    return [part if _MARKS.fullmatch(part) else _quoted(part) for part in _MARKS.split(text) if part]


def _soft(value: str) -> bytes:
    """A link between two soft breaks: they vanish when the mail is read."""
    return b"=\r\n" + _quoted(value) + b"=\r\n"


def _quoted(text: str) -> bytes:
    octets = text.encode().decode("latin-1")  # body_encode takes one character an octet
    return body_encode(octets, maxlinelen=75, eol=EOL).encode("ascii")
