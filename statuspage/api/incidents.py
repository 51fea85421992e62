"""Incidents and their updates: drafted, edited, sent to sign, published; and pre-signed notices published at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Path, Router, Status

from incidents import drafts
from incidents.drafts import Keep
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, Notice
from incidents.words import Publication
from statuspage import publishing
from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.drafts import Kind, add_routes
from statuspage.api.paging import Cursor, Limit, page_of
from statuspage.api.problems import unfit, unknown
from statuspage.api.responses import ANSWERS, LISTS, MADE

router = Router(tags=["incidents"])
VIEW = "incidents.view_incident"


class Which(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    DRAFT = "draft"
    ALL = "all"


def named_in(incident: Incident, *, besides: IncidentUpdate | None = None) -> list[Component]:
    """Every service that any word of it names, said or drafted; `besides`: but for that word."""
    updates = incident.updates.exclude(publication=Publication.DISCARDED)
    if besides:
        updates = updates.exclude(pk=besides.pk)
    return list(Component.objects.filter(affected__update__in=updates).distinct())


def _publish(update: IncidentUpdate, reason: str, asking: Caller) -> object:
    return publishing.publish_update(update_id=update.pk, actor=asking.owner, now=asking.now, reason=reason)


def _discard(update: IncidentUpdate, reason: str, asking: Caller) -> None:
    drafts.discard(update=update, actor=asking.owner, now=asking.now, reason=reason)


def _about(update: IncidentUpdate) -> Iterable[Component]:
    return named_in(update.incident)


UPDATES = Kind(
    thing="update",
    scope="incidents",
    view=VIEW,
    rows=lambda: IncidentUpdate.objects.select_related("incident", "author"),
    shape=shapes.update,
    about=_about,
    publish=_publish,
    discard=_discard,
)
add_routes(router, "/updates", UPDATES)


def find_incident(public_id: str, asking: Caller) -> Incident:
    """The incident, if the token may speak of all that it names. Raises Problem."""
    incident = shapes.incidents(Incident.objects.filter(public_id=public_id)).first()
    if incident is None:
        raise unknown("incident")
    asking.require_components(named_in(incident))
    return incident


# --- Read --------------------------------------------------------------------------------------


@router.get("/incidents", response=LISTS)
@guarded("read")
def list_incidents(request: HttpRequest, which: Which = Which.OPEN, limit: Limit = 50, after: Cursor = "") -> dict[str, Any]:
    """Newest first. `open` are public or drafted and not over."""
    asking = caller(request)
    asking.require(VIEW)
    rows = Incident.objects.all()
    if which == Which.OPEN:
        rows = rows.unresolved()
    elif which == Which.CLOSED:
        rows = rows.published().exclude(pk__in=Incident.objects.unresolved())
    elif which == Which.DRAFT:
        rows = rows.filter(publication=Publication.DRAFT)
    own = asking.own(rows, AffectedComponent.objects.exclude(update__publication=Publication.DISCARDED), "update__incident")
    return page_of(shapes.incidents(own), shapes.incident, limit=limit, after=after)


@router.get("/incidents/{public_id}", response=ANSWERS)
@guarded("read")
def read_incident(request: HttpRequest, public_id: Path[schemas.PublicId]) -> dict[str, Any]:
    """One incident with all its updates, drafts too."""
    asking = caller(request)
    asking.require(VIEW)
    return shapes.incident_whole(find_incident(public_id, asking))


@router.get("/notices", response=LISTS)
@guarded("read", "notices.publish")
def list_notices(request: HttpRequest) -> dict[str, Any]:
    """The texts of calm time; `signed` ones can be published at once."""
    caller(request).require("incidents.view_notice")
    return {"items": [shapes.notice(row) for row in Notice.objects.all()]}


# --- Write -------------------------------------------------------------------------------------


@router.post("/incidents", response=MADE)
@guarded("incidents.write")
def open_incident(request: HttpRequest, body: schemas.NewIncident) -> Status[dict[str, Any]]:
    """Draft an incident; 409 where one names the first service already. Nothing is public before it is published."""
    asking = caller(request)
    affected = schemas.components_of(body.affected, "affected")
    asking.require_components(affected)
    component, status = next(iter(affected.items()))
    since = body.since or asking.now
    if since > asking.now:
        raise unfit("since", "that time has not come yet.")
    with transaction.atomic():
        update = drafts.open_draft(component=component, status=status, since=since, now=asking.now, author=asking.owner)
        drafts.edit_update(
            update=update, actor=asking.owner, now=asking.now, name=body.name, affected=affected, **_fields(body, set())
        )
    update.refresh_from_db()
    return Status(201, shapes.incident_whole(Incident.objects.get(pk=update.incident_id)))


@router.post("/incidents/{public_id}/updates", response=MADE)
@guarded("incidents.write")
def add_update(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.UpdateFields) -> Status[dict[str, Any]]:
    """Draft its next update. Services that are not named keep their state."""
    asking = caller(request)
    incident = find_incident(public_id, asking)
    affected = schemas.components_of(body.affected, "affected")
    if affected:
        asking.require_components(affected)
    fields = _fields(body, set(), keep=False)
    update = drafts.add_update(
        incident=incident,
        affected=affected,
        author=asking.owner,
        now=asking.now,
        **{"status": incident.status, "body": {}, "next_update_by": None, **fields},
    )
    return Status(201, UPDATES.show(update.public_id, asking))


@router.patch("/updates/{public_id}", response=ANSWERS)
@guarded("incidents.write")
def edit_update(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.UpdateEdit) -> dict[str, Any]:
    """Change a draft; a signature on it is void by that. The token's owner becomes one of its authors."""
    asking = caller(request)
    update = UPDATES.find(public_id, asking)
    given = body.model_fields_set
    affected = schemas.components_of(body.affected, "affected") if body.affected is not None else None
    if affected is not None:
        asking.require_components([*affected, *named_in(update.incident, besides=update)])
    drafts.edit_update(
        update=update,
        actor=asking.owner,
        now=asking.now,
        name=body.name,
        affected=affected,
        seen_at=body.seen_at,
        **_fields(body, given),
    )
    return UPDATES.show(public_id, asking)


