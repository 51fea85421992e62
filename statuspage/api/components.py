"""Services: their words, and states set by hand."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router, Status

from incidents import components
from incidents.models import Component, ComponentGroup, Override
from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.problems import Problem, unfit, unknown
from statuspage.api.responses import ANSWERS, LISTS, MADE

router = Router(tags=["components"])
VIEW = "incidents.view_component"


def _find(code: str, asking: Caller) -> Component:
    component = Component.objects.select_related("group").filter(code=code).first()
    if component is None:
        raise unknown("service")
    asking.require_components([component])
    return component


@router.get("/components", response=LISTS)
@guarded("read")
def list_components(request: HttpRequest) -> dict[str, Any]:
    """Every service, parts behind them too, in page order."""
    asking = caller(request)
    asking.require(VIEW)
    allowed = set(asking.token.components.values_list("pk", flat=True))
    rows = Component.objects.select_related("group")
    return {"items": [shapes.component(row) for row in rows if not allowed or row.pk in allowed]}


@router.get("/components/{code}", response=ANSWERS)
@guarded("read")
def read_component(request: HttpRequest, code: Path[schemas.Code]) -> dict[str, Any]:
    """What it shows, since when, and by whose word."""
    asking = caller(request)
    asking.require(VIEW)
    return shapes.component(_find(code, asking))


@router.post("/components", response=MADE)
@guarded("components.write")
def add_component(request: HttpRequest, body: schemas.NewComponent) -> Status[dict[str, Any]]:
    """A new service. A token for certain services adds none."""
    asking = caller(request)
    asking.require_components([])
    group = ComponentGroup.objects.filter(code=body.group).first()
    if group is None:
        known = ", ".join(ComponentGroup.objects.values_list("code", flat=True)[:20]) or "none yet"
        raise unfit(
            "group",
            f"there is no group {body.group}. There are: {known}. Page admins make groups at the desk (Set-up, Service groups).",
        )
    if Component.objects.filter(code=body.code).exists():
        raise Problem(409, "exists", f"There is a service {body.code} already.")
    fields = body.model_dump(exclude={"group"})
    return Status(201, shapes.component(components.add(group=group, actor=asking.owner, now=asking.now, **fields)))


@router.patch("/components/{code}", response=ANSWERS)
@guarded("components.write")
def edit_component(request: HttpRequest, code: Path[schemas.Code], body: schemas.ComponentEdit) -> dict[str, Any]:
    """Change its words or its place. Its code stands in scripts, so it stays."""
    asking = caller(request)
    components.edit(component=_find(code, asking), actor=asking.owner, now=asking.now, **body.model_dump(exclude_none=True))
    return shapes.component(_find(code, asking))


@router.put("/components/{code}/override", response=ANSWERS)
@guarded("components.write")
def set_override(request: HttpRequest, code: Path[schemas.Code], body: schemas.NewOverride) -> dict[str, Any]:
    """Show a state set by hand until it expires: over what probes confirm, under incidents."""
    asking = caller(request)
    components.set_override(
        component=_find(code, asking),
        status=body.status.value,
        reason=body.reason,
        expires_at=body.expires_at,
        actor=asking.owner,
        now=asking.now,
    )
    return shapes.component(_find(code, asking))


@router.delete("/components/{code}/override", response=ANSWERS)
@guarded("components.write")
def end_override(request: HttpRequest, code: Path[schemas.Code]) -> dict[str, Any]:
    """Show again what probes and incidents say."""
    asking = caller(request)
    override = Override.objects.standing().filter(component=_find(code, asking)).first()
    if override is None:
        raise unknown("state set by hand")
    components.end_override(override=override, actor=asking.owner, now=asking.now)
    return shapes.component(_find(code, asking))
