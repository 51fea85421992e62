"""Planned work: announced, moved, said how it goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from ninja import Path, Router, Status

from incidents import planned_work, windows
from incidents.languages import in_all
from incidents.models import Component, MaintenanceComponent, MaintenanceUpdate, ScheduledMaintenance
from incidents.words import Publication
from statuspage import publishing
from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.drafts import Kind, add_routes
from statuspage.api.paging import Cursor, Limit, page_of
from statuspage.api.problems import unknown
from statuspage.api.responses import ANSWERS, LISTS, MADE

router = Router(tags=["maintenance"])
VIEW = "incidents.view_scheduledmaintenance"


def _named_in(planned: ScheduledMaintenance) -> list[Component]:
    """Every service that any word of it names, announced or drafted."""
    words = planned.updates.exclude(publication=Publication.DISCARDED)
    drafted = Component.objects.filter(pk__in=words.values("affected__component"))
    return list({*drafted, *windows.expectations(planned)})


def _publish(update: MaintenanceUpdate, reason: str, asking: Caller) -> object:
    return publishing.publish_maintenance(update=update, actor=asking.owner, now=asking.now)


def _about(update: MaintenanceUpdate) -> Iterable[Component]:
    return _named_in(update.maintenance)


WORDS = Kind(
    thing="maintenance update",
    scope="maintenance",
    view=VIEW,
    rows=lambda: MaintenanceUpdate.objects.select_related("maintenance", "author"),
    shape=shapes.maintenance_update,
    about=_about,
    publish=_publish,
)
add_routes(router, "/maintenance-updates", WORDS)


def _find(public_id: str, asking: Caller) -> ScheduledMaintenance:
    planned = shapes.planned(ScheduledMaintenance.objects.filter(public_id=public_id)).first()
    if planned is None:
        raise unknown("planned work")
    asking.require_components(_named_in(planned))
    return planned


@router.get("/maintenance", response=LISTS)
@guarded("read")
def list_maintenance(request: HttpRequest, limit: Limit = 50, after: Cursor = "") -> dict[str, Any]:
    """Newest first, drafts too."""
    asking = caller(request)
    asking.require(VIEW)
    rows = ScheduledMaintenance.objects.exclude(publication=Publication.DISCARDED)
    named = MaintenanceComponent.objects.exclude(update__publication=Publication.DISCARDED)
    own = asking.own(rows, named, "update__maintenance")
    return page_of(shapes.planned(own), shapes.maintenance, limit=limit, after=after)


@router.get("/maintenance/{public_id}", response=ANSWERS)
@guarded("read")
def read_maintenance(request: HttpRequest, public_id: Path[schemas.PublicId]) -> dict[str, Any]:
    """One window with every word about it."""
    asking = caller(request)
    asking.require(VIEW)
    return shapes.maintenance_whole(_find(public_id, asking))


@router.post("/maintenance", response=MADE)
@guarded("maintenance.write")
def plan(request: HttpRequest, body: schemas.NewMaintenance) -> Status[dict[str, Any]]:
    """Draft an announcement; it is signed and published before the work begins."""
    asking = caller(request)
    expected = schemas.components_of(body.expected, "expected")
    asking.require_components(expected)
    update = planned_work.plan(
        name=body.name,
        body=body.body,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        expected=expected,
        author=asking.owner,
        now=asking.now,
        recurrence=body.recurrence,
        automatic_start=body.automatic_start,
        automatic_end=body.automatic_end,
        deliver_notifications=body.deliver_notifications,
    )
    return Status(201, shapes.maintenance_whole(update.maintenance))


@router.post("/maintenance/{public_id}/updates", response=MADE)
@guarded("maintenance.write")
def step(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.MaintenanceStep) -> Status[dict[str, Any]]:
    """Draft how it goes. Without a body it has the words signed with the announcement, and may be published at once."""
    asking = caller(request)
    update = planned_work.step(
        planned=_find(public_id, asking),
        status=body.status.value,
        author=asking.owner,
        now=asking.now,
        body=body.body,
        deliver_notifications=body.deliver_notifications,
    )
    return Status(201, WORDS.show(update.public_id, asking))


@router.post("/maintenance/{public_id}/reschedule", response=MADE)
@guarded("maintenance.write")
def reschedule(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.Rescheduling) -> Status[dict[str, Any]]:
    """Draft other times. What was announced stays public beside them."""
    asking = caller(request)
    planned = _find(public_id, asking)
    expected = schemas.components_of(body.expected, "expected") if body.expected is not None else None
    if expected is not None:
        asking.require_components(expected)
    update = planned_work.reschedule(
        planned=planned,
        body=body.body,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        author=asking.owner,
        now=asking.now,
        expected=expected,
    )
    return Status(201, WORDS.show(update.public_id, asking))


@router.post("/maintenance/{public_id}/end-series", response=ANSWERS)
@guarded("maintenance.write")
def end_series(request: HttpRequest, public_id: Path[schemas.PublicId]) -> dict[str, Any]:
    """Announce no further ones of recurring work; those announced already stay."""
    asking = caller(request)
    planned_work.end_series(planned=_find(public_id, asking), actor=asking.owner, now=asking.now)
    return shapes.maintenance_whole(_find(public_id, asking))


@router.patch("/maintenance-updates/{public_id}", response=ANSWERS)
@guarded("maintenance.write")
def edit(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.MaintenanceEdit) -> dict[str, Any]:
    """Change a draft; a signature on it is void by that."""
    asking = caller(request)
    update = WORDS.find(public_id, asking)
    expected = schemas.components_of(body.expected, "expected") if body.expected is not None else None
    if expected is not None:
        asking.require_components(expected)
    names = ("starts_at", "ends_at", "deliver_notifications")
    fields: dict[str, Any] = {name: getattr(body, name) for name in names if getattr(body, name) is not None}
    if body.body is not None:
        fields["body"] = in_all(body.body)
    planned_work.edit(
        update=update,
        actor=asking.owner,
        now=asking.now,
        seen_at=body.seen_at,
        name=body.name,
        expected=expected,
        **fields,
    )
    return WORDS.show(public_id, asking)
