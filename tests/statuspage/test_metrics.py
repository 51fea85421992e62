"""GET /metrics: OpenMetrics that a stranger's parser reads, from rows, for whoever may."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
import yaml
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from incidents import record
from probes import recording
from probes.models import ProbeSchedule
from probes.recording import Report
from statuspage import metrics, snapshot
from statuspage.models import Heartbeat
from subscribers.models import Delivery, Notification, Subscriber
from tests import servers
from tests.copies import ROOT
from tests.factories import NOON, ProbeScheduleFactory

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


def test_what_is_asked_of_the_database_does_not_grow(row: ProbeSchedule) -> None:
    with CaptureQueriesContext(connection) as before:
        samples()
    for number in range(5):
        ProbeScheduleFactory(vantage__name=f"vantage-{number}")
        wait_to_be_sent("email", timezone.now())
    with CaptureQueriesContext(connection) as after:
        samples()
    assert len(after) == len(before)


def wait_to_be_sent(channel: str, due_at: datetime) -> None:
    number = Delivery.objects.count() + 1
    subscriber = Subscriber.objects.create(
        public_id=str(number), channel=channel, address_hash=str(number), language="en", created_at=due_at
    )
    notification = Notification.objects.create(record_seq=number, kind="incident_update", created_at=due_at, send_at=due_at)
    Delivery.objects.create(notification=notification, subscriber=subscriber, channel=channel, due_at=due_at, wanted_at=due_at)


def test_the_outbox_is_told_by_channel() -> None:
    with time_machine.travel(NOON, tick=False):
        for channel, seconds in (("email", -90), ("email", -10), ("email", 30), ("sms", 30)):
            wait_to_be_sent(channel, NOON + timedelta(seconds=seconds))
        said = samples()
    told = ("waiting", "due", "age_seconds")
    assert [said[f"hali_outbox_{name}{{channel=email}}"] for name in told] == [3, 2, 90]
    assert [said[f"hali_outbox_{name}{{channel=sms}}"] for name in told] == [1, 0, 0]
    assert said["hali_outbox_waiting{channel=webhook}"] == 0


def test_the_page_is_told_with_its_age_and_what_it_shows(public_incident: str) -> None:
    said = samples()
    assert said["hali_snapshot_fresh{}"] == 1
    assert said["hali_snapshot_entry{}"] == said["hali_record_head{}"] == record.head().seq > 0
    assert said["hali_incidents_open{}"] == 1
    assert said["hali_snapshot_publish_seconds{}"] >= 0
    with time_machine.travel(timezone.now() + timedelta(seconds=100), tick=False):
        said = samples()
    assert said["hali_snapshot_fresh{}"] == 0
    assert 100 <= said["hali_snapshot_age_seconds{}"] < 160


def test_without_a_database_the_page_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot.refresh(now=NOON)

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(connection, "cursor", gone)
    said = samples()
    assert "hali_snapshot_age_seconds{}" in said
    assert (said["hali_part_up{part=database}"], "hali_record_head{}" in said) == (0, False)


def named_in(path: str) -> set[str]:
    return set(re.findall(r"hali_[a-z_]*[a-z]", (ROOT / path).read_text()))


@pytest.mark.parametrize("path", ["deploy/prometheus-rules.yaml", "deploy/grafana-dashboard.json", "docs/operations.md"])
def test_every_metric_that_is_drawn_alerted_or_told_exists(row: ProbeSchedule, path: str) -> None:
    start = int(timezone.now().timestamp()) - 60
    take(report(row, start))
    Heartbeat.objects.create(name="publisher", at=timezone.now())
    snapshot.refresh(now=timezone.now())
    there = {name.partition("{")[0] for name in samples()}
    named = named_in(path)
    assert named
    assert named <= there
    if path.startswith("docs"):
        families = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in there}
        assert {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in named} == families


def panels() -> list[dict[str, Any]]:
    """Of the dashboard that docs/operations.md says to import."""
    told: list[dict[str, Any]] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())["panels"]
    return told


def test_prometheus_own_tool_finds_nothing_in_rules_questions_and_figures(row: ProbeSchedule, tmp_path: Path) -> None:
    """It reads the older text form, which holds the same names, units and types; and a panel's question as a rule."""
    promtool = servers.binary("promtool")
    take(report(row, int(timezone.now().timestamp()) - 60))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics._OfNow())
    questions = [{"record": "panel:asks", "expr": one["expr"]} for panel in panels() for one in panel["targets"]]
    asked_by_panels = tmp_path / "panels.yaml"
    asked_by_panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": questions}]}))
    for asked, given in (
        (("rules", str(ROOT / "deploy" / "prometheus-rules.yaml"), str(asked_by_panels)), ""),
        (("metrics",), generate_latest(registry).decode()),
    ):
        command = [promtool, "check", *asked]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_severity_and_words_and_every_panel_its_question_and_place() -> None:
    [group] = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yaml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}
    assert all(target["expr"] for panel in panels() for target in panel["targets"])
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken = {
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }
    assert len(taken) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels()), "none lies on another"
    assert max(x for x, _ in taken) < 24, "Grafana's width"


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