@router.post("/notices/{code}/publish", response=ANSWERS)
@guarded("notices.publish", "incidents.publish")
def publish_notice(request: HttpRequest, code: Path[schemas.Code], body: schemas.NoticePublish) -> dict[str, Any]:
    """Say a pre-signed notice about a service: in its open incident or draft, else in a new one. 409 with every blocker."""
    asking = caller(request)
    component = schemas.named([body.component], "component")[0]
    asking.require_components([component])
    if incident := drafts.open_incident_of(component):
        asking.require_components(named_in(incident))
    notice = Notice.objects.filter(code=code).first()
    if notice is None:
        raise unknown("notice")
    update = publishing.publish_notice(component=component, notice=notice, actor=asking.owner, now=asking.now, reason=body.reason)
    return shapes.update(update)


def _fields(body: schemas.UpdateFields, given: set[str], *, keep: bool = True) -> dict[str, Any]:
    """What was given of an update, as the operations take it."""
    plain = ("status", "body", "deliver_notifications")
    fields: dict[str, Any] = {name: getattr(body, name) for name in plain if getattr(body, name) is not None}
    if body.next_update_by is not None or "next_update_by" in given:
        fields["next_update_by"] = body.next_update_by
    elif keep:
        fields["next_update_by"] = Keep.KEEP
    stated = {name: getattr(body, name) for name in drafts.STATED if name in type(body).model_fields}
    more: Mapping[str, Any] = {name: value for name, value in stated.items() if value is not None}
    return {**fields, **({"more": more} if more else {})}
