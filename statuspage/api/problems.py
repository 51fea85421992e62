"""Problem documents (RFC 9457): every refusal of the API in one form, each with a code that a script can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse

from incidents.blockers import Blocker

TITLES = {
    400: "The request cannot be read",
    401: "Show a token",
    403: "This token may not",
    404: "There is no such thing",
    405: "Not by this method",
    409: "Not as things stand",
    413: "Too large",
    422: "The body does not fit",
    429: "Too often",
    500: "Our fault",
    503: "Not now",
}


class Problem(Exception):
    """An answer that refuses: what is wrong, in one line that says what to change."""

    def __init__(self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers, self.more = status, code, detail, dict(headers or {}), more


def respond(problem: Problem) -> HttpResponse:
    document = {
        "type": f"urn:hali:problem:{problem.code}",
        "title": TITLES[problem.status],
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    return HttpResponse(
        json.dumps(document),
        status=problem.status,
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def blocked(blockers: Iterable[Blocker]) -> Problem:
    """409 with all that forbids an act, as the desk lists it."""
    found = list(blockers)
    listed = [{"code": one.code, "field": one.field, "message": one.message} for one in found]
    return Problem(409, "blocked", " ".join(one.message for one in found), blockers=listed)


def unfit(field: str, message: str) -> Problem:
    """422 about one field."""
    return Problem(422, "invalid", f"{field}: {message}", errors=[{"field": field, "message": message}])


def unknown(thing: str) -> Problem:
    return Problem(404, "unknown", f"There is no {thing} here.")
