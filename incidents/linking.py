"""An incident that is an earlier one come back: linked to it by hand, and unlinked; within a week drafts.open_draft links it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from incidents.drafts import TimelineError
from incidents.models import Incident, RecordEntry
from incidents.words import Publication


def link(*, incident: Incident, earlier: Incident, reason: str, actor: User, now: datetime) -> RecordEntry | None:
    """Say that it follows an earlier public one: its page leads there. Of a public incident it becomes a record entry.

    Raises TimelineError without a reason, or where the other is not public, is gone, or began no earlier.
    """
    if not reason.strip():
        raise TimelineError("Say why it is the same trouble.")
    with transaction.atomic():
        record.lock_head()
        incident, earlier = Incident.objects.get(pk=incident.pk), Incident.objects.get(pk=earlier.pk)
        if problem := _no_link(incident, earlier):
            raise TimelineError(problem)
        return _set(incident, earlier, "incident.link", reason, actor, now)


def unlink(*, incident: Incident, reason: str, actor: User, now: datetime) -> RecordEntry | None:
    """It does not follow another, or not that one. Raises TimelineError without a reason, or where there is no link."""
    if not reason.strip():
        raise TimelineError("Say why it is not the same trouble.")
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident.pk)
        if incident.follows is None:
            raise TimelineError("It is linked to no earlier incident.")
        return _set(incident, None, "incident.unlink", reason, actor, now)


def _no_link(incident: Incident, earlier: Incident) -> str:
    """Why it cannot follow that one; "" if it can. What began earlier never follows what began later: no ring can close."""
    if earlier.publication != Publication.PUBLISHED or earlier.merged_into_id or earlier.withdrawn_at:
        return "The earlier incident is not public (or was merged or withdrawn): nobody could read it there."
    if incident.publication == Publication.DISCARDED or incident.merged_into_id or incident.withdrawn_at:
        return "This one was discarded, merged or withdrawn."
    if earlier.pk == incident.pk or earlier.started_at >= incident.started_at:
        return "The other one must have begun earlier."
    return "It is linked to that one already." if incident.follows_id == earlier.pk else ""


def _set(incident: Incident, earlier: Incident | None, act: str, reason: str, actor: User, now: datetime) -> RecordEntry | None:
    old, new = (one.public_id if one else None for one in (incident.follows, earlier))
    incident.follows = earlier
    incident.save(update_fields=["follows"])
    details = {"old": old, "new": new, "reason": reason.strip()}
    audit.log(act=act, actor=actor, now=now, target=incident.public_id, details=details)
    if incident.publication != Publication.PUBLISHED:
        return None
    return record.append(kind="incident_link", data={"incident": incident.public_id, "old": old, "new": new}, texts={}, now=now)
