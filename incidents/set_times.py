"""A signed draft that goes out at a set time: set, taken back, and what makes it hold no more.

It is published by statuspage.publishing. Every act takes the record's head as its first lock, as in drafts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record, rights
from incidents.drafts import TimelineError, is_untouched
from incidents.models import IncidentUpdate, SetTime
from incidents.signing import signature_state
from incidents.words import Publication, SignatureKind

AHEAD_AT_MOST = timedelta(days=7)
LATE_AT_MOST = timedelta(minutes=10)  # after a freeze, or a publisher that was down: nobody expects the words any more


def standing(update: IncidentUpdate) -> SetTime | None:
    """The time that is set for it now."""
    return SetTime.objects.standing().filter(update=update).select_related("set_by").first()


def set_time(*, update: IncidentUpdate, at: datetime, actor: User, now: datetime) -> SetTime:
    """Let a signed draft go out at `at`; another time that was set for it ends. Raises TimelineError."""
    with transaction.atomic():
        record.lock_head()
        draft = IncidentUpdate.objects.select_related("incident", "notice").get(pk=update.pk)
        if problem := _cannot_wait(draft, at, now):
            raise TimelineError(problem)
        _end(draft, now)
        made = SetTime.objects.create(update=draft, at=at, set_by=actor, set_at=now, seen=_seen(draft))
        details = {"at": record.timestamp(at)}
        audit.log(act="update.set_time", actor=actor, now=now, target=draft.public_id, details=details)
    return made


def take_back(*, update: IncidentUpdate, actor: User, now: datetime) -> None:
    """It goes out when somebody publishes it, and not by itself. Where no time is set nothing changes."""
    with transaction.atomic():
        record.lock_head()
        if _end(update, now):
            audit.log(act="update.take_time_back", actor=actor, now=now, target=update.public_id)


def _end(update: IncidentUpdate, now: datetime) -> int:
    return SetTime.objects.standing().filter(update=update).update(ended_at=now)


def _cannot_wait(draft: IncidentUpdate, at: datetime, now: datetime) -> str:
    """Why it cannot be set so; "" if it can."""
    if draft.publication != Publication.DRAFT:
        return "This is public already (or discarded)."
    if signature_state(draft) != "valid" or draft.signature_kind == SignatureKind.BREAK_GLASS:
        return "Another person signs first; then it can go out at a set time."
    if at <= now:
        return "That time has passed: set a later one, or publish now."
    if at > now + AHEAD_AT_MOST:
        return f"Set a time within the next {AHEAD_AT_MOST.days} days."
    if draft.next_update_by and draft.next_update_by <= at and not is_untouched(draft):
        return "By then the promised next update is over: promise a later one first."
    return ""


# --- For the publisher ---------------------------------------------------------------------------


def unsteady(*, now: datetime) -> list[int]:
    """Set times to act on: those that have come, and those that hold no more. Reads only."""
    rows = SetTime.objects.standing().select_related("update__incident", "set_by")
    return [row.pk for row in rows if row.at <= now or row.update.publication != Publication.DRAFT or holds_no_more(row, now)]


def holds_no_more(row: SetTime, now: datetime) -> str:
    """Why the words may not go out at the time that was set; "" while they may. What the gates say comes on top."""
    seen, draft = _seen(row.update), row.update
    if signature_state(draft) != "valid":
        return "It was changed after its time was set."
    if seen["probes"] != row.seen["probes"]:
        return "What probes say of its services has changed since."
    if seen["last"] != row.seen["last"]:
        return "Another word about it became public since."
    if not rights.may(row.set_by, "update.publish"):
        return "Who set the time may not publish any more."
    if now - row.at > LATE_AT_MOST:
        return f"Its time passed more than {LATE_AT_MOST.seconds // 60} minutes ago while nothing could go out by itself."
    return ""


def _seen(draft: IncidentUpdate) -> dict[str, Any]:
    probes = {item.component.code: item.component.observed_status for item in draft.affected.select_related("component")}
    last = draft.incident.updates.filter(publication=Publication.PUBLISHED).order_by("-record_seq").first()
    return {"probes": probes, "last": last.public_id if last else ""}


def end(row: SetTime, why: str, now: datetime) -> None:
    """It went out, or is no draft any more; or (`why`) it was given up, and a person is called. The head must be locked."""
    row.ended_at, row.refused = now, why[:400]
    row.save(update_fields=["ended_at", "refused"])
    if why:
        target, details = row.update.public_id, {"why": row.refused}
        audit.log(act="update.give_time_up", actor_name="publisher", now=now, target=target, details=details)


def given_up() -> list[SetTime]:
    """Times that came to nothing, of drafts that still wait and have no other time."""
    drafts = SetTime.objects.filter(update__publication=Publication.DRAFT).select_related("update__incident")
    newest: dict[int, SetTime] = {}
    for row in drafts.order_by("id"):
        newest[row.update_id] = row
    return [row for row in newest.values() if row.refused]
