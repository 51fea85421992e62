"""The last hour of a service as probes saw it, a small chart for the desk: how long it took, or what share failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from incidents.models import Component
from incidents.words import ComponentStatus
from probes import charts
from probes.charts import Minute
from statuspage.templatetags.desk import shape

WIDTH, HEIGHT, MINUTES = 240, 54, 60
_TIMED = (ComponentStatus.DELAYED, ComponentStatus.DEGRADED_PERFORMANCE)


@dataclass(frozen=True, slots=True)
class Spark:
    """`line` and `area` are SVG paths in a box of 240 x 54; `label` says the same in words."""

    state: str
    line: str
    area: str
    label: str
    begins: str
    note: str


def of(components: Sequence[Component], states: Mapping[int, str], *, now: datetime) -> dict[int, Spark]:
    """By component key, of those that were measured in the last hour. One query."""
    series = charts.minutes_of_components(component_ids=[part.pk for part in components], now=now, minutes=MINUTES)
    made = {key: spark(points, states.get(key, ""), now=now) for key, points in series.items()}
    return {key: one for key, one in made.items() if one}


def spark(points: Sequence[Minute], status: str, *, now: datetime) -> Spark | None:
    """Pure: seconds where the trouble is slowness, else the share that failed or was late. None without a measure."""
    timed = status in _TIMED
    values = [point.seconds if timed else point.bad_share for point in points]
    known = [value for value in values if value is not None]
    if not known:
        return None
    top = max(*known, 1.0 if not timed else 0.001)
    spots = [
        (number * WIDTH / (len(values) - 1), HEIGHT - 2 - (HEIGHT - 6) * value / top)
        for number, value in enumerate(values)
        if value is not None
    ]
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
    begins = f"{timezone.localtime(now - timedelta(minutes=len(values))):%H:%M}"
    last, most = known[-1], max(known)
    words = f"{last:.1f} s now, {most:.1f} s at most" if timed else f"{last:.0%} fail now, {most:.0%} at most"
    return Spark(
        state=shape(status),
        line=line if len(spots) > 1 else f"{line}h1",
        area=f"{line}L{spots[-1][0]:.1f} {HEIGHT}L{spots[0][0]:.1f} {HEIGHT}Z",
        label=f"The last hour: {words}.",
        begins=begins,
        note=words,
    )
