"""How long what a vantage said of a probe counts. After that nobody knows, and nothing is green."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet

from probes.memory import Memory, WatchedProbe
from probes.models import Probe, ProbeSchedule
from probes.probers import BEATS, heartbeat
from probes.probers.specs import Spec

AFTER_INTERVALS = 3
AFTER_AT_LEAST = 60  # seconds
EXCUSED_AT_MOST = 3  # times that again: for so long a slot skipped on purpose stands for a measurement


def is_silent(row: Memory | ProbeSchedule, now: datetime) -> bool:
    """No vote for too long, or never one."""
    speaks_until = spoken_until(row)
    return speaks_until is None or now > speaks_until


def spoken_until(row: Memory | ProbeSchedule) -> datetime | None:
    """How long its last vote counts; None: there was none."""
    probe: Probe | WatchedProbe = row.probe
    grace = grace_of(probe.kind, probe.spec)
    return counts_until(row.last_outcome_at, row.excused_at, interval=row.interval, grace=grace)


def counts_until(heard: datetime | None, excused: datetime | None, *, interval: int, grace: float) -> datetime | None:
    """max(3 x interval, 60 s) after the last vote, and the grace of what is pushed to us. `excused`: the last slot skipped on
    purpose (back-off, rate cap); such stand for votes, but not for long."""
    if heard is None:
        return None
    limit = timedelta(seconds=max(AFTER_INTERVALS * interval, AFTER_AT_LEAST) + grace)
    if excused is not None:
        heard = max(heard, min(excused, heard + EXCUSED_AT_MOST * limit))
    return heard + limit


class Word(NamedTuple):
    """What a vantage says of a probe: by which row, heard when, and until when it counts."""

    schedule: int
    probe: int
    heard: datetime | None
    until: datetime | None

    def is_over(self, now: datetime) -> bool:
        return self.until is None or now > self.until


def words(schedules: QuerySet[ProbeSchedule]) -> list[Word]:
    """Of those that say anything. In narrow rows: there may be thousands, and this is asked each second."""
    beats = Probe.objects.filter(kind__in=BEATS).values_list("pk", "kind", "spec")
    grace = {pk: grace_of(kind, spec) for pk, kind, spec in beats}
    said = schedules.exclude(confirmed="").order_by("pk")
    return [
        Word(pk, probe, heard, counts_until(heard, excused, interval=interval, grace=grace.get(probe, 0.0)))
        for pk, probe, interval, heard, excused in said.values_list("pk", "probe", "interval", "last_outcome_at", "excused_at")
    ]


def grace_of(kind: str, spec: Spec) -> float:
    """Seconds that what others push to us may be late."""
    return heartbeat.grace_of(spec) if kind in BEATS else 0.0
