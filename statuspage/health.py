"""GET /healthz: 200 only when every part is doing its work; else which part is not, and since when.

GET /readyz: 200 when this host may be sent readers. It asks the disk alone, since that is what readers get.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Min, Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from probes.models import Vantage
from statuspage import broker_client, snapshot
from statuspage.models import Heartbeat
from statuspage.snapshot import swapping
from subscribers import outbox

AGENT_SILENT_AFTER = timedelta(seconds=30)
WORKER_SILENT_AFTER = timedelta(seconds=30)
PUBLISHER_SILENT_AFTER = timedelta(seconds=15)
BEAT_SILENT_AFTER = timedelta(seconds=15)
MAIL_LATE_AFTER = timedelta(seconds=60)
PATIENCE = 3.0  # seconds for all questions to the database
_asking = threading.Lock()
# Database and broker keep no record of their own last answer: this process remembers when it had one.
_answered: dict[str, datetime] = {}


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
    now = timezone.now()
    parts = {**_without_database(now), **_asked_in_time(now)}
    well = all(part.ok for part in parts.values())
    body = {"status": "ok" if well else "failing", "parts": {name: part.as_json() for name, part in parts.items()}}
    return JsonResponse(body, status=200 if well else 503)


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """503 when this host has nothing to show; with `?fresh` also when it shows the stale form: for a balancer that has others
    to send readers to, and sends them here all the same when no other is better."""
    now = timezone.now()
    form = "none"
    if snapshot.current() is not None:
        form = "fresh" if swapping.is_live(snapshot.directory(), now=now.timestamp()) else "stale"
    ready = form == "fresh" or (form == "stale" and "fresh" not in request.GET)
    return JsonResponse({"status": "ready" if ready else "not ready", "page": form}, status=200 if ready else 503)


def examine(*, now: datetime) -> dict[str, Part]:
    """Every part by name. A part that cannot be asked is not well; none of them raises."""
    return {**_without_database(now), **_with_database(now)}


def _without_database(now: datetime) -> dict[str, Part]:
    return {"page": _page(now), **_broker_and_beat(now)}


def _asked_in_time(now: datetime) -> dict[str, Part]:
    """A database that is stopped, not dead, keeps whoever asks it waiting: one thread asks, the web server's own never do."""
    answers: list[dict[str, Part]] = []
    if _asking.acquire(timeout=PATIENCE):
        asker = threading.Thread(target=_ask_and_close, args=(now, answers), name="health", daemon=True)
        asker.start()
        asker.join(timeout=PATIENCE)
    if answers:
        return answers[0]
    silent = Part(False, f"the database did not answer within {PATIENCE:.0f} s", _answered.get("database"))
    return dict.fromkeys(_ASKED, silent)


def _ask_and_close(now: datetime, answers: list[dict[str, Part]]) -> None:
    try:
        answers.append(_with_database(now))
        connection.close()
    finally:
        _asking.release()


def _with_database(now: datetime) -> dict[str, Part]:
    parts = {}
    for name, ask in _ASKED.items():
        try:
            parts[name] = ask(now)
        except DatabaseError as error:
            connection.close()
            parts[name] = Part(False, f"the database does not answer ({type(error).__name__})", _answered.get("database"))
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
    _answered["database"] = now
    return Part(True, connection.vendor, now)


def _broker_and_beat(now: datetime) -> dict[str, Part]:
    """One short question answers for both: beat leaves its mark at the broker."""
    try:
        client = broker_client.connect(settings.REDIS_URL)
        try:
            mark: Any = client.get(broker_client.BEAT)
        finally:
            client.close()
    except redis.RedisError as error:
        since = _answered.get("broker")
        broker = Part(False, f"no answer ({type(error).__name__})", since)
        return {"broker": broker, "beat": Part(False, "the broker, where it leaves its mark, does not answer", since)}
    _answered["broker"] = now
    return {"broker": Part(True, "answers", now), "beat": _beat(mark, now)}


def _beat(mark: bytes | None, now: datetime) -> Part:
    if mark is None:
        return Part(False, "never seen at work")
    since = datetime.fromtimestamp(float(mark), tz=now.tzinfo)
    return Part(_is_lately(since, now, BEAT_SILENT_AFTER), "sends messages", since)


def _agent(now: datetime) -> Part:
    """The vantage that is silent for the longest time speaks for all."""
    active = Q(schedules__enabled=True, schedules__probe__enabled=True)
    vantages = list(
        Vantage.objects.filter(enabled=True, is_passive=False).annotate(shortest=Min("schedules__interval", filter=active))
    )
    if not vantages:
        return Part(False, "no vantage is enabled")
    heard = [(vantage.last_heard_at, _patience(vantage.shortest), vantage.name) for vantage in vantages if vantage.last_heard_at]
    if len(heard) < len(vantages):
        names = ", ".join(vantage.name for vantage in vantages if not vantage.last_heard_at)
        return Part(False, f"never heard of: {names}")
    since, patience, name = min(heard, key=lambda item: item[0] + item[1])
    return Part(_is_lately(since, now, patience), f"outcomes from {name}", since)


def _patience(interval: int | None) -> timedelta:
    """A vantage whose probes run seldom is heard of seldom."""
    return max(AGENT_SILENT_AFTER, timedelta(seconds=3 * (interval or 0)))


def _worker(now: datetime) -> Part:
    return _heard(("queue:core", "queue:notify"), now, WORKER_SILENT_AFTER)


def _publisher(now: datetime) -> Part:
    return _heard(("publisher",), now, PUBLISHER_SILENT_AFTER)


def _mail(now: datetime) -> Part:
    """Not well while something has been due for more than a minute, whatever is in its way."""
    since = outbox.overdue_since(now=now, by=MAIL_LATE_AFTER)
    return Part(since is None, "what is due goes out" if since is None else "waits to be sent", since)


_ASKED: dict[str, Callable[[datetime], Part]] = {
    "database": _database,
    "agent": _agent,
    "worker": _worker,
    "publisher": _publisher,
    "mail": _mail,
}


def _is_lately(since: datetime, now: datetime, limit: timedelta) -> bool:
    """What was seen at work at a time that has not come was seen before our clock was put back."""
    return abs(now - since) <= limit


def _heard(names: tuple[str, ...], now: datetime, limit: timedelta) -> Part:
    """Seen at work within `limit`, all of them; the one silent for the longest time speaks."""
    beats = {beat.name: beat.at for beat in Heartbeat.objects.filter(name__in=names)}
    missing = [name for name in names if name not in beats]
    if missing:
        return Part(False, f"never seen at work: {', '.join(missing)}")
    name = min(beats, key=lambda item: beats[item])
    return Part(_is_lately(beats[name], now, limit), name, beats[name])
