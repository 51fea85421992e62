"""What operators' Prometheus is told of the page, the record and the processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from incidents import record
from incidents.models import Incident
from statuspage import health, snapshot
from statuspage.models import Heartbeat
from statuspage.snapshot import swapping


def of_this_host(*, now: datetime) -> Iterator[Metric]:
    """The snapshot of the host that is asked, and each part as /healthz judges it. Never raises for a part that is gone."""
    yield from _snapshot(now)
    well = GaugeMetricFamily("hali_part_up", "1 while /healthz finds the part at work.", labels=["part"])
    for name, part in health.examine(now=now).items():
        well.add_metric([name], int(part.ok))
    yield well


def of_rows(*, now: datetime) -> Iterator[Metric]:
    """The record's head, open incidents, and when each process was seen."""
    yield GaugeMetricFamily("hali_record_head", "The number of the record's newest entry.", value=record.head().seq)
    open_now = Incident.objects.published().filter(resolved_at__isnull=True, withdrawn_at__isnull=True).count()
    yield GaugeMetricFamily("hali_incidents_open", "Published incidents that are not resolved.", value=open_now)
    silence = GaugeMetricFamily(
        "hali_heartbeat_age_seconds", "Since a process was seen at its work.", labels=["process"], unit="seconds"
    )
    for name, at in Heartbeat.objects.values_list("name", "at"):
        silence.add_metric([name], max(0.0, (now - at).total_seconds()))
    yield silence


def _snapshot(now: datetime) -> Iterator[Metric]:
    """Nothing of a snapshot that is not there, but that it is not fresh."""
    where = snapshot.directory()
    manifest = snapshot.current()
    fresh = manifest is not None and swapping.is_live(where, now=now.timestamp())
    yield GaugeMetricFamily("hali_snapshot_fresh", "1 while this host serves the fresh form.", value=int(fresh))
    if manifest is None:
        return
    age = max(0.0, now.timestamp() - manifest.built_at)
    yield GaugeMetricFamily("hali_snapshot_age_seconds", "Since the moment the page speaks of.", value=age, unit="seconds")
    took = max(0.0, (where / "current").lstat().st_mtime - manifest.built_at)
    yield GaugeMetricFamily(
        "hali_snapshot_publish_seconds", "From the moment the page speaks of until it was served.", value=took, unit="seconds"
    )
    yield GaugeMetricFamily("hali_snapshot_entry", "The newest record entry that the page shows.", value=manifest.built_from)
    yield GaugeMetricFamily("hali_snapshot_waiting", "Pages of the archive yet to be written.", value=manifest.waiting)
