"""What charts show, from rollups only: the outcomes and latencies of hours or days, a point each, gaps among them.

One query a call, whatever it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import Avg, Count, F, Q

from probes import sketches
from probes.models import Result, Rollup
from probes.rollups import HOUR, STATUSES, VOTES, Counted, day_of, hour_of, zone

DAYS, HOURS = 90, 24
QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Point:
    """One hour or day. `counts`: outcomes by status; latencies in milliseconds, None where nothing was measured."""

    start: datetime
    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None

    @property
    def votes(self) -> int:
        return sum(self.counts[status] for status in VOTES)

    @property
    def success(self) -> float | None:
        """Share of votes that are ok: neither late, slow nor failed. None without a vote."""
        return self.counts["ok"] / self.votes if self.votes else None

    @property
    def late(self) -> float | None:
        """Share of votes that are delayed."""
        return self.counts["delayed"] / self.votes if self.votes else None


Series = tuple[Point, ...]


def days_of_components(*, component_ids: Collection[int], now: datetime, days: int = DAYS) -> dict[int, Series]:
    """The last `days` days of each component, oldest first, today last; all its probes and vantages together."""
    return _series("probe__component_id", component_ids, Rollup.Span.DAY, _last_days(now, days))


def hours_of_components(*, component_ids: Collection[int], now: datetime, hours: int = HOURS) -> dict[int, Series]:
    """The last `hours` hours of each component, the one that goes on last."""
    return _series("probe__component_id", component_ids, Rollup.Span.HOUR, _last_hours(now, hours))


def days_of_probes(*, probe_ids: Collection[int], now: datetime, days: int = DAYS) -> dict[int, Series]:
    return _series("probe_id", probe_ids, Rollup.Span.DAY, _last_days(now, days))


def hours_of_probes(*, probe_ids: Collection[int], now: datetime, hours: int = HOURS) -> dict[int, Series]:
    return _series("probe_id", probe_ids, Rollup.Span.HOUR, _last_hours(now, hours))


def total(points: Series) -> Mapping[str, int]:
    """Outcomes of all points together, by status."""
    return {status: sum(point.counts[status] for point in points) for status in STATUSES}


def _last_days(now: datetime, count: int) -> list[int]:
    tz = zone()
    starts: list[int] = []
    at = int(now.timestamp())
    for _ in range(count):
        first, _end = day_of(at, tz)
        starts.append(first)
        at = first - 1
    return starts[::-1]


def _last_hours(now: datetime, count: int) -> list[int]:
    last = hour_of(int(now.timestamp()), zone())
    return [last - number * HOUR for number in reversed(range(count))]


def _series(owner: str, owners: Collection[int], span: int, starts: list[int]) -> dict[int, Series]:
    rows = Rollup.objects.filter(**{f"{owner}__in": list(owners)}, span=span, start__gte=starts[0], start__lte=starts[-1])
    found: dict[tuple[int, int], Counted] = {}
    for key, start, *counts, latencies in rows.values_list(owner, "start", *STATUSES, "latencies"):
        counted = found.setdefault((key, start), Counted())
        for status, n in zip(STATUSES, counts, strict=True):
            counted.counts[status] += n
        for latency, n in sketches.decode(latencies).items():
            counted.sketch[latency] = counted.sketch.get(latency, 0) + n
    return {key: tuple(_point(start, found.get((key, start))) for start in starts) for key in owners}


def _point(start: int, counted: Counted | None) -> Point:
    at = datetime.fromtimestamp(start, UTC)
    if counted is None:
        return Point(at)
    p50, p95, p99 = (None if value is None else value / 1000 for value in sketches.quantiles(counted.sketch, QUANTILES))
    return Point(at, counted.counts, p50, p95, p99)


# --- The last hour, from raw results ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Minute:
    """All probes and vantages of a component in one minute; None where nothing was measured. `seconds`: the mean of what
    answered; `bad_share`: what part of the votes was late, slow or failed."""

    seconds: float | None = None
    bad_share: float | None = None


def minutes_of_components(*, component_ids: Collection[int], now: datetime, minutes: int) -> dict[int, tuple[Minute, ...]]:
    """The last `minutes` minutes of each component, the one that goes on last. One query, a row a minute."""
    last = int(now.timestamp()) // 60
    first = last - minutes + 1
    answered = Q(status__in=("ok", "delayed", "degraded"))
    rows = (
        Result.objects.filter(probe__component__in=list(component_ids), attempt=0, slot__gte=first * 60, status__in=VOTES)
        .order_by()
        .annotate(minute=F("slot") / 60)
        .values_list("probe__component_id", "minute")
        .annotate(votes=Count("pk"), fine=Count("pk", filter=Q(status="ok")), took=Avg("total_us", filter=answered))
    )
    found = {
        (key, minute): Minute(None if took is None else took / 1_000_000, 1 - fine / votes)
        for key, minute, votes, fine, took in rows
    }
    return {key: tuple(found.get((key, minute), Minute()) for minute in range(first, last + 1)) for key in component_ids}
