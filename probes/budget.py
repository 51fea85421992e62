"""How fast a probe burns what its target allows. For operators, on request."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, F, Q, Sum

from probes import burning
from probes.models import Probe, Result, Rollup
from probes.rollups import HOUR, VOTES

TARGET = 0.999  # share of good votes
RAW_AT_MOST = 2 * HOUR  # seconds: hours are too coarse for shorter windows, and raw results too many for longer ones


def burn_of(probe: Probe, *, now: datetime) -> burning.Burn | None:
    """The most urgent tier the probe has reached. Windows of up to two hours count raw results; longer ones count the hours that
    have begun in them, from rollups, which are at most five minutes old."""

    def count(seconds: int) -> tuple[int, int]:
        since = int(now.timestamp()) - seconds
        return _in_results(probe, since) if seconds <= RAW_AT_MOST else _in_hours(probe, since)

    return burning.burning(count, target=TARGET)


def _in_results(probe: Probe, since: int) -> tuple[int, int]:
    votes = Result.objects.filter(probe=probe, attempt=0, slot__gt=since, status__in=VOTES)
    found = votes.aggregate(bad=Count("pk", filter=~Q(status="ok")), all=Count("pk"))
    return found["bad"], found["all"]


def _in_hours(probe: Probe, since: int) -> tuple[int, int]:
    hours = Rollup.objects.filter(probe=probe, span=Rollup.Span.HOUR, start__gt=since)
    found = hours.aggregate(ok=Sum("ok", default=0), bad=Sum(F("delayed") + F("degraded") + F("down"), default=0))
    return found["bad"], found["bad"] + found["ok"]
