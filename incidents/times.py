"""Corrections of an incident's facts by hand, each with a reason: its timestamps, its impact, whether it is a security matter."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from incidents.drafts import TimelineError
from incidents.models import Incident, RecordEntry, StatementGround
from incidents.words import DetectedBy, Impact, Publication, SecurityRelated

RECORDED = ("first_public_update_at", "review_published_at")  # the record knows them; by hand another one stands beside
PUBLIC = ("started_at", "identified_at", "mitigated_at", "resolved_at", *RECORDED)
INTERNAL = ("detected_at", "aware_at", "executive_informed_at", "classified_major_at")


def set_time(
    *, incident: Incident, field: str, value: datetime | None, reason: str, actor: User, now: datetime
) -> RecordEntry | None:
    """Correct one timestamp. Of a public incident a public one becomes a record entry, which is answered.

    None for one of RECORDED goes back to what the record says.
    Raises TimelineError without a reason, for a time in the future, or for times out of order.
    """
    if field not in (*PUBLIC, *INTERNAL):
        raise TimelineError(f"There is no time called {field}: use {', '.join((*PUBLIC, *INTERNAL))}.")
    _require(reason)
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident.pk)
        old = getattr(incident, field)
        setattr(incident, field, value)
        if problem := _out_of_order(incident, field, value, now):
            raise TimelineError(problem)
        incident.save(update_fields=[field])
        details = {"field": field, "old": _stamp(old), "new": _stamp(value), "reason": reason.strip()}
        audit.log(act="incident.time", actor=actor, now=now, target=incident.public_id, details=details)
        if field in INTERNAL or incident.publication != Publication.PUBLISHED:
            return None
        data = {"incident": incident.public_id, "field": field, "old": old, "new": value}
        return record.append(kind="incident_time", data=data, texts={}, now=now)


def set_impact(*, incident: Incident, impact: str, reason: str, actor: User, now: datetime) -> RecordEntry | None:
    """Set the impact by hand; "" goes back to what is computed. Of a public incident it becomes a record entry."""
    if impact not in ("", *Impact.values):
        raise TimelineError(f"impact: use one of {', '.join(Impact.values)}, or nothing.")
    _require(reason)
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident.pk)
        old, incident.impact_override = incident.impact, impact
        incident.impact = impact or incident.impact_computed
        incident.save(update_fields=["impact", "impact_override"])
        details = {"old": old, "new": incident.impact, "by_hand": bool(impact), "reason": reason.strip()}
        audit.log(act="incident.impact", actor=actor, now=now, target=incident.public_id, details=details)
        if incident.publication != Publication.PUBLISHED:
            return None
        data = {"incident": incident.public_id, "old": old, "new": incident.impact, "by_hand": bool(impact)}
        return record.append(kind="incident_impact", data=data, texts={}, now=now)


def set_security(*, incident: Incident, value: str, reason: str, actor: User, now: datetime) -> Incident:
    """Say whether it is a security matter. For staff: it is in no record entry. Statements follow by statuspage.grounds."""
    if value not in SecurityRelated.values:
        raise TimelineError(f"security_related: use one of {', '.join(SecurityRelated.values)}.")
    with transaction.atomic():
        record.lock_head()
        changed = Incident.objects.exclude(security_related=value).filter(pk=incident.pk).exists()
        incident = _set_for_staff(
            incident, "security_related", value, act="incident.security", reason=reason, actor=actor, now=now
        )
        if changed:
            StatementGround.objects.update_or_create(incident=incident, defaults={"security_changed_at": now})
    return incident


def set_detected_by(*, incident: Incident, value: str, reason: str, actor: User, now: datetime) -> Incident:
    """Say who saw it first: a probe, staff, the public or a partner. For staff: it is in no record entry."""
    if value not in DetectedBy.values:
        raise TimelineError(f"detected_by: use one of {', '.join(DetectedBy.values)}.")
    return _set_for_staff(incident, "detected_by", value, act="incident.detected_by", reason=reason, actor=actor, now=now)


def _set_for_staff(incident: Incident, field: str, value: str, *, act: str, reason: str, actor: User, now: datetime) -> Incident:
    _require(reason)
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident.pk)
        old = getattr(incident, field)
        setattr(incident, field, value)
        incident.save(update_fields=[field])
        audit.log(
            act=act, actor=actor, now=now, target=incident.public_id, details={"old": old, "new": value, "reason": reason.strip()}
        )
    return incident


def _require(reason: str) -> None:
    if not reason.strip():
        raise TimelineError("Say why it is changed.")


def _out_of_order(incident: Incident, field: str, value: datetime | None, now: datetime) -> str:
    if field in ("identified_at", "mitigated_at") and incident.publication != Publication.PUBLISHED:
        return f"{field}: the incident is not public yet; its words set this time, and then it can be corrected."
    if value is None:
        return "An incident keeps its start and its end." if field in ("started_at", "resolved_at") else ""
    if value > now:
        return f"{field}: that time has not come yet."
    if field == "review_published_at":
        return _no_review_then(incident, value)
    if field == "first_public_update_at" and (problem := _no_first_word_then(incident, value)):
        return problem
    if field == "resolved_at" and incident.is_open:
        return "resolved_at: the incident is open; publish “resolved” first."
    if value < incident.started_at or (incident.resolved_at and value > incident.resolved_at and field in PUBLIC):
        return f"{field}: give a time between the incident's start and its end."
    return ""


def _no_review_then(incident: Incident, value: datetime) -> str:
    if not incident.reviews.filter(publication=Publication.PUBLISHED).exists():
        return "review_published_at: no review is public; publish it, and then its time can be corrected."
    if incident.resolved_at and value < incident.resolved_at:
        return "review_published_at: give a time after the incident's end."
    return ""


def _no_first_word_then(incident: Incident, value: datetime) -> str:
    if incident.publication != Publication.PUBLISHED:
        return "first_public_update_at: the incident is not public yet; its words set this time, and then it can be corrected."
    second = incident.updates.filter(publication=Publication.PUBLISHED).order_by("record_seq")[1:2]
    if any(word.display_at and value > word.display_at for word in second):
        return "first_public_update_at: give a time before the incident's second word."
    return ""


def _stamp(value: datetime | None) -> str | None:
    return record.timestamp(value) if value else None
