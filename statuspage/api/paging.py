"""Lists in pages, the newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from django.db.models import QuerySet
from ninja import Query
from pydantic import Field, StringConstraints

Limit = Annotated[int, Query(50, ge=1, le=100)]
Cursor = Annotated[str, StringConstraints(pattern=r"^\d{0,15}$"), Field(description="`next` of the page before.")]


def page_of(rows: QuerySet[Any], shape: Callable[[Any], dict[str, Any]], *, limit: int, after: str) -> dict[str, Any]:
    """{items, next} of at most `limit` rows."""
    if after:
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: limit + 1])
    more = len(found) > limit
    return {"items": [shape(row) for row in found[:limit]], "next": str(found[limit - 1].pk) if more else None}
