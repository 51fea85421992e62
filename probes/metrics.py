"""What operators' Prometheus is told of the probes, read from rows, so that all processes say the same. Two queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from probes import tally
from probes.models import ProbeSchedule, Vantage
from probes.outcome import OutcomeStatus

_KEPT = [status.value for status in OutcomeStatus if status != OutcomeStatus.ACCEPTED]
_LABELS = ["vantage"]


def collect(*, now: datetime) -> Iterator[Metric]:
    """Each vantage's outcomes by status, lateness, recording lag, silence, and the slots that are due and not claimed."""
    vantages = list(Vantage.objects.filter(enabled=True))
    due = Q(next_slot__lte=int(now.timestamp()))
    rows = ProbeSchedule.objects.active().values("vantage").annotate(last=Max("last_outcome_at"), due=Count("pk", filter=due))
    schedules = {row["vantage"]: row for row in rows.order_by()}
    outcomes = CounterMetricFamily("hali_probe_outcomes", "Scheduled outcomes that were kept.", labels=[*_LABELS, "status"])
    lateness = HistogramMetricFamily(
        "hali_probe_lateness_seconds", "From a run's time to its start: our own queueing.", labels=_LABELS, unit="seconds"
    )
    lag = HistogramMetricFamily(
        "hali_probe_recording_lag_seconds", "From the end of a run until it was kept.", labels=_LABELS, unit="seconds"
    )
    silence = GaugeMetricFamily(
        "hali_probe_silence_seconds", "Since the last outcome with a vote was measured.", labels=_LABELS, unit="seconds"
    )
    queue = GaugeMetricFamily("hali_probe_slots_due", "Slots whose time has come and that nobody has claimed.", labels=_LABELS)
    for vantage in vantages:
        told = {**tally.empty(), **vantage.tally}
        for status in _KEPT:
            outcomes.add_metric([vantage.name, status], told["outcomes"].get(status, 0))
        _add(lateness, vantage.name, told["lateness"])
        _add(lag, vantage.name, told["lag"])
        mine = schedules.get(vantage.pk)
        queue.add_metric([vantage.name], mine["due"] if mine else 0)
        if mine and mine["last"]:
            silence.add_metric([vantage.name], max(0.0, (now - mine["last"]).total_seconds()))
    yield from (outcomes, lateness, lag, silence, queue)


def _add(family: HistogramMetricFamily, vantage: str, spread: Mapping[str, Any]) -> None:
    buckets, so_far = [], 0
    for bound, count in zip([*map(str, tally.BOUNDS), "+Inf"], spread["buckets"], strict=True):
        so_far += count
        buckets.append((bound, so_far))
    family.add_metric([vantage], buckets, spread["sum"])
