"""How the telling of what was published goes: seen, stopped, what failed tried again. By the number of its record entry, which
every published row gives as `record_seq`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router

from incidents.models import Component
from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.problems import Problem, unknown
from statuspage.api.responses import ANSWERS
from subscribers import items, steering
from subscribers.models import Notification

router = Router(tags=["notifications"])
SCOPE = "notifications.write"


@router.get("/notifications/{record_seq}", response=ANSWERS)
@guarded("read")
def read_notification(request: HttpRequest, record_seq: Path[schemas.Number]) -> dict[str, Any]:
    """Whether it is held until when, and its progress by channel."""
    asking = caller(request)
    asking.require("subscribers.view_notification")
    return _shown(_find(record_seq, asking), asking)


@router.post("/notifications/{record_seq}/stop", response=ANSWERS)
@guarded(SCOPE)
def stop_notification(request: HttpRequest, record_seq: Path[schemas.Number], body: schemas.Reason) -> dict[str, Any]:
    """Nobody who has not been told yet is told; what is public stays. 409 when all of it has been sent."""
    asking = caller(request)
    found = _find(record_seq, asking)
    try:
        found = steering.stop_sending(notification=found, actor=asking.owner, reason=body.reason, now=asking.now)
    except steering.CannotStop as refusal:
        raise Problem(409, "conflict", str(refusal)) from None
    return _shown(found, asking)


@router.post("/notifications/{record_seq}/resend", response=ANSWERS)
@guarded(SCOPE)
def resend_notification(
    request: HttpRequest, record_seq: Path[schemas.Number], body: schemas.Resend | None = None
) -> dict[str, Any]:
    """Try again what was given up, by one channel or by all; `again` says how many."""
    asking = caller(request)
    found, channel = _find(record_seq, asking), body.channel if body else ""
    again = steering.resend_dead(notification=found, actor=asking.owner, now=asking.now, channel=channel)
    return {"again": again, **_shown(found, asking)}


def _find(record_seq: int, asking: Caller) -> Notification:
    found = Notification.objects.filter(record_seq=record_seq).first()
    if found is None:
        raise unknown("notification")
    document = items.document_of(found.kind, found.record_seq)
    named = items.item_of(document).components if document else ()
    asking.require_components(Component.objects.filter(pk__in=named))
    return found


def _shown(found: Notification, asking: Caller) -> dict[str, Any]:
    return shapes.notification(found, steering.progress(notification=found, now=asking.now))
