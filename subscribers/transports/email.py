"""Mail over Django's configured connection: built once per text, each recipient's own parts filled in as bytes.

Building a message for each recipient costs ten times the sending of it. To an SMTP server that allows it (PIPELINING, RFC 2920),
the next mail's sender and recipient are named in one write with the end of a mail: one wait for it instead of four.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from email import message, policy
from email.quoprimime import body_encode
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.text import slugify

from subscribers import addresses, bounce_reports, links
from subscribers.rendering import CONFIRM_MARK, MANAGE_MARK, UNSUBSCRIBE_MARK, Rendered
from subscribers.transports import smtp_session
from subscribers.transports.base import Outcome, Parcel, Sender, Sent, TransportError, TransportUnreachable, outcome_of
from subscribers.transports.eml_folder import MailFolderError

EOL = "\r\n"
_MARKS = re.compile("(" + "|".join(map(re.escape, (UNSUBSCRIBE_MARK, MANAGE_MARK, CONFIRM_MARK))) + ")")
# Whatever the server writes it like: in another case, or where it was forwarded to.
_ADDRESS = re.compile(r"<[^<>\s]*@[^<>]*>|[^\s<>()\[\],;:'\"]+@[^\s<>()\[\],;:'\"]*[^\s<>()\[\],;:'\".]")
_PLAIN = re.compile(r"[A-Za-z0-9:/._~?&%+-]*")
_SMTP, _UNBROKEN = policy.SMTP.clone(max_line_length=76), policy.SMTP.clone(max_line_length=900)


class EmailSender(Sender):
    """Keeps one connection while a batch goes through it, and one built message per rendered text."""

    together = 100  # so long a turn that no connection runs dry while the next mails are claimed

    def __init__(self) -> None:
        self.connections = settings.MAIL_CONNECTIONS
        self._connection: Any = None
        self._built: dict[Rendered, Skeleton] = {}

    @classmethod
    def normalise(cls, typed: str) -> str:
        return addresses.normalise(typed)

    @classmethod
    def domain_of(cls, normal: str) -> str:
        return addresses.domain_of(normal)

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

    def send_all(self, parcels: Sequence[Parcel]) -> Iterator[Outcome]:
        """One outcome for each; where the connection breaks, a new one goes on behind the mail that was in flight.

        Where the server hung, the rest is left untried: each would take as long again.
        """
        done = 0
        while done < len(parcels):
            self.open()  # again, where the server had closed it
            try:
                for refusal in self._answers(parcels[done:]):
                    done += 1
                    yield Sent() if refusal is None else outcome_of(self._explained(refusal))
            except (smtplib.SMTPException, MailFolderError, OSError) as error:
                done += 1
                yield outcome_of(self._broken(error))
                if isinstance(error, TimeoutError):
                    return

    def _answers(self, parcels: Sequence[Parcel]) -> Iterator[smtplib.SMTPException | None]:
        session = getattr(self._connection, "connection", None)
        if isinstance(session, smtplib.SMTP):
            mails = ((parcel.address, self._written(parcel)) for parcel in parcels)
            yield from smtp_session.deliver_all(session, _sender_address(), mails)
            return
        for parcel in parcels:  # a folder, or a provider's backend
            self._connection.send_messages([_Ready(_sender_address(), parcel.address, self._written(parcel))])
            yield None

    def _written(self, parcel: Parcel) -> bytes:
        skeleton = self._built.get(parcel.rendered)
        if skeleton is None:
            held = settings.MAIL_FROM, settings.MAIL_REPLY_TO, links.host()
            skeleton = self._built[parcel.rendered] = _skeleton(parcel.rendered, *held)
        return skeleton.filled(parcel)

    def _broken(self, error: Exception) -> TransportError:
        """What ended the connection, as the error of the mail that was in flight. Raises TransportUnreachable for a full disk."""
        if isinstance(error, MailFolderError):
            raise TransportUnreachable(str(error)) from error
        if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
            return self._explained(error)
        self._drop()
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return TransportError("The mail server closed the connection.")
        if isinstance(error, TimeoutError):
            return TransportError("The mail server did not answer in time.", throttled=True)
        return TransportError(f"The connection to the mail server broke: {_ADDRESS.sub('<address>', str(error))}")

    def close(self) -> None:
        if self._connection is not None:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        try:
            connection.close()
        except (smtplib.SMTPException, OSError):
            return  # it was broken already

    def _explained(self, error: smtplib.SMTPException) -> TransportError:
        """What the server said, without any address, and whether it will say so again."""
        code, said = _answer_of(error)
        if code == 421:  # it is going away
            self._drop()
        words = _ADDRESS.sub("<address>", f"{code} {said}")
        if isinstance(error, smtplib.SMTPSenderRefused):
            return TransportError(f"The mail server refuses our sender: {words}")  # our fault, not the recipient's
        permanent = 500 <= code < 600
        unknown = isinstance(error, smtplib.SMTPRecipientsRefused) and permanent and bounce_reports.is_unknown_mailbox(code, said)
        return TransportError(words, permanent=permanent, bounced=unknown, throttled=not permanent and " 4.7." in f" {said}")


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
        self._boundary, self._outer = f"=_hali_{digest[:32]}", f"=_hali_{digest[32:]}"
        self._head = self._common_headers(rendered)
        self._pieces: list[str | bytes] = [
            self._part_start("text/plain"),
            *_encoded_pieces(rendered.text),
            self._part_start("text/html"),
            *_encoded_pieces(rendered.html),
            f"{EOL}--{self._boundary}--{EOL}".encode(),
        ]
        if rendered.calendar:
            self._pieces = [
                f"{EOL}--{self._outer}{EOL}{self._alternative()}".encode(),
                *self._pieces,
                *self._calendar_part(rendered.calendar),
            ]
        self._pieces = list(_joined(self._pieces))
        self._dates: dict[datetime, str] = {}
        self._host = links.host()
        self._list_id = formataddr((_sender_name(rendered), f"status.{self._host}"), charset="utf-8")
        self._mailboxes = _sender_address().rpartition("@")[2]

    def _common_headers(self, rendered: Rendered) -> bytes:
        # A line is only broken where words must be encoded: some programs keep the space of a break at the start of a subject.
        head = message.EmailMessage(policy=_UNBROKEN if rendered.subject.isascii() else _SMTP)
        head["From"] = formataddr((_sender_name(rendered), _sender_address()))
        if settings.MAIL_REPLY_TO:  # what comes to the sender's own address is read by a machine, for bounces
            head["Reply-To"] = settings.MAIL_REPLY_TO
        head["Subject"] = rendered.subject
        head["MIME-Version"] = "1.0"
        head["Auto-Submitted"] = "auto-generated"
        written: bytes = head.as_bytes().rstrip(b"\r\n") + EOL.encode()
        kind = f'Content-Type: multipart/mixed; boundary="{self._outer}"{EOL}' if rendered.calendar else self._alternative()
        return written + kind.encode()

    def _alternative(self) -> str:
        return f'Content-Type: multipart/alternative; boundary="{self._boundary}"{EOL}'

    def _part_start(self, kind: str, boundary: str = "", *more: str) -> bytes:
        """The line between two parts, the part's headers and the blank line that ends them."""
        lines = [
            "",
            f"--{boundary or self._boundary}",
            f"Content-Type: {kind}; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            *more,
            "",
            "",
        ]
        return EOL.join(lines).encode()

    def _calendar_part(self, calendar: str) -> list[bytes]:
        as_file = 'Content-Disposition: attachment; filename="planned-work.ics"'
        return [
            self._part_start("text/calendar; method=PUBLISH", self._outer, as_file),
            _quoted(calendar.replace(EOL, "\n")),
            f"{EOL}--{self._outer}--{EOL}".encode(),
        ]

    def filled(self, parcel: Parcel) -> bytes:
        """The whole message for one recipient."""
        fills = {mark: _soft(value) for mark, value in parcel.fills.items()}
        body = b"".join(piece if isinstance(piece, bytes) else fills[piece] for piece in self._pieces)
        return self._head + self._own_headers(parcel) + b"\r\n" + body

    def _own_headers(self, parcel: Parcel) -> bytes:
        date = self._dates.get(parcel.date)
        if date is None:
            date = self._dates[parcel.date] = format_datetime(parcel.date)
        headers = f"To: {parcel.address}{EOL}Date: {date}{EOL}Message-ID: <{parcel.message_id}@{self._host}>{EOL}"
        if parcel.thread_id:
            thread = f"<{parcel.thread_id}@{self._host}>"
            headers += f"In-Reply-To: {thread}{EOL}References: {thread}{EOL}"
        if parcel.feedback_id:
            headers += f"Feedback-ID: {parcel.feedback_id}{EOL}"
        if parcel.unsubscribe_url:
            mailbox = f"unsub+{parcel.unsubscribe_token}@{self._mailboxes}"
            headers += (
                f"List-Id: {self._list_id}{EOL}"
                f"List-Unsubscribe: <{parcel.unsubscribe_url}>,{EOL} <mailto:{mailbox}>{EOL}"
                f"List-Unsubscribe-Post: List-Unsubscribe=One-Click{EOL}"
                f"Precedence: bulk{EOL}"
            )
        return headers.encode("ascii")


