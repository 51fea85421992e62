"""Which answers each operation has, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from statuspage.api.shapes import Listed, ProblemOut

PROBLEMS: dict[Any, Any] = {frozenset({400, 401, 403, 404, 409, 413, 422, 429, 503}): ProblemOut}
ANSWERS: dict[Any, Any] = {200: dict[str, Any], **PROBLEMS}
MADE: dict[Any, Any] = {201: dict[str, Any], **PROBLEMS}
LISTS: dict[Any, Any] = {200: Listed, **PROBLEMS}
