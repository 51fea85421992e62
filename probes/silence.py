"""How long what a vantage said of a probe counts. After that nobody knows, and nothing is green."""

from __future__ import annotations

from datetime import datetime, timedelta

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


def grace_of(kind: str, spec: Spec) -> float:
    """Seconds that what others push to us may be late."""
    return heartbeat.grace_of(spec) if kind in BEATS else 0.0
