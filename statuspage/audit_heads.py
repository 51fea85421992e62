"""The head of the audit log, noted outside of the database each night: an old head proves what the log said then.

A head is a chain of SHA-256 over the log's lines, as the desk exports them (JSON lines, oldest first):
head = sha256(head before, in hexadecimal, then the line with its line end). The first begins from "".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from incidents.models import AuditEvent
from statuspage import audit_files


@dataclass(frozen=True, slots=True)
class Head:
    """After `events` events, the last of which is `last_id`. `at`: when it was noted, with its zone."""

    at: str
    events: int
    last_id: int
    head: str


class HeadNotNoted(Exception):
    """A place did not take it. The message names the place and says what to change."""


def due(*, now: datetime) -> bool:
    """Was none noted yet today, by the desk's own clock?"""
    heads = noted(_file())
    return not heads or timezone.localtime(datetime.fromisoformat(heads[-1].at)).date() < timezone.localtime(now).date()


def note(*, now: datetime) -> Head:
    """Append the head of now to the file, then hand the line to every other place. Raises HeadNotNoted."""
    before = noted(_file())
    head = _walk(now.isoformat(), before[-1] if before else None)
    line = json.dumps(asdict(head)) + "\n"
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as handle:
            handle.write(line)
    except OSError as error:
        raise HeadNotNoted(f"{path} cannot be written ({error.strerror}): give HALI_AUDIT_HEADS another file.") from error
    for address in settings.AUDIT_HEADS_TO:
        _hand(address, line, head)
    return head


def _hand(address: str, line: str, head: Head) -> None:
    """To a mail address: whoever reads it there cannot be reached from here."""
    subject = f"Audit log of {settings.BASE_URL}: {head.events} events"
    words = f"{line}\nKeep this mail. Later, `manage.py verify_audit` proves by it that nothing before was changed.\n"
    try:
        EmailMessage(subject, words, settings.MAIL_FROM or None, [address]).send()
    except OSError as error:  # SMTPException is one
        raise HeadNotNoted(f"The mail server did not take the head of the audit log: {type(error).__name__}.") from error


def noted(path: Path) -> list[Head]:
    """The heads of a file, oldest first. Raises ValueError with its line number for one that cannot be read."""
    if not path.is_file():
        return []
    heads = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            heads.append(Head(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {number}, is no head of an audit log.") from error
    return heads


def _file() -> Path:
    return Path(settings.AUDIT_HEADS)


def _walk(at: str, start: Head | None) -> Head:
    return next(iter(_heads_at([None], at, start)))


def first_wrong(heads: list[Head]) -> Head | None:
    """The first of these heads that the log of now does not lead to; None when all hold. One walk over the whole log."""
    ordered = sorted(heads, key=lambda head: head.last_id)
    found = _heads_at([head.last_id for head in ordered], "", None)
    for expected, real in zip(ordered, found, strict=True):
        if (expected.head, expected.events, expected.last_id) != (real.head, real.events, real.last_id):
            return expected
    return None


def _heads_at(stops: list[int | None], at: str, start: Head | None) -> Iterator[Head]:
    """The log's head after each of these ids, in order; None: after its last event."""
    events, last, digest = (start.events, start.last_id, start.head) if start else (0, 0, "")
    for stop in stops:
        rows = AuditEvent.objects.filter(pk__gt=last).order_by("pk")
        rows = rows if stop is None else rows.filter(pk__lte=stop)
        for row in rows.iterator(chunk_size=500):
            [line] = audit_files.as_jsonl([row])
            digest, events, last = hashlib.sha256((digest + line).encode()).hexdigest(), events + 1, row.pk
        yield Head(at, events, last, digest)
