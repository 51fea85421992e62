"""GET /metrics: OpenMetrics that a stranger's parser reads, from rows, for whoever may."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from probes import recording
from probes.models import ProbeSchedule
from probes.recording import Report
from tests.factories import ProbeScheduleFactory

pytestmark = pytest.mark.django_db
TOKEN = "of-the-metrics-and-nothing-else"


@pytest.fixture
def row() -> ProbeSchedule:
    return ProbeScheduleFactory(interval=10, next_slot=2_000_000_000)


def report(row: ProbeSchedule, slot: int, status: str = "ok", **more: Any) -> Report:
    values: dict[str, Any] = {"started_at": slot + 0.2, "lateness_ms": 200, "total_us": 300_000, **more}
    return Report(
        probe_id=row.probe_id,
        slot=slot,
        attempt=0,
        status=status,
        error_class="",
        evidence="",
        http_status=200,
        phases={},
        **values,
    )


def samples(**headers: str) -> dict[str, float]:
    """Each sample as `name{label=value,...}`."""
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def take(*reports: Report, after: float = 1.5) -> None:
    at = datetime.fromtimestamp(reports[-1].slot + after, UTC)
    recording.record(vantage_name="nairobi", reports=reports, now=at)


def test_outcomes_are_counted_by_status_once(row: ProbeSchedule) -> None:
    start = int(timezone.now().timestamp()) - 60
    batch = [report(row, start), report(row, start + 10, "down"), report(row, start + 20)]
    take(*batch)
    take(*batch)
    said = samples()
    assert said["hali_probe_outcomes_total{status=ok,vantage=nairobi}"] == 2
    assert said["hali_probe_outcomes_total{status=down,vantage=nairobi}"] == 1
    assert said["hali_probe_outcomes_total{status=skipped,vantage=nairobi}"] == 0


def test_lateness_and_lag_are_told_apart(row: ProbeSchedule) -> None:
    start = int(timezone.now().timestamp()) - 60
    take(report(row, start), after=1.5)  # late by 0.2 s, then 0.3 s at work, then 1 s until it was kept
    said = samples()
    assert said["hali_probe_lateness_seconds_sum{vantage=nairobi}"] == pytest.approx(0.2)
    assert said["hali_probe_lateness_seconds_bucket{le=0.1,vantage=nairobi}"] == 0
    assert said["hali_probe_lateness_seconds_bucket{le=0.25,vantage=nairobi}"] == 1
    assert said["hali_probe_recording_lag_seconds_sum{vantage=nairobi}"] == pytest.approx(1.0)
    assert said["hali_probe_recording_lag_seconds_count{vantage=nairobi}"] == 1


def test_silence_grows_while_nothing_votes(row: ProbeSchedule) -> None:
    start = int((timezone.now() - timedelta(seconds=100)).timestamp())
    take(report(row, start), replace(report(row, start + 10, "skipped"), started_at=start + 10.0))
    assert 99 <= samples()["hali_probe_silence_seconds{vantage=nairobi}"] <= 160


def test_slots_that_nobody_claims_are_a_queue(row: ProbeSchedule) -> None:
    ProbeScheduleFactory(next_slot=1000)
    ProbeScheduleFactory(next_slot=1000, enabled=False)
    assert samples()["hali_probe_slots_due{vantage=nairobi}"] == 1


def test_what_is_asked_of_the_database_does_not_grow(row: ProbeSchedule, django_assert_num_queries: Any) -> None:
    for number in range(5):
        ProbeScheduleFactory(vantage__name=f"vantage-{number}")
    with django_assert_num_queries(2):
        samples()


def test_with_a_token_only_who_shows_it_reads(row: ProbeSchedule, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert Client().get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 404
    assert samples(Authorization=f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("demo", "address", "status"), [(True, "127.0.0.1", 200), (True, "192.0.2.7", 404), (False, "127.0.0.1", 404)]
)
def test_without_a_token_only_the_demo_tells_and_only_its_own_machine(
    settings: Any, demo: bool, address: str, status: int
) -> None:
    settings.DEMO = demo
    assert Client(REMOTE_ADDR=address).get("/metrics").status_code == status
