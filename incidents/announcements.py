"""Announcements: what forbids one, and taking one back."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, gates, record, windows
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import by_language
from incidents.models import Announcement, RecordEntry


def blockers(announcement: Announcement, *, now: datetime) -> list[Blocker]:
    """Everything but a missing signature that forbids this draft to go out."""
    texts = {"title": by_language(announcement.title), "body": by_language(announcement.body)}
    found = gates.language_blockers(texts)
    if announcement.ends_at and announcement.ends_at <= announcement.starts_at:
        found.append(Blocker("end_before_start", "ends_at", "The end lies before the start."))
    elif announcement.ends_at and announcement.ends_at <= now:
        found.append(Blocker("end_past", "ends_at", "Its end has passed: nobody would see it."))
    return found + gates.maintenance_blockers(texts, window_published=windows.is_any_announced())


def withdraw(*, announcement: Announcement, reason: str, actor: User, now: datetime) -> RecordEntry | None:
    """Take it off the page at once; its words stay in the record. None when that was done already.

    One person may: what is wrong must not stand while another is looked for. Called by statuspage.publishing alone. Raises
    TimelineError without a reason, or for one that is not public.
    """
    if not reason.strip():
        raise TimelineError("Say why it is withdrawn.")
    with transaction.atomic():
        record.lock_head()
        public = Announcement.objects.published().filter(pk=announcement.pk).first()
        if public is None:
            raise TimelineError("It is not public: discard the draft instead.")
        if public.withdrawn_at:
            return None
        Announcement.objects.filter(pk=public.pk).update(withdrawn_at=now)
        audit.log(act="announcement.withdraw", actor=actor, now=now, target=public.public_id, details={"reason": reason.strip()})
        return record.append(kind="announcement_withdrawn", data={"announcement": public.public_id}, texts={}, now=now)
