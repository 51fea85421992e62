"""Statements on data and funds, in the permitted words of their level. People sign them, each in a role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from ninja import Path, Router, Status

from incidents import stating
from incidents.models import Component, Statement
from statuspage import publishing
from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.drafts import Kind, add_routes
from statuspage.api.incidents import find_incident, named_in
from statuspage.api.paging import Cursor, Limit, page_of
from statuspage.api.responses import LISTS, MADE

router = Router(tags=["statements"])
VIEW = "incidents.view_statement"


def _publish(statement: Statement, reason: str, asking: Caller) -> object:
    return publishing.publish_statement(statement=statement, actor=asking.owner, now=asking.now)


def _about(statement: Statement) -> Iterable[Component]:
    return named_in(statement.incident)


KIND = Kind(
    thing="statement",
    scope="statements",
    view=VIEW,
    rows=lambda: Statement.objects.select_related("incident", "author").prefetch_related("signatures", "withdrawals"),
    shape=shapes.statement,
    about=_about,
    publish=_publish,
)
add_routes(router, "/statements", KIND)


@router.get("/incidents/{public_id}/statements", response=LISTS)
@guarded("read")
def list_statements(
    request: HttpRequest, public_id: Path[schemas.PublicId], limit: Limit = 50, after: Cursor = ""
) -> dict[str, Any]:
    """What was said of data and funds, and the drafts of it."""
    asking = caller(request)
    asking.require(VIEW)
    rows = KIND.rows().filter(incident=find_incident(public_id, asking)).exclude(publication="discarded")
    return page_of(rows, shapes.statement, limit=limit, after=after)


@router.post("/incidents/{public_id}/statements", response=MADE)
@guarded("statements.write")
def draft_statement(
    request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.NewStatement
) -> Status[dict[str, Any]]:
    """Draft one in the words of its level."""
    asking = caller(request)
    statement = stating.draft(
        incident=find_incident(public_id, asking),
        level=body.level,
        author=asking.owner,
        now=asking.now,
        scope=body.scope,
        as_of=body.as_of,
        by=body.by,
    )
    return Status(201, KIND.show(statement.public_id, asking))
