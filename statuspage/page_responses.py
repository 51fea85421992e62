"""How fast services answered our probes: the median of each whole day, from rollups, and what it comes to in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from incidents.models import Component
from probes import charts
from statuspage import clock_words


@dataclass(frozen=True, slots=True)
class Responses:
    """Milliseconds a day, the oldest first, None where nothing was measured; today is not over, so it is left out."""

    first: date
    medians: tuple[int | None, ...]
    usual: int
    slowest: int
    slowest_day: date


def build_responses(now: datetime, only: Sequence[str] | None = None) -> Mapping[str, Responses]:
    """By public id, of every service (`only`: of these) with an answer in the last 90 days. Two queries."""
    services = Component.objects.published()
    if only is not None:
        services = services.filter(public_id__in=only)
    ids = dict(services.values_list("pk", "public_id"))
    series = charts.days_of_components(component_ids=list(ids), now=now)
    found = {ids[key]: _responses(points[:-1]) for key, points in series.items()}
    return {public_id: made for public_id, made in found.items() if made}


def _responses(points: charts.Series) -> Responses | None:
    zone = clock_words.zone()
    days = [(point.start.astimezone(zone).date(), None if point.p50_ms is None else round(point.p50_ms)) for point in points]
    measured = [(length, day) for day, length in days if length is not None]
    if not measured:
        return None
    slowest, slowest_day = max(measured)
    return Responses(
        first=days[0][0],
        medians=tuple(length for _, length in days),
        usual=round(median(length for length, _ in measured)),
        slowest=slowest,
        slowest_day=slowest_day,
    )
