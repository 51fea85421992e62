"""Two incidents that are one, and incidents that should not have been: their links stay, and say where to look."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from incidents.drafts import TimelineError
from incidents.models import AuditEvent, Component, Incident, IncidentUpdate, RecordEntry
from incidents.timeline import refresh_status
from incidents.words import ComponentStatus, Publication

ASK_TO_WITHDRAW = "incident.ask_to_withdraw"


def merge(*, incident: Incident, into: Incident, actor: User, now: datetime) -> RecordEntry:
    """A duplicate goes on in another open incident: its link leads there. Its drafts are discarded.

    Called by statuspage.publishing alone. Raises TimelineError when one of them is not public or not open, or when the other does
    not name every component that this one keeps in trouble.
    """
    with transaction.atomic():
        record.lock_head()
        incident, into = Incident.objects.get(pk=incident.pk), Incident.objects.get(pk=into.pk)
        if problem := _merge_problem(incident, into):
            raise TimelineError(problem)
        incident.updates.drafts().update(publication=Publication.DISCARDED)
        incident.merged_into, incident.next_update_by = into, None
        incident.save(update_fields=["merged_into", "next_update_by"])
        entry = record.append(
            kind="incident_merged", data={"incident": incident.public_id, "into": into.public_id}, texts={}, now=now
        )
        _refresh_named(incident, now)
        audit.log(act="incident.merge", actor=actor, now=now, target=incident.public_id, details={"into": into.public_id})
    return entry


def _merge_problem(incident: Incident, into: Incident) -> str:
    if incident.pk == into.pk:
        return "An incident cannot be merged into itself."
    if not all(one.publication == Publication.PUBLISHED and one.is_open for one in (incident, into)):
        return "Both incidents must be public and open."
    left = _in_trouble(incident) - {component.code for component in _named(into)}
    if left:
        return f"The other incident does not name {', '.join(sorted(left))}: publish an update there first."
    return ""


def ask_to_withdraw(*, incident: Incident, reason: str, actor: User, now: datetime) -> AuditEvent:
    """Ask that an incident be taken back; another person does it, for the reason given here. Raises TimelineError without one."""
    if not reason.strip():
        raise TimelineError("Say why it should be withdrawn.")
    if incident.publication != Publication.PUBLISHED or incident.withdrawn_at:
        raise TimelineError("It is not public, or withdrawn already.")
    return audit.log(act=ASK_TO_WITHDRAW, actor=actor, now=now, target=incident.public_id, details={"reason": reason.strip()})


def asked_to_withdraw(incident: Incident) -> AuditEvent | None:
    """Who asked last that it be taken back, and why, while it still stands."""
    if incident.publication != Publication.PUBLISHED or incident.withdrawn_at:
        return None
    asked = AuditEvent.objects.filter(target=incident.public_id, act=ASK_TO_WITHDRAW)
    return asked.select_related("actor").order_by("-id").first()


def withdraw(*, incident: Incident, reason: str, requested_by: User, approved_by: User, now: datetime) -> RecordEntry:
    """Take back an incident that should not have been (an exercise, another company's): its link says so, its words stay in the
    record. Two persons. Called by statuspage.publishing alone."""
    if requested_by.pk == approved_by.pk:
        raise TimelineError("A second person must approve it.")
    if not reason.strip():
        raise TimelineError("Say why it is withdrawn.")
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident.pk)
        if incident.publication != Publication.PUBLISHED or incident.withdrawn_at:
            raise TimelineError("It is not public, or withdrawn already.")
        incident.updates.drafts().update(publication=Publication.DISCARDED)
        incident.withdrawn_at, incident.next_update_by = now, None
        incident.save(update_fields=["withdrawn_at", "next_update_by"])
        entry = record.append(kind="incident_withdrawn", data={"incident": incident.public_id}, texts={}, now=now)
        _refresh_named(incident, now)
        details = {"reason": reason.strip(), "requested_by": requested_by.get_username()}
        audit.log(act="incident.withdraw", actor=approved_by, now=now, target=incident.public_id, details=details)
    return entry


def _named(incident: Incident) -> list[Component]:
    return list(Component.objects.filter(affected__update__in=incident.updates.published()).distinct())


def _in_trouble(incident: Incident) -> set[str]:
    last: dict[str, str] = {}
    for update in IncidentUpdate.objects.filter(incident=incident, publication=Publication.PUBLISHED).order_by("record_seq"):
        last |= {item.component.code: item.new_status for item in update.affected.select_related("component")}
    return {code for code, status in last.items() if status != ComponentStatus.OPERATIONAL}


def _refresh_named(incident: Incident, now: datetime) -> None:
    for component in _named(incident):
        refresh_status(component=component, since=component.observed_since or now, now=now)
