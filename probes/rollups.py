"""Hours and days of outcomes, counted by the database. Charts read nothing else, so they cost the same whatever is stored.

Rolling is incremental and may be done twice: an hour is counted anew from its raw results, a day from its hours. Once an hour
lost raw results to retention it never shrinks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, FloatField, Max, Min, Value, When
from django.db.models.functions import Cast, Ceil, Greatest, Ln, Mod

from probes import sketches
from probes.models import LateHour, Probe, Result, Rollup, Vantage

HOUR = Rollup.Span.HOUR.value
STATUSES = ("ok", "delayed", "degraded", "down", "misconfigured", "skipped")
VOTES = ("ok", "delayed", "degraded", "down")
AT_ONCE = 6 * HOUR  # seconds of results in one query
GRACE = 900  # seconds for which an hour that is over is counted again, whatever came late
_FIELDS = [*STATUSES, "latencies"]


@dataclass
class Counted:
    """Outcomes of one series in one span, added up."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    sketch: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


Series = tuple[int, int, int]  # probe, vantage, start


def zone() -> ZoneInfo:
    return ZoneInfo(settings.PAGE_TIME_ZONE)


def hour_of(slot: int, tz: ZoneInfo) -> int:
    """The start of the slot's hour as the zone's clocks show it; there are zones that are half an hour off."""
    offset = datetime.fromtimestamp(slot, tz).utcoffset() or timedelta()
    return slot - int(slot + offset.total_seconds()) % HOUR


def day_of(slot: int, tz: ZoneInfo) -> tuple[int, int]:
    """The midnights around the slot; clocks are put forward and back, so a day is not always 24 hours."""
    first = datetime.fromtimestamp(slot, tz).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(first.timestamp()), int((first + timedelta(days=1)).timestamp())


def note_late(*, slots: Iterable[int], now: int) -> None:
    """Note outcomes of hours that are over (epoch seconds), in the transaction that keeps them."""
    tz = zone()
    current = hour_of(now, tz)
    hours = {hour_of(slot, tz) for slot in slots if slot < current}
    LateHour.objects.bulk_create(LateHour(slot=hour) for hour in sorted(hours))


def roll(*, now: int) -> int:
    """Count every hour since the last time, those that late outcomes came for, and their days; answers how many rows changed.

    `now` in epoch seconds. Raw results are read from the last hour counted on; each step is a transaction of its own.
    """
    tz = zone()
    late = list(LateHour.objects.values_list("pk", "slot"))  # first noted, then counted: one that comes meanwhile stays noted
    since = _first_hour(now, tz)
    hours = sorted({hour_of(slot, tz) for _, slot in late if slot < since})
    steps = [(hour, hour + HOUR) for hour in hours]
    steps += [(start, min(start + AT_ONCE, now + 1)) for start in range(since, now + 1, AT_ONCE)]
    changed = 0
    for start, end in steps:
        with transaction.atomic():
            changed += _roll_hours(start, end, tz)
    LateHour.objects.filter(pk__in=[pk for pk, _ in late]).delete()
    return changed


def _first_hour(now: int, tz: ZoneInfo) -> int:
    """The last hour that was counted, since it was not over then, or the first that there is anything of; never more than what
    raw results are kept."""
    oldest = now - settings.KEEP_RESULTS_HOURS * HOUR
    last = Rollup.objects.filter(span=HOUR).aggregate(last=Max("start"))["last"]
    if last is None:
        last = Result.objects.aggregate(first=Min("slot"))["first"]
    return hour_of(max(oldest, min(now if last is None else last, now - GRACE)), tz)


def _roll_hours(start: int, end: int, tz: ZoneInfo) -> int:
    """`start` is the start of an hour."""
    found = _count(start, end)
    changed = _keep(HOUR, found, start, end)
    touched = sorted({day_of(hour, tz) for _, _, hour in changed})
    return len(changed) + sum(_roll_day(first, last) for first, last in touched)


def _count(start: int, end: int) -> dict[Series, Counted]:
    """Results by series, hour, status and key of their latency, grouped by the database."""
    is_measured = {"status__in": VOTES, "total_us__isnull": False}
    key = Ceil(Ln(Cast(Greatest(F("total_us"), Value(1)), FloatField())) * Value(sketches.KEYS_PER_LN))
    rows = (
        Result.objects.filter(attempt=0, slot__gte=start, slot__lt=end)
        .annotate(hour=F("slot") - Mod(F("slot") - Value(start), Value(HOUR)), key=Case(When(**is_measured, then=key)))
        .values_list("probe_id", "vantage_id", "hour", "status", "key")
        .annotate(n=Count("pk"))
        .order_by()
    )
    found: dict[Series, Counted] = {}
    for probe, vantage, hour, status, latency, n in rows.iterator(chunk_size=5000):
        counted = found.setdefault((probe, vantage, int(hour)), Counted())
        counted.counts[status] += n
        if latency is not None:
            key_ = int(latency)
            counted.sketch[key_] = counted.sketch.get(key_, 0) + n
    return found


def _roll_day(first: int, last: int) -> int:
    found: dict[Series, Counted] = {}
    rows = Rollup.objects.filter(span=HOUR, start__gte=first, start__lt=last).values_list("probe_id", "vantage_id", *_FIELDS)
    for probe, vantage, *counts, latencies in rows:
        day = found.setdefault((probe, vantage, first), Counted())
        for status, n in zip(STATUSES, counts, strict=True):
            day.counts[status] += n
        for key, n in sketches.decode(latencies).items():
            day.sketch[key] = day.sketch.get(key, 0) + n
    return len(_keep(Rollup.Span.DAY, found, first, first + 1))


def _keep(span: int, found: dict[Series, Counted], start: int, end: int) -> list[Series]:
    """Write what differs from what is stored, and has not shrunk; answers these series."""
    stored = {
        (probe, vantage, at): (counts, bytes(latencies))
        for probe, vantage, at, *counts, latencies in Rollup.objects.filter(
            span=span, start__gte=start, start__lt=end
        ).values_list("probe_id", "vantage_id", "start", *_FIELDS)
    }
    probes, vantages = set(Probe.objects.values_list("pk", flat=True)), set(Vantage.objects.values_list("pk", flat=True))
    changed = []
    for series, counted in found.items():
        before = stored.get(series)
        values = (list(counted.counts.values()), sketches.encode(counted.sketch))
        if before == values or (before and sum(before[0]) > counted.total):
            continue
        if series[0] in probes and series[1] in vantages:
            changed.append((series, values))
    Rollup.objects.bulk_create(
        (
            Rollup(
                probe_id=probe,
                vantage_id=vantage,
                span=span,
                start=at,
                latencies=latencies,
                **dict(zip(STATUSES, counts, strict=True)),
            )
            for (probe, vantage, at), (counts, latencies) in changed
        ),
        update_conflicts=True,
        unique_fields=["probe", "span", "start", "vantage"],
        update_fields=_FIELDS,
        batch_size=500,
    )
    return [series for series, _ in changed]
