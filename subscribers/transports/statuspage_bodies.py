"""Webhook bodies as Statuspage sends them, for receivers written for it: an incident or planned work, whole, or a component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from incidents import corrections, rollup, statuspage_v2
from incidents.languages import by_language, codes, to_read
from incidents.models import (
    AffectedComponent,
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    ScheduledMaintenance,
    StatusChange,
)
from incidents.public_ids import page_id
from subscribers.items import Item
from subscribers.rendering import UNSUBSCRIBE_MARK
from subscribers.telling import said

LONGEST_BODY, UPDATES, NAMED = 600, 8, 20  # characters; updates, the newest first; components to a list


def body_of(item: Item, language: str) -> Mapping[str, Any] | None:
    """None for what Statuspage has no form for: answers to claims, announcements, statements."""
    document = item.document.of if isinstance(item.document, Correction) else item.document
    page = _page(item.published_at, language)
    if isinstance(document, IncidentUpdate):
        told = {"incident": _incident(document.incident, page)}
    elif isinstance(document, MaintenanceUpdate):
        told = {"incident": _maintenance(document.maintenance, page)}
    elif isinstance(document, StatusChange):
        told = _component_update(document, item.public_id, page)
    else:
        return None
    components = list(Component.objects.published())
    indicator, description = rollup.blend(
        [one.status for one in components], critical=[one.status for one in components if one.critical]
    )
    return {
        "meta": {
            "unsubscribe": UNSUBSCRIBE_MARK,
            "documentation": f"{settings.BASE_URL}/subscribe",
            "generated_at": statuspage_v2.time(timezone.now(), page),
        },
        "page": {"id": page.id, "status_indicator": indicator, "status_description": description},
        **told,
    }


def _component_update(change: StatusChange, public_id: str, page: statuspage_v2.Page) -> dict[str, Any]:
    """A component, and what it shows since this change."""
    [component] = _components([change.component], page)
    return {
        "component": component | {"status": statuspage_v2.five(change.new_status)},
        "component_update": {
            "old_status": statuspage_v2.five(change.old_status),
            "new_status": statuspage_v2.five(change.new_status),
            "created_at": statuspage_v2.time(change.at, page),
            "component_type": "Component",
            "id": public_id,
            "component_id": change.component.public_id,
        },
    }


def _page(at: datetime, language: str) -> statuspage_v2.Page:
    return statuspage_v2.Page(
        id=page_id(urlsplit(settings.BASE_URL).netloc),
        name=settings.PROVIDER_NAME,
        url=settings.BASE_URL,
        time_zone=settings.PAGE_TIME_ZONE,
        updated_at=at,
        language=language if language in codes() else codes()[0],
    )


def _incident(incident: Incident, page: statuspage_v2.Page) -> dict[str, Any]:
    updates = list(incident.updates.published().prefetch_related("affected__component", "corrections")[:UPDATES])
    assert incident.published_at is not None
    return {
        **_nothing(),
        "name": corrections.name_of(incident)[page.language],
        "status": statuspage_v2.phase(incident.status),
        "created_at": statuspage_v2.time(incident.published_at, page),
        "updated_at": statuspage_v2.time(updates[0].display_at or incident.published_at, page),
        "monitoring_at": _time(incident.monitoring_at, page),
        "resolved_at": None if incident.is_open else _time(incident.resolved_at, page),
        "impact": incident.impact,
        "impact_override": incident.impact_override or None,
        "backfilled": incident.backfilled,
        "shortlink": f"{page.url}/incidents/{incident.public_id}",
        "id": incident.public_id,
        "page_id": page.id,
        "incident_updates": [_update(update, incident.public_id, page, _body_now(update)) for update in updates],
        "components": _components((row.component for update in updates for row in update.affected.all()), page),
    }


def _maintenance(work: ScheduledMaintenance, page: statuspage_v2.Page) -> dict[str, Any]:
    """Planned work goes under `incident` too, with its times set."""
    updates = list(
        work.updates.published().prefetch_related("affected__component", "corrections").order_by("-published_at", "-id")[:UPDATES]
    )
    assert work.published_at is not None
    return {
        **_nothing(),
        "name": corrections.standing(updates[0])["name"][page.language],
        "status": statuspage_v2.phase(work.phase),
        "created_at": statuspage_v2.time(work.published_at, page),
        "updated_at": statuspage_v2.time(updates[0].published_at or work.published_at, page),
        "monitoring_at": _time(work.verifying_at, page),
        "resolved_at": _time(work.finished_at, page),
        "impact": "maintenance",
        "shortlink": f"{page.url}/incidents/{work.public_id}",
        "id": work.public_id,
        "page_id": page.id,
        "scheduled_for": _time(work.starts_at, page),
        "scheduled_until": _time(work.ends_at, page),
        "scheduled_remind_prior": True,
        "scheduled_auto_in_progress": work.automatic_start,
        "scheduled_auto_completed": work.automatic_end,
        "incident_updates": [_update(update, work.public_id, page, _body_now(update)) for update in updates],
        "components": _components((row.component for update in updates for row in update.affected.all()), page),
    }


def _nothing() -> dict[str, Any]:
    """Every field of theirs that we have nothing for."""
    empty = (
        "postmortem_body postmortem_body_last_updated_at postmortem_published_at scheduled_for scheduled_until "
        "scheduled_reminded_at impact_override"
    )
    no = (
        "postmortem_ignored postmortem_notified_subscribers postmortem_notified_twitter backfilled scheduled_remind_prior "
        "scheduled_auto_in_progress scheduled_auto_completed"
    )
    return dict.fromkeys(empty.split()) | dict.fromkeys(no.split(), False)


def _body_now(update: IncidentUpdate | MaintenanceUpdate) -> Any:
    """As last corrected."""
    published = sorted((one for one in update.corrections.all() if one.is_published), key=lambda one: one.record_seq or 0)
    return to_read(corrections.now_said({"body": by_language(update.body)}, published)["body"])


def _update(update: IncidentUpdate | MaintenanceUpdate, incident_id: str, page: statuspage_v2.Page, body: Any) -> dict[str, Any]:
    at = update.published_at
    assert at is not None
    affected: list[AffectedComponent | MaintenanceComponent] = [*update.affected.all()]
    return {
        "id": update.public_id,
        "incident_id": incident_id,
        "status": statuspage_v2.phase(update.status),
        "body": said(body, page.language)[:LONGEST_BODY],
        "created_at": statuspage_v2.time(at, page),
        "updated_at": statuspage_v2.time(at, page),
        "display_at": statuspage_v2.time(getattr(update, "display_at", None) or at, page),
        "affected_components": [
            {
                "code": row.component.public_id,
                "name": said(row.name, page.language) or said(row.component.name, page.language),
                "old_status": statuspage_v2.five(row.old_status),
                "new_status": statuspage_v2.five(row.new_status),
            }
            for row in affected[:NAMED]
        ]
        or None,
        "deliver_notifications": update.deliver_notifications,
        "wants_twitter_update": False,
        "twitter_updated_at": None,
        "custom_tweet": None,
        "tweet_id": None,
    }


def _components(found: Iterable[Component], page: statuspage_v2.Page) -> list[dict[str, Any]]:
    """In short form, each once, with what it shows now."""
    return [
        {
            "id": component.public_id,
            "name": said(component.name, page.language),
            "status": statuspage_v2.five(component.status),
            "created_at": statuspage_v2.time(component.created_at, page),
            "updated_at": statuspage_v2.time(component.status_since or component.created_at, page),
            "position": component.position,
            "description": said(component.description, page.language) or None,
            "showcase": component.showcase,
            "page_id": page.id,
            "group_id": component.group.public_id if component.group.has_heading else None,
        }
        for component in list({one.pk: one for one in found if not one.internal}.values())[:NAMED]
    ]


def _time(moment: datetime | None, page: statuspage_v2.Page) -> str | None:
    return statuspage_v2.time(moment, page) if moment else None
