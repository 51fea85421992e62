"""GET /healthz: 200 only when every part is doing its work; else which part is not, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from probes.models import Vantage
from statuspage import snapshot
from statuspage.models import Heartbeat
from statuspage.snapshot import swapping

AGENT_SILENT_AFTER = timedelta(seconds=30)
WORKER_SILENT_AFTER = timedelta(seconds=30)
PUBLISHER_SILENT_AFTER = timedelta(seconds=15)
BROKER_PATIENCE = 1.0  # seconds


@dataclass(frozen=True)
class Part:
    """One part's state. `since`: the last time it was seen at work, where that is known."""

    ok: bool
    detail: str
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "since": self.since.isoformat(timespec="seconds") if self.since else None, "detail": self.detail}


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    parts = examine(now=timezone.now())
    well = all(part.ok for part in parts.values())
    body = {"status": "ok" if well else "failing", "parts": {name: part.as_json() for name, part in parts.items()}}
    return JsonResponse(body, status=200 if well else 503)


def examine(*, now: datetime) -> dict[str, Part]:
    """Every part by name. A part that cannot be asked is not well; none of them raises."""
    parts = {"page": _page(now), "broker": _broker()}
    asked: dict[str, Callable[[datetime], Part]] = {
        "database": _database,
        "agent": _agent,
        "worker": _worker,
        "publisher": _publisher,
    }
    for name, ask in asked.items():
        try:
            parts[name] = ask(now)
        except DatabaseError as error:
            connection.close()
            parts[name] = Part(False, f"the database does not answer ({type(error).__name__})")
    return parts


def _page(now: datetime) -> Part:
    manifest = snapshot.current()
    if manifest is None:
        return Part(False, "there is no snapshot")
    built_at = datetime.fromtimestamp(manifest.built_at, tz=now.tzinfo)
    if not swapping.is_live(snapshot.directory(), now=now.timestamp()):
        return Part(False, "the stale form is served", built_at)
    return Part(True, "the fresh form is served", built_at)


def _database(now: datetime) -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Part(True, connection.vendor, now)


def _broker() -> Part:
    """Ask with short time limits: a stopped broker takes connections and never answers."""
    url = settings.REDIS_URL.replace("redis+socket://", "unix://", 1)
    try:
        client = redis.Redis.from_url(url, socket_timeout=BROKER_PATIENCE, socket_connect_timeout=BROKER_PATIENCE)
        try:
            client.ping()
        finally:
            client.close()
    except redis.RedisError as error:
        return Part(False, f"no answer ({type(error).__name__})")
    return Part(True, "answers")


def _agent(now: datetime) -> Part:
    """The vantage not heard of for the longest time speaks for all."""
    vantages = list(Vantage.objects.filter(enabled=True))
    if not vantages:
        return Part(False, "no vantage is enabled")
    unheard = [vantage.name for vantage in vantages if vantage.last_heard_at is None]
    if unheard:
        return Part(False, f"never heard of: {', '.join(unheard)}")
    oldest = min(vantages, key=lambda vantage: vantage.last_heard_at or now)
    since = oldest.last_heard_at
    return Part(since is not None and now - since <= AGENT_SILENT_AFTER, f"outcomes from {oldest.name}", since)


def _worker(now: datetime) -> Part:
    return _heard(("queue:core", "queue:notify"), now, WORKER_SILENT_AFTER)


def _publisher(now: datetime) -> Part:
    return _heard(("publisher",), now, PUBLISHER_SILENT_AFTER)


def _heard(names: tuple[str, ...], now: datetime, limit: timedelta) -> Part:
    """Seen at work within `limit`, all of them; the one silent for the longest time speaks."""
    beats = {beat.name: beat.at for beat in Heartbeat.objects.filter(name__in=names)}
    missing = [name for name in names if name not in beats]
    if missing:
        return Part(False, f"never seen at work: {', '.join(missing)}")
    name = min(beats, key=lambda item: beats[item])
    return Part(now - beats[name] <= limit, name, beats[name])