@lru_cache(maxsize=32)
def _skeleton(rendered: Rendered, *settings_it_holds: str) -> Skeleton:
    """One for all connections: a sender opens many where domains are slow."""
    return Skeleton(rendered)


def _sender_name(rendered: Rendered) -> str:
    return parseaddr(settings.MAIL_FROM)[0] or rendered.sender or settings.PROVIDER_NAME


def _sender_address() -> str:
    return parseaddr(settings.MAIL_FROM)[1]


def feedback_id(incident: str, kind: str) -> str:
    """INCIDENT:TENANT:KIND:SENDER; the last part is fixed, large mailbox providers count complaints by it."""
    return f"{incident}:{slugify(settings.PROVIDER_NAME) or 'status'}:{kind}:hali"


# --- Quoted-printable, in pieces ---------------------------------------------------------------


def _encoded_pieces(text: str) -> Sequence[str | bytes]:
    """The text in quoted-printable, cut at its marks. A soft break at each side of a mark keeps every line within its limit."""
    return [part if _MARKS.fullmatch(part) else _quoted(part) for part in _MARKS.split(text) if part]


def _joined(pieces: Iterable[str | bytes]) -> Iterator[str | bytes]:
    """The same with all that stands between two marks in one piece."""
    plain = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            plain += piece
        else:
            yield from (plain, piece)
            plain = b""
    yield plain


def _soft(value: str) -> bytes:
    """A link between two soft breaks: they vanish when the mail is read."""
    return b"=\r\n" + _quoted(value) + b"=\r\n"


def _quoted(text: str) -> bytes:
    if _PLAIN.fullmatch(text):  # a link: most of them need no encoding, and each mail has its own
        return "=\r\n".join(text[at : at + 74] for at in range(0, len(text), 74)).encode("ascii")
    octets = text.encode().decode("latin-1")  # body_encode takes one character an octet
    return body_encode(octets, maxlinelen=75, eol=EOL).encode("ascii")
