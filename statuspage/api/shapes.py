"""What the API answers: rows as plain values. For staff's machines, so drafts are in it; no address, no secret, no note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from ninja import Schema

from incidents import corrections
from incidents.languages import by_language
from incidents.models import (
    Claim,
    Component,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Notice,
    Rebuttal,
    ScheduledMaintenance,
    Statement,
)
from incidents.models.publishable import Publishable
from incidents.notices import is_signed
from incidents.rebutting import stage_of
from incidents.signing import signature_state
from statuspage.models import Token
from subscribers import wishes
from subscribers.models import Notification, Subscriber
from subscribers.steering import Progress


class Listed(Schema):
    """One page of a list; `next` asks for the one after it."""

    items: list[dict[str, Any]]
    next: str | None = None


class ProblemOut(Schema):
    """RFC 9457; a refusal that lists blockers or fields has more beside these."""

    type: str
    title: str
    status: int
    detail: str


def token(row: Token) -> dict[str, Any]:
    return {
        "id": row.name,
        "owner": row.owner.get_username(),
        "scopes": row.scopes,
        "components": sorted(row.components.values_list("code", flat=True)),
        "expires_at": _iso(row.expires_at),
    }


def component(row: Component) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "code": row.code,
        "group": row.group.code,
        "name": by_language(row.name),
        "description": by_language(row.description),
        "position": row.position,
        "internal": row.internal,
        "enabled": row.enabled,
        "status": row.status,
        "status_source": row.status_source,
        "status_since": _iso(row.status_since),
        "observed": row.observed_status or None,
    }


def incidents(rows: QuerySet[Incident]) -> QuerySet[Incident]:
    """Rows for `incident`: with their names as last corrected."""
    return corrections.with_names(rows, named_by="update__incident")


def incident(row: Incident) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "name": corrections.listed_name(row, row.name),
        "publication": row.publication,
        "status": row.status,
        "impact": row.impact,
        "started_at": _iso(row.started_at),
        "published_at": _iso(row.published_at),
        "resolved_at": _iso(row.resolved_at),
        "next_update_by": _iso(row.next_update_by),
        "backfilled": row.backfilled,
    }


def incident_whole(row: Incident) -> dict[str, Any]:
    said = row.updates.exclude(publication="discarded").select_related("incident", "author").order_by("id")
    return {**incident(row), "updates": [update(one) for one in said.prefetch_related("corrections", "affected__component")]}


def update(row: IncidentUpdate) -> dict[str, Any]:
    return {
        **_publishable(row),
        "incident": row.incident.public_id,
        "status": row.status,
        "affected": [_state(one.component, one.new_status) for one in row.affected.all()],
        "next_update_by": _iso(row.next_update_by),
        "deliver_notifications": row.deliver_notifications,
        **row.scope(),
        **_said(row),
    }


def notice(row: Notice) -> dict[str, Any]:
    return {
        "id": row.code,
        "phase": row.phase or None,
        "component_status": row.component_status or None,
        "title": by_language(row.title),
        "body": by_language(row.body),
        "signed": is_signed(row),
    }


def planned(rows: QuerySet[ScheduledMaintenance]) -> QuerySet[ScheduledMaintenance]:
    """Rows for `maintenance`: with their names as last corrected."""
    return corrections.with_names(rows, named_by="planned__maintenance")


def maintenance(row: ScheduledMaintenance) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "name": corrections.listed_name(row, row.name),
        "publication": row.publication,
        "phase": row.phase,
        "starts_at": _iso(row.starts_at),
        "ends_at": _iso(row.ends_at),
        "recurrence": row.recurrence,
        "automatic_start": row.automatic_start,
        "automatic_end": row.automatic_end,
        "finished_at": _iso(row.finished_at),
    }


def maintenance_whole(row: ScheduledMaintenance) -> dict[str, Any]:
    said = row.updates.exclude(publication="discarded").select_related("maintenance", "author").order_by("id")
    listed = said.prefetch_related("corrections", "affected__component")
    return {**maintenance(row), "updates": [maintenance_update(one) for one in listed]}


def maintenance_update(row: MaintenanceUpdate) -> dict[str, Any]:
    return {
        **_publishable(row),
        "maintenance": row.maintenance.public_id,
        "phase": row.status,
        "starts_at": _iso(row.starts_at),
        "ends_at": _iso(row.ends_at),
        "expected": [_state(one.component, one.expected) for one in row.affected.all()],
        "deliver_notifications": row.deliver_notifications,
        **_said(row),
    }


def statement(row: Statement) -> dict[str, Any]:
    return {
        **_publishable(row),
        "incident": row.incident.public_id,
        "level": row.level,
        "scope": by_language(row.scope),
        "body": by_language(row.body),
        "as_of": _iso(row.as_of),
        "expires_at": _iso(row.expires_at),
        "signed_in": row.signed_in,
        "withdrawn": row.withdrawal is not None,
    }


def claim(row: Claim) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "words": row.words,
        "language": row.language,
        "where": row.where,
        "first_seen": row.first_seen.isoformat(),
        "reach": row.reach,
        "state": row.state,
    }


def rebuttal(row: Rebuttal) -> dict[str, Any]:
    return {
        **_publishable(row),
        "series": row.series,
        "version": row.version,
        "state": stage_of(row).value,
        "incident": row.incident.public_id if row.incident else None,
        "components": list(
            Component.objects.filter(public_id__in=row.components).order_by("code").values_list("code", flat=True)
        ),
        "claim_quote": row.claim_quote,
        "verdict": row.verdict or None,
        "review_date": row.review_date.isoformat() if row.review_date else None,
        **{field: by_language(getattr(row, field)) for field in row.text_fields},
    }


def subscriber(row: Subscriber) -> dict[str, Any]:
    wanted = wishes.of(row)
    return {
        "id": row.public_id,
        "channel": row.channel,
        "language": row.language,
        "state": row.state,
        "components": sorted(one.code for one in wanted.components),
        "groups": sorted(one.code for one in wanted.groups),
        "asked_at": _iso(row.created_at),
        "confirmed_at": _iso(row.confirmed_at),
    }


def notification(row: Notification, channels: Sequence[Progress]) -> dict[str, Any]:
    """`rate`: sent a minute, lately; `left_seconds`: how long the rest takes at that rate, None while nothing moves."""
    return {
        "record_seq": row.record_seq,
        "kind": row.kind,
        "created_at": _iso(row.created_at),
        "send_at": _iso(row.send_at),
        "stopped_at": _iso(row.stopped_at),
        "listed": row.expanded_at is not None,
        "channels": [
            {
                "channel": one.channel,
                "queued": one.queued,
                "sent": one.sent,
                "failed": one.failed,
                "cancelled": one.cancelled,
                "rate": round(one.rate, 1),
                "left_seconds": round(one.left.total_seconds()) if one.left is not None else None,
            }
            for one in channels
        ],
    }


def _said(row: IncidentUpdate | MaintenanceUpdate) -> dict[str, Any]:
    """Its words as the page shows them, and what was said before each correction."""
    words, before = corrections.said_now(row)
    corrected = [{"field": one.field, "said": one.body, "until": _iso(one.corrected_at), "reason": one.reason} for one in before]
    return {**words, "corrected": corrected}


def _state(row: Component, status: str) -> dict[str, str]:
    return {"component": row.code, "status": status}


def _publishable(row: Publishable) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "publication": row.publication,
        "signature": signature_state(row),
        "signature_requested_at": _iso(row.signature_requested_at),
        "author": row.author.get_username() if row.author else None,
        "published_at": _iso(row.published_at),
        "record_seq": row.record_seq,
        "updated_at": row.updated_at.isoformat(),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
