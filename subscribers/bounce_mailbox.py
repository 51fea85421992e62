"""The mailbox that bounces, complaints and wishes to leave come back to: a Maildir of the own mail server, or IMAP over TLS."""

from __future__ import annotations

import hashlib
import imaplib
import logging
import mailbox
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings

from subscribers import bounces
from subscribers.bounce_reports import READ_AT_MOST, read

log = logging.getLogger(__name__)

AT_ONCE = 200  # mails a time
TIMEOUT = 15.0  # seconds
Mail = tuple[bytes, Callable[[], None]]  # its octets, and what marks it as read


class MailboxError(Exception):
    """It cannot be read. The message says what to look at, and holds no password."""


def read_mailbox(*, now: datetime) -> int:
    """Do what the unread mails ask for; answers how many said something. Nothing without HALI_BOUNCE_MAILBOX.

    A mail that is read twice (killed before it was marked) counts once. Raises MailboxError.
    """
    if not settings.BOUNCE_MAILBOX:
        return 0
    useful = 0
    with _unread(urlsplit(settings.BOUNCE_MAILBOX)) as mails:
        for raw, mark_read in mails:
            reports = read(raw)
            key = hashlib.sha256(raw).hexdigest()
            for number, report in enumerate(reports):
                useful += bounces.apply(report, key=f"mail:{key[:40]}:{number}", now=now)
            mark_read()
    return useful


@contextmanager
def _unread(url: SplitResult) -> Iterator[Iterator[Mail]]:
    try:
        if url.scheme == "maildir":
            yield _in_folder(Path(url.path))
            return
        trusted = ssl.create_default_context()  # imaplib's own would take any certificate
        with imaplib.IMAP4_SSL(url.hostname or "", url.port or 993, ssl_context=trusted, timeout=TIMEOUT) as session:
            session.login(unquote(url.username or ""), unquote(url.password or ""))
            answer, _ = session.select(url.path.strip("/") or "INBOX")
            if answer != "OK":
                raise MailboxError("HALI_BOUNCE_MAILBOX: the server does not open that mailbox: look at its name after the host.")
            yield _over_imap(session)
    except (OSError, imaplib.IMAP4.error, mailbox.Error) as error:
        raise MailboxError(f"The mailbox of bounces cannot be read: look at HALI_BOUNCE_MAILBOX ({error}).") from error


def _in_folder(folder: Path) -> Iterator[Mail]:
    """Those in `new`; read ones move to `cur`, as every mail program does it."""
    if not (folder / "new").is_dir():
        raise MailboxError(f"HALI_BOUNCE_MAILBOX: {folder} is no Maildir: it has no folder named new.")
    for path in sorted((folder / "new").iterdir())[:AT_ONCE]:
        with path.open("rb") as file:
            raw = file.read(READ_AT_MOST)
        yield raw, lambda path=path: _seen(path)  # type: ignore[misc]


def _seen(path: Path) -> None:
    path.rename(path.parent.parent / "cur" / f"{path.name}:2,S")


def _over_imap(session: imaplib.IMAP4) -> Iterator[Mail]:
    _, found = session.search(None, "UNSEEN")
    for number in (found[0] or b"").split()[:AT_ONCE]:
        _, parts = session.fetch(number.decode(), f"(BODY.PEEK[]<0.{READ_AT_MOST}>)")
        raw = next((part[1] for part in parts if isinstance(part, tuple)), b"")
        yield raw, lambda number=number: _store_seen(session, number)  # type: ignore[misc]


def _store_seen(session: imaplib.IMAP4, number: bytes) -> None:
    session.store(number.decode(), "+FLAGS", r"(\Seen)")
