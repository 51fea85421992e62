"""Heartbeats and counts with a token, for senders that keep no secret to sign with. Those that sign use /push/<code>."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest
from ninja import Path, Router

from incidents import rights
from probes import pushes
from probes.models import Probe
from probes.probers import BEATS, PASSIVE
from statuspage.api import schemas
from statuspage.api.door import caller, guarded
from statuspage.api.problems import Problem, unknown
from statuspage.api.responses import ANSWERS

router = Router(tags=["measurements"])
BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}


@router.post("/heartbeats/{code}", response=ANSWERS, openapi_extra=BODY)
@guarded("measurements.write")
def beat(request: HttpRequest, code: Path[schemas.Code]) -> dict[str, Any]:
    """A beat of a probe of kind heartbeat or ussd_lab. The body as docs/pushes.md tells it; it may be empty."""
    return _take(request, code, BEATS)


@router.post("/metrics/{code}", response=ANSWERS, openapi_extra=BODY)
@guarded("measurements.write")
def counts(request: HttpRequest, code: Path[schemas.Code]) -> dict[str, Any]:
    """Counts for a probe of kind metric, as docs/pushes.md tells them."""
    return _take(request, code, set(PASSIVE) - set(BEATS))


def _take(request: HttpRequest, code: str, kinds: Collection[str]) -> dict[str, Any]:
    asking = caller(request)
    probe = Probe.objects.select_related("component").filter(code=code, kind__in=kinds, enabled=True).first()
    if probe is None:
        raise unknown("enabled probe of this code and kind")
    asking.require_components([probe.component])
    rights.require(asking.owner, "probe.push")
    try:
        is_news = pushes.take_trusted(probe=probe, sent_at=int(asking.now.timestamp()), body=request.body, now=asking.now)
    except pushes.PushRefused as refusal:
        raise Problem(refusal.status, "push_refused", str(refusal)) from None
    return {"id": code, "taken": "now" if is_news else "before"}
