"""Published clients of the Statuspage API and of feeds, as they are on PyPI and npm, against our own server in six situations."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import feedparser
import icalendar
import pytest
import requests
import whadup
from prometheus_client.parser import text_string_to_metric_families

from incidents.languages import in_all
from incidents.models import Component
from incidents.words import IncidentStatus
from statuspage import snapshot
from statuspage.snapshot import faces, parts, serving
from tests import servers
from tests.factories import NOON, ComponentFactory, ComponentGroupFactory
from tests.incidents import plans
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]


def all_green() -> None:
    rows.component("green")


def active_incident() -> None:
    rows.publish(affected={rows.component("broken"): "major_outage"})


def planned_work_in_progress() -> None:
    part = rows.component("worked-on")
    plans.announced({part: "under_maintenance"}, start=-1, end=3)
    plans.tick(-0.9)
    plans.announced({part: "partial_outage"}, start=24, end=25)


def two_hundred_in_groups() -> None:
    groups = [ComponentGroupFactory(code=f"region-{place}", name=in_all(rows.both(f"Region {place}"))) for place in range(10)]
    for number in range(200):
        ComponentFactory(code=f"part-{number}", name=in_all(rows.both(f"Part {number}")), group=groups[number % 10])
    rows.publish(affected=dict.fromkeys(Component.objects.filter(code__in=["part-7", "part-9"]), "delayed"))


def everything_resolved() -> None:
    part = rows.component("mended")
    incident = rows.publish(at=NOON - timedelta(hours=2), affected={part: "partial_outage"}).incident
    rows.publish(incident=incident, at=NOON, status=IncidentStatus.RESOLVED, affected={part: "operational"})
    plans.announced({part: "under_maintenance"}, start=-30, end=-29)
    for hour in (-29.9, -28.9, -28):
        plans.tick(hour)


SITUATIONS: dict[str, Callable[[], None]] = {
    "green": all_green,
    "incident": active_incident,
    "planned": planned_work_in_progress,
    "many": two_hundred_in_groups,
    "resolved": everything_resolved,
    "stale": active_incident,
}
INDICATORS = {"green": "none", "incident": "critical", "planned": "maintenance", "many": "minor", "resolved": "none"}
INDICATORS["stale"] = "critical"  # it never lowers what was worse


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(params=SITUATIONS)
def situation(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str]]:
    """(its name, the address of a server that serves it)"""
    name = str(request.param)
    if name == "many":  # no client asks for a service's own pages and feeds, and two hundred of them take long to write
        monkeypatch.setattr(parts, "components", lambda page: {})
        monkeypatch.setattr(faces, "_of_component", lambda *said: {})
    folder = settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    SITUATIONS[name]()
    snapshot.rebuild_all(now=NOON)
    while (written := snapshot.current()) and written.waiting:
        snapshot.refresh(now=NOON)
    if name != "stale":
        snapshot.extend_freshness(now=NOON)
    application = serving.SnapshotFirst(_nothing, folder, clock=NOON.timestamp)
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield name, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _nothing(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return []


def test_clients_of_others_understand_us(situation: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One test a situation, since writing it is what takes time."""
    name, origin = situation
    summary = requests.get(f"{origin}/api/v2/summary.json", timeout=5).json()
    assert summary["status"]["indicator"] == INDICATORS[name]
    ask_as_whadup(origin, name, summary, monkeypatch)
    ask_as_exporter(origin, name, summary, tmp_path)
    read_feeds(origin, name)
    read_calendar(origin, name)
    if shutil.which("node") and (servers.NPM / "node_modules").is_dir():
        ask_as_npm(origin, name, summary)


def test_clients_from_npm_are_there_to_be_asked() -> None:
    """They come with `npm ci --prefix tests/npm`; CI has them, a workplace may do without."""
    assert servers.npm_package("statuspage.io").is_dir()


