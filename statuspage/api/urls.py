"""The write API: /api/v1 of staff's machines. Loaded at the first request for it: the page never needs it.

`/api/v1/status.json` is a public snapshot file, served before Django.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from incidents.drafts import AlreadyOpen, TimelineError
from incidents.signing import SigningRefused
from statuspage.api import (
    components,
    incidents,
    measurements,
    notifications,
    planned_work,
    rebuttals,
    shapes,
    statements,
    subscribers,
)
from statuspage.api.door import broken_off, caller, guarded, is_undone, unreachable
from statuspage.api.problems import Problem, blocked, respond
from statuspage.api.responses import ANSWERS
from statuspage.publishing import Blocked

log = logging.getLogger(__name__)

api = NinjaAPI(
    title="Hali",
    version="1",
    description="Writes for staff's machines, by the gates and signatures of the desk. Told in docs/api.md.",
    docs_url=None,
    urls_namespace="api",
    openapi_extra={
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    },
)
for one in (incidents, planned_work, statements, rebuttals, components, measurements, notifications, subscribers):
    api.add_router("", one.router)


@api.get("/token", response=ANSWERS, tags=["token"])
@guarded()
def read_token(request: HttpRequest) -> dict[str, Any]:
    """What this token is for, and until when."""
    return shapes.token(caller(request).token)


# --- Refusals ----------------------------------------------------------------------------------


@api.exception_handler(Problem)
def _problem(request: HttpRequest, error: Problem) -> HttpResponse:
    return respond(error)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    found = [{"field": _field_of(one["loc"]), "message": str(one["msg"])} for one in error.errors]
    first = found[0] if found else {"field": "body", "message": "does not fit"}
    return respond(Problem(422, "invalid", f"{first['field']}: {first['message']}", errors=found))


def _field_of(place: tuple[Any, ...]) -> str:
    """body.affected.0.status, without the names of our own arguments."""
    named = [str(part) for part in place if part not in ("body", "path", "query")]
    return ".".join(named)[:200] or "body"


@api.exception_handler(Blocked)
def _blocked(request: HttpRequest, error: Blocked) -> HttpResponse:
    return respond(blocked(error.blockers))


@api.exception_handler(AlreadyOpen)
def _already_open(request: HttpRequest, error: AlreadyOpen) -> HttpResponse:
    return respond(Problem(409, "already_open", str(error), incident=error.incident.public_id))


@api.exception_handler(TimelineError)
def _does_not_fit(request: HttpRequest, error: TimelineError) -> HttpResponse:
    return respond(Problem(409, "conflict", str(error)))


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return respond(Problem(403, "forbidden", str(error) or "The owner of this token may not do this."))


@api.exception_handler(SigningRefused)
def _not_signed(request: HttpRequest, error: SigningRefused) -> HttpResponse:
    return respond(Problem(403, "forbidden", str(error)))


@api.exception_handler(Http404)
def _unknown(request: HttpRequest, error: Http404) -> HttpResponse:
    return respond(Problem(404, "unknown", "There is no such thing here."))


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    return respond(Problem(400, "unreadable", "The body is not JSON."))


@api.exception_handler(DatabaseError)
def _away(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    return respond(unreachable(error) if request.method in ("GET", "HEAD") or is_undone(error) else broken_off(error))


@api.exception_handler(Exception)
def _our_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("The API failed at %s %s.", request.method, request.path, exc_info=error)
    return respond(Problem(500, "our_fault", "It failed on our side; our log says where."))


@csrf_exempt
def nowhere(request: HttpRequest, rest: str = "") -> HttpResponse:
    return respond(Problem(404, "unknown", "There is no such address: /api/v1/openapi.json lists them."))


def _in_our_form(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """ninja's own 405 as a problem document."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        given = view(request, *args, **kwargs)
        if given.status_code != 405:
            return given
        allowed = str(given.headers.get("Allow", ""))
        return respond(Problem(405, "method", f"Use {allowed}.", headers={"Allow": allowed}))

    return answer


_routes = api.urls
for _one in _routes[0]:
    if isinstance(_one, URLPattern):
        _one.callback = _in_our_form(_one.callback)
urlpatterns: list[URLPattern | URLResolver] = [path("", _routes), re_path(r"^(?P<rest>.*)$", nowhere)]
