"""/history.json and window.uptimeData: what programs read off the past, in the form Statuspage gives it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.languages import in_all
from incidents.models import Incident
from incidents.words import IncidentStatus
from statuspage import snapshot
from statuspage.snapshot import serving
from tests.factories import NOON, IncidentFactory
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def asked(folder: Path, query: str = "") -> dict[str, Any]:
    """What the app's own server answers."""
    reader: Any = serving.SnapshotFirst(lambda environ, start: [], folder, clock=NOON.timestamp)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/history.json", "QUERY_STRING": query}
    [content] = reader(environ, lambda status, headers, error=None: lambda data: None)
    value: dict[str, Any] = json.loads(content)
    return value


def over(*, began: timedelta, ended: timedelta, **fields: Any) -> Incident:
    """A problem from and until so long before noon on 24 November 2026."""
    incident = IncidentFactory(started_at=NOON - began)
    rows.publish(incident=incident, at=NOON - began)
    rows.publish(incident=incident, at=NOON - ended, status=IncidentStatus.RESOLVED, **fields)
    return Incident.objects.get(pk=incident.pk)


def test_the_first_page_is_the_running_quarter_with_its_begun_months_newest_first(folder: Path) -> None:
    incident = over(began=timedelta(minutes=50), ended=timedelta(minutes=10), body=in_all({"en": "Fixed & <b>", "sw": "Tayari"}))
    rows.component()
    snapshot.refresh(now=NOON)
    made = asked(folder)
    assert made["page_status"] == {"page": {"name": "Mfano Pesa", "time_zone": "Nairobi"}}
    assert (made["start_time"], made["end_time"]) == ("2026-10-01T00:00:00.000+03:00", "2026-12-31T23:59:59.999+03:00")
    assert [component["name"] for component in made["components"]] == ["Send money"]
    assert [(month["name"], month["year"], month["starts_on"], month["days"]) for month in made["months"]] == [
        ("November", 2026, 0, 30),
        ("October", 2026, 4, 31),
    ]
    assert made["months"][0]["incidents"] == [
        {
            "code": incident.public_id,
            "name": "Payments are late",
            "message": "Fixed &amp; &lt;b&gt;",
            "impact": incident.impact,
            "timestamp": "Nov <var data-var='date'>24</var>, <var data-var='time'>11:10</var> - "
            "<var data-var='time'>11:50</var> EAT",
        }
    ]
    assert made["months"][1]["incidents"] == []


def test_a_problem_is_filed_under_the_month_in_which_it_ended(folder: Path) -> None:
    over(began=timedelta(days=56), ended=timedelta(days=53))  # 29 September to 2 October
    snapshot.refresh(now=NOON)
    [found] = asked(folder)["months"][1]["incidents"]
    assert found["timestamp"].startswith("Sep <var data-var='date'>29</var>, ")
    assert " - Oct <var data-var='date'>2</var>, " in found["timestamp"]
    assert [month["incidents"] for month in asked(folder, "page=2")["months"]] == []


def test_an_open_problem_stands_where_it_began_without_an_end(folder: Path) -> None:
    rows.publish(at=NOON - timedelta(days=40))
    snapshot.refresh(now=NOON)
    [found] = asked(folder)["months"][1]["incidents"]
    assert " - " not in found["timestamp"]


def test_whatever_is_no_number_is_the_first_page(folder: Path) -> None:
    over(began=timedelta(days=400), ended=timedelta(days=400))
    snapshot.refresh(now=NOON)
    for query in ("page=1", "page=01", "page=0", "page=-3", "page=one", "page=", "other=2", "page=2;DROP&page=3"):
        assert asked(folder, query) == asked(folder), query


def test_pages_go_back_a_quarter_each_and_end_in_pages_without_months(folder: Path) -> None:
    old = over(began=timedelta(days=400), ended=timedelta(days=400))  # October 2025
    snapshot.refresh(now=NOON)
    assert asked(folder, "page=5")["months"][2]["incidents"][0]["code"] == old.public_id
    assert [month["name"] for month in asked(folder, "a=b&page=2")["months"]] == ["September", "August", "July"]
    for number in (6, 7, 9999):
        beyond = asked(folder, f"page={number}")
        assert (beyond["months"], beyond["end_time"]) == ([], "2025-09-30T23:59:59.999+03:00"), number