def ask_as_npm(origin: str, name: str, summary: dict[str, Any]) -> None:
    """statuspage.io, rss-parser and ical.js, in one run of node."""
    command = ["node", str(servers.NPM / "clients.cjs"), origin]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    said = json.loads(run.stdout)
    assert said["summary"] == summary
    assert said["status"]["status"] == summary["status"]
    assert said["components"]["components"] == summary["components"]
    assert said["unresolved"]["incidents"] == summary["incidents"]
    assert len(said["upcoming"]["scheduled_maintenances"]) == (name == "planned")
    assert {path for path, items in said["feeds"].items() if items} == (set(said["feeds"]) if name != "green" else set())
    assert len(said["events"]) == {"planned": 2, "resolved": 1}.get(name, 0)


def ask_as_whadup(origin: str, name: str, summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """All eight endpoints."""
    monkeypatch.setattr(whadup, "API_BASE_URL", f"{origin}/api/")
    client = whadup.GithubStatus()
    assert client.summary() == summary
    assert client.status() == {"page": summary["page"], "status": summary["status"]}
    assert client.components()["components"] == summary["components"]
    unresolved = client.Incidents.unresolved()["incidents"]
    assert unresolved == summary["incidents"]
    assert {one["id"] for one in unresolved} <= {one["id"] for one in client.Incidents()["incidents"]}
    going_on = client.Maintenances.active()["scheduled_maintenances"]
    ahead = client.Maintenances.upcoming()["scheduled_maintenances"]
    assert (len(going_on), len(ahead)) == ((1, 1) if name == "planned" else (0, 0))
    assert {one["id"] for one in (*going_on, *ahead)} == {one["id"] for one in summary["scheduled_maintenances"]}
    assert len(client.Maintenances()["scheduled_maintenances"]) == {"planned": 2, "resolved": 1}.get(name, 0)


def ask_as_exporter(origin: str, name: str, summary: dict[str, Any], folder: Path) -> None:
    """statuspage-prometheus-exporter, one run."""
    services, out = folder / "services.json", folder / "out.prom"
    services.write_text(json.dumps({"ours": {"url": f"{origin}/api/v2/summary.json", "name": "Ours"}}))
    run = subprocess.run(
        [Path(sys.executable).with_name("statuspage-prometheus-exporter")],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "SERVICES_JSON_PATH": str(services),
            "RUN_MODE": "once",
            "METRICS_TEXTFILE_PATH": str(out),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    metrics = {family.name: family.samples for family in text_string_to_metric_families(out.read_text())}
    [probed] = metrics["statuspage_probe_check"]
    assert probed.value == 1, run.stderr[-2000:]
    parts = {sample.labels["component_name"]: sample.value for sample in metrics["statuspage_component_status"]}
    told = {one["name"]: one["status"] == "operational" for one in summary["components"] if not one["group"]}
    assert {part: bool(value) for part, value in parts.items() if part in told} == told
    for metric, listed in ("statuspage_incident_info", "incidents"), ("statuspage_maintenance_info", "scheduled_maintenances"):
        seen = {
            value for sample in metrics[metric] if sample.value for key, value in sample.labels.items() if key.endswith("_id")
        }
        assert seen - {"none"} == {one["id"] for one in summary[listed]}, metric


def read_feeds(origin: str, name: str) -> None:
    """feedparser: no complaint, and 304 the second time."""
    for path in ("/history.atom", "/history.rss", "/updates.atom", "/updates.rss", "/cap.atom", "/sw/updates.atom"):
        first = feedparser.parse(f"{origin}{path}")
        assert not first.bozo, (path, first.get("bozo_exception"))
        assert bool(first.entries) == (name != "green"), path
        again = feedparser.parse(f"{origin}{path}", etag=first.etag)
        assert (again.status, again.entries) == (304, []), path


def read_calendar(origin: str, name: str) -> None:
    calendar: Any = icalendar.Calendar.from_ical(requests.get(f"{origin}/maintenance.ics", timeout=5).content)
    events = calendar.walk("VEVENT")
    assert len(events) == {"planned": 2, "resolved": 1}.get(name, 0)
    assert [calendar.errors, *(event.errors for event in events)] == [[]] * (1 + len(events))
