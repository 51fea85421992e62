"""Webhook bodies as Statuspage sends them, for receivers written for it: an incident or planned work, whole, or a component."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from incidents import corrections, rollup, statuspage_v2
from incidents.facts import AffectedFacts, UpdateFacts
from incidents.languages import by_language, codes, to_read
from incidents.models import (
    AffectedComponent,
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    Review,
    ScheduledMaintenance,
    StatusChange,
)
from incidents.public_ids import page_id
from subscribers.items import Item, item_of
from subscribers.rendering import UNSUBSCRIBE_MARK
from subscribers.telling import said, tell

UPDATES, NAMED = 8, 20  # updates, the newest first; components to a list
# Bytes of an incident: with the frame and the reader's link a body stays below the 20 kB that receivers are told to expect.
ROOM, ROOM_OF_EACH = 18_500, 400
LONGEST_REVIEW = 4000  # characters
SHORTER = (600, 200)  # characters that older updates keep where all together are too long


_Update = IncidentUpdate | MaintenanceUpdate


def body_of(item: Item, language: str) -> Mapping[str, Any] | None:
    """None for what Statuspage has no form for: answers to claims, announcements, statements. A review is its postmortem."""
    document = item.document.of if isinstance(item.document, Correction) else item.document
    page = _page(item.published_at, language)
    if isinstance(document, IncidentUpdate | Review):
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
    updates = list(incident.updates.published().prefetch_related("affected__component__group", "corrections")[:UPDATES])
    assert incident.published_at is not None
    fields = {
        **_nothing(),
        **_postmortem(incident, page),
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
    }
    return _with_updates(fields, updates, page)


def _maintenance(work: ScheduledMaintenance, page: statuspage_v2.Page) -> dict[str, Any]:
    """Planned work goes under `incident` too, with its times set."""
    updates = list(
        work.updates.published()
        .prefetch_related("affected__component__group", "corrections")
        .order_by("-published_at", "-id")[:UPDATES]
    )
    assert work.published_at is not None
    fields = {
        **_nothing(),
        "name": said(corrections.standing(updates[0])["name"], page.language),
        "status": statuspage_v2.phase(work.phase),
        "created_at": statuspage_v2.time(work.published_at, page),
        "updated_at": statuspage_v2.time(updates[0].published_at or work.published_at, page),
        "monitoring_at": _time(work.verifying_at, page),
        "resolved_at": _time(work.finished_at, page),
        "impact": "maintenance",
        "shortlink": f"{page.url}/maintenance/{work.public_id}",
        "id": work.public_id,
        "page_id": page.id,
        "scheduled_for": _time(work.starts_at, page),
        "scheduled_until": _time(work.ends_at, page),
        "scheduled_remind_prior": True,
        "scheduled_auto_in_progress": work.automatic_start,
        "scheduled_auto_completed": work.automatic_end,
    }
    return _with_updates(fields, updates, page)


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


def _postmortem(incident: Incident, page: statuspage_v2.Page) -> dict[str, Any]:
    """The review that counts, as they have it: Markdown."""
    review = incident.reviews.published().first()
    if review is None or review.published_at is None:
        return {}
    sections = tell(item_of(review), page.language).sections
    at = statuspage_v2.time(review.published_at, page)
    return {
        "postmortem_body": _shortened("\n\n".join(f"### {one.heading}\n\n{one.text}" for one in sections), LONGEST_REVIEW),
        "postmortem_body_last_updated_at": at,
        "postmortem_published_at": at,
        "postmortem_notified_subscribers": review.deliver_notifications,
    }


def _with_updates(fields: dict[str, Any], updates: Sequence[_Update], page: statuspage_v2.Page) -> dict[str, Any]:
    """As many updates as there is room for, the newest first and at full length as long as that goes."""
    components = _components((row.component for update in updates for row in update.affected.all()), page)
    for many in range(len(updates), 0, -1):
        shown = updates[:many]
        bare = {**fields, "incident_updates": [_update(one, fields["id"], page, "") for one in shown], "components": components}
        room = ROOM - _size(bare)
        if room >= ROOM_OF_EACH * many:
            break
    texts = _fitting([said(_body_now(one), page.language) for one in shown], room)
    listed = [_update(one, fields["id"], page, text) for one, text in zip(shown, texts, strict=True)]
    return {**fields, "incident_updates": listed, "components": components}


def _fitting(texts: list[str], room: int) -> list[str]:
    """Within so many bytes of JSON: the older ones are shortened first, the oldest before the others."""
    for most in SHORTER:
        for place in range(len(texts) - 1, 0, -1):
            if _written(texts) <= room:
                return texts
            texts[place] = _shortened(texts[place], most)
    while (over := _written(texts) - room) > 0 and len(texts[0]) > 1:
        texts[0] = _shortened(texts[0], max(1, len(texts[0]) - max(1, over // 6)))  # a letter may take six bytes
    return texts


def _written(texts: Iterable[str]) -> int:
    return sum(_size(statuspage_v2.as_html(text)) for text in texts)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _shortened(text: str, most: int) -> str:
    """At most so many characters, ending with a whole word and a sign that more was said."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    return f"{(kept.rpartition(' ')[0] or kept).rstrip()}…"


def _update(update: _Update, incident_id: str, page: statuspage_v2.Page, text: str) -> dict[str, Any]:
    assert update.published_at is not None
    assert update.record_seq is not None
    affected: list[AffectedComponent | MaintenanceComponent] = [*update.affected.all()]
    facts = UpdateFacts(
        public_id=update.public_id,
        status=update.status,
        body={page.language: text},
        display_at=getattr(update, "display_at", None) or update.published_at,
        published_at=update.published_at,
        next_update_by=None,
        promised_by=None,
        deliver_notifications=update.deliver_notifications,
        presigned=False,
        record_seq=update.record_seq,
        affected=tuple(_affected(row, page.language) for row in affected[:NAMED]),
    )
    return statuspage_v2.update_dict(page, incident_id, facts) | {"wants_twitter_update": False, "twitter_updated_at": None}


def _affected(row: AffectedComponent | MaintenanceComponent, language: str) -> AffectedFacts:
    group = row.component.group
    return AffectedFacts(
        component_id=row.component.public_id,
        name={language: said(row.name, language) or said(row.component.name, language)},
        group_name={language: said(group.name, language) if group.has_heading else ""},
        old_status=row.old_status,
        new_status=row.new_status,
    )


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
