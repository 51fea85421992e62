"""Subscribers by machine: taken in with the proof that they agreed, ended. Addresses come in and never go out."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router

from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.paging import Cursor, Limit, page_of
from statuspage.api.problems import Problem, unknown
from statuspage.api.responses import ANSWERS, LISTS
from subscribers import csv_files, subscriptions
from subscribers.models import Subscriber

router = Router(tags=["subscribers"])
VIEW = "subscribers.view_subscriber"


@router.get("/subscribers", response=LISTS)
@guarded("subscribers.read")
def list_subscribers(request: HttpRequest, limit: Limit = 50, after: Cursor = "") -> dict[str, Any]:
    """Newest first, without their addresses."""
    asking = caller(request)
    asking.require(VIEW)
    asking.require_components([])
    return page_of(Subscriber.objects.all(), shapes.subscriber, limit=limit, after=after)


@router.get("/subscribers/{public_id}", response=ANSWERS)
@guarded("subscribers.read")
def read_subscriber(request: HttpRequest, public_id: Path[schemas.SubscriberId]) -> dict[str, Any]:
    """One of them, without the address."""
    asking = caller(request)
    asking.require(VIEW)
    return shapes.subscriber(_find(public_id, asking))


@router.post("/subscribers", response=ANSWERS)
@guarded("subscribers.write")
def add_subscriber(request: HttpRequest, body: schemas.NewSubscriber) -> dict[str, Any]:
    """Take in somebody who agreed elsewhere. Nothing is sent to ask them; a barred address stays barred."""
    asking = caller(request)
    components = schemas.named(body.components, "components")
    asking.require_components(components)
    given = {**body.model_dump(), "consent_at": body.consent_at.isoformat(), "components": " ".join(body.components)}
    try:
        end = csv_files.take_in_one(row=given, actor=asking.owner, now=asking.now)
    except ValueError as error:
        raise Problem(422, "invalid", str(error)) from None
    return {"id": end, "outcome": end}


@router.delete("/subscribers/{public_id}", response=ANSWERS)
@guarded("subscribers.write")
def end_subscriber(request: HttpRequest, public_id: Path[schemas.SubscriberId]) -> dict[str, Any]:
    """They hear nothing more; the address goes."""
    asking = caller(request)
    subscriber = _find(public_id, asking)
    subscriptions.unsubscribe_for(subscriber=subscriber, actor=asking.owner, now=asking.now)
    return shapes.subscriber(_find(public_id, asking))


def _find(public_id: str, asking: Caller) -> Subscriber:
    asking.require_components([])
    subscriber = Subscriber.objects.filter(public_id=public_id).first()
    if subscriber is None:
        raise unknown("subscriber")
    return subscriber