def test_only_the_quarter_a_word_speaks_of_is_written_again(folder: Path) -> None:
    first = over(began=timedelta(days=150), ended=timedelta(days=149))
    over(began=timedelta(days=80), ended=timedelta(days=79))
    snapshot.refresh(now=NOON)
    where = folder / "current/archive/pages/history"
    kept, changed = ((where / f"quarter-{number}.json").stat().st_ino for number in (2, 3))
    rows.publish(incident=first, at=NOON - timedelta(days=148), status=IncidentStatus.RESOLVED)
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert (where / "quarter-2.json").stat().st_ino == kept
    assert (where / "quarter-3.json").stat().st_ino != changed


def test_a_problem_that_moves_further_back_than_any_before_adds_the_pages_between(folder: Path) -> None:
    incident = over(began=timedelta(minutes=9), ended=timedelta(minutes=3))
    snapshot.refresh(now=NOON)
    assert asked(folder, "page=2")["months"] == []
    Incident.objects.update(started_at=NOON - timedelta(days=150), resolved_at=NOON - timedelta(days=150))
    rows.record_entry(kind="incident_time", data={"incident": incident.public_id})
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert [month["incidents"] for month in asked(folder)["months"]] == [[], []]
    assert len(asked(folder, "page=2")["months"]) == 3
    assert asked(folder, "page=3")["months"][0]["incidents"][0]["code"] == incident.public_id


def test_a_new_quarter_moves_every_page_by_one(folder: Path) -> None:
    over(began=timedelta(days=1), ended=timedelta(days=1))
    snapshot.refresh(now=NOON)
    before = asked(folder)["months"][0]
    snapshot.refresh(now=NOON + timedelta(days=60), force=True)
    assert [month["name"] for month in asked(folder)["months"]] == ["January"]
    assert asked(folder, "page=2")["months"][1] == before


# --- The uptime page -----------------------------------------------------------------------------


def uptime_page(folder: Path) -> str:
    return (folder / "current/archive/pages/uptime.html").read_text()


def uptime_data(folder: Path) -> dict[str, Any]:
    found = re.search(r"window\.uptimeData = (\{.*?\})</script>", uptime_page(folder))
    assert found is not None
    value: dict[str, Any] = json.loads(found[1])
    return value


def test_the_uptime_page_holds_the_days_of_every_service_with_seconds_and_problems(folder: Path) -> None:
    part = rows.old_component()
    rows.change(part, "major_outage", 30)
    rows.change(part, "partial_outage", 29)
    rows.change(part, "operational", 28.5)
    incident = over(began=timedelta(hours=30), ended=timedelta(hours=28), affected={part: "operational"})
    snapshot.refresh(now=NOON)
    made = uptime_data(folder)[part.public_id]
    assert made["component"] == {"code": part.public_id, "name": "Send money", "startDate": "2025-10-20"}
    assert [day["date"] for day in made["days"]][::89] == ["2026-08-27", "2026-11-24"]
    assert made["days"][0] == {"date": "2026-08-27", "outages": {}, "related_events": []}
    assert made["days"][-2] == {
        "date": "2026-11-23",
        "outages": {"p": 1800, "m": 3600},
        "related_events": [{"name": "Payments are late", "code": incident.public_id}],
    }


def test_the_page_s_policy_lets_its_data_and_nothing_else_run(folder: Path) -> None:
    rows.component(name=in_all({"en": "</script><script>alert(1)</script>", "sw": "Tuma"}))
    snapshot.refresh(now=NOON)
    page = uptime_page(folder)
    [text] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert "<" not in text
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    policy = re.search(r"script-src ([^;]*);", page)
    assert policy is not None
    assert f"'sha256-{digest}'" in policy[1]
    assert "unsafe" not in policy[1]
