"""Pure: when the desk must be stirred: who is paged when a signature, a promise or an after-signature waits, and when the
pre-signed first notice goes out by itself. Sending is somebody else's: here are only the moments.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Duty(StrEnum):
    NUDGE_AUTHOR = "nudge_author"  # the promised time comes near, or is here
    PAGE_APPROVER = "page_approver"  # the next one on the roster
    PAGE_ALL = "page_all"
    PUBLISH_UNATTENDED = "publish_unattended"  # and page the roster
    SAY_UNSIGNED = "say_unsigned"  # the record says that nobody signed afterwards


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may wait. `unattended` zero: nothing ever goes out by itself."""

    unattended: timedelta = timedelta(minutes=5)
    next_approver: timedelta = timedelta(minutes=5)
    all_approvers: timedelta = timedelta(minutes=10)
    before_promise: timedelta = timedelta(minutes=5)
    after_promise: timedelta = timedelta(minutes=5)
    after_signature: timedelta = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on an incident now; None: nothing of that kind.

    `first_notice_at`: a draft of untouched pre-signed words waits since then, and nothing about it is public yet.
    `signature_asked_at`: a draft waits for its signature. `promised_by`: when the next public word is promised.
    `broke_glass_at`: words went out alone, and nobody has signed them afterwards.
    """

    first_notice_at: datetime | None = None
    signature_asked_at: datetime | None = None
    promised_by: datetime | None = None
    broke_glass_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A duty and its moment. `key` names it for ever: done once, it is not due again. `why` is what waits."""

    duty: Duty
    why: str
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.why}:{self.duty}:{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


_DEFAULT = Pace()


def ahead(waiting: Waiting, *, pace: Pace = _DEFAULT) -> list[Due]:
    """Every duty that comes of what waits now, in the order of time, past ones included."""
    found: list[Due] = []
    if waiting.first_notice_at and pace.unattended:
        found.append(Due(Duty.PUBLISH_UNATTENDED, "first_notice", waiting.first_notice_at + pace.unattended))
    if asked := waiting.signature_asked_at:
        found.append(Due(Duty.PAGE_APPROVER, "signature", asked + pace.next_approver))
        found.append(Due(Duty.PAGE_ALL, "signature", asked + pace.all_approvers))
    if promised := waiting.promised_by:
        found.append(Due(Duty.NUDGE_AUTHOR, "promise", promised - pace.before_promise))
        found.append(Due(Duty.NUDGE_AUTHOR, "promise", promised))
        found.append(Due(Duty.PAGE_APPROVER, "promise", promised + pace.after_promise))
    if waiting.broke_glass_at:
        found.append(Due(Duty.SAY_UNSIGNED, "after_signature", waiting.broke_glass_at + pace.after_signature))
    return sorted(found, key=lambda due: due.at)


def due(waiting: Waiting, *, now: datetime, done: Collection[str] = (), pace: Pace = _DEFAULT) -> list[Due]:
    """The duties whose moment has come and that were not done yet, oldest first."""
    return [one for one in ahead(waiting, pace=pace) if one.at <= now and one.key not in done]


def is_late_publicly(promised_by: datetime | None, *, now: datetime, pace: Pace = _DEFAULT) -> bool:
    """Does the page itself say that the promised update is late?"""
    return promised_by is not None and now >= promised_by + pace.after_promise


def after_signature_due(broke_glass_at: datetime, *, pace: Pace = _DEFAULT) -> datetime:
    """By when words that went out alone must be signed."""
    return broke_glass_at + pace.after_signature
