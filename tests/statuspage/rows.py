"""Published rows as statuspage.publishing leaves them, made directly: row, affected components and record entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from incidents import record
from incidents.languages import by_language, in_all
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate
from incidents.words import IncidentStatus, Publication
from tests.factories import NOON, ComponentFactory, IncidentFactory, IncidentUpdateFactory

SECRET = "queue seven is jammed"  # the words of a draft: they must not be found on any public file


def component(code: str = "send-money", **fields: Any) -> Component:
    names = in_all({"en": "Send money", "sw": "Tuma pesa"})
    made: Component = ComponentFactory(**{"code": code, "name": names, **fields})
    return made


def publish(
    *,
    incident: Incident | None = None,
    status: str = IncidentStatus.INVESTIGATING,
    at: datetime = NOON,
    affected: Mapping[Component, str] | None = None,
    next_update_by: datetime | None = None,
    **fields: Any,
) -> IncidentUpdate:
    """An update that is public since `at`, in a new incident when none is given."""
    incident = incident or IncidentFactory(started_at=at - timedelta(minutes=4))
    seq = record_entry(kind="incident_update", data={"incident": incident.public_id}, at=at)
    update: IncidentUpdate = IncidentUpdateFactory(
        incident=incident,
        status=status,
        publication=Publication.PUBLISHED,
        published_at=at,
        display_at=at,
        record_seq=seq,
        next_update_by=next_update_by,
        **fields,
    )
    for item, state in (affected or {}).items():
        AffectedComponent.objects.create(
            update=update, component=item, old_status=item.status, new_status=state, name=in_all(by_language(item.name))
        )
        Component.objects.filter(pk=item.pk).update(status=state, status_since=at)
        item.refresh_from_db()
    closed = status in IncidentStatus.closed()
    Incident.objects.filter(pk=incident.pk).update(
        publication=Publication.PUBLISHED,
        published_at=incident.published_at or at,
        status=status,
        next_update_by=next_update_by,
        resolved_at=at if closed else None,
    )
    incident.refresh_from_db()
    return update


def record_entry(*, kind: str, data: Mapping[str, Any], at: datetime = NOON) -> int:
    with transaction.atomic():
        return int(record.append(kind=kind, data=data, texts={}, now=at).seq)


def draft(**fields: Any) -> IncidentUpdate:
    """A draft that says SECRET in every text a person can write."""
    made: IncidentUpdate = IncidentUpdateFactory(
        body=in_all({"en": SECRET, "sw": SECRET}),
        reason=SECRET,
        **{"incident__name": in_all({"en": SECRET, "sw": SECRET}), **fields},
    )
    return made
