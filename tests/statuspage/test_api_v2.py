from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from incidents.statuspage_v2 import CANNOT_CONFIRM
from statuspage import api_v2, page
from tests.factories import NOON
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]


def summary(*, stale: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(api_v2.summary_json(page.build_now(NOON), language="en", stale=stale))
    return made


def test_the_summary_speaks_of_the_rows() -> None:
    part = rows.component()
    update = rows.publish(affected={part: "partial_outage"})
    made = summary()
    assert list(made) == ["page", "components", "incidents", "scheduled_maintenances", "status"]
    assert [item["name"] for item in made["components"]] == ["Paying", "Send money"]
    [incident] = made["incidents"]
    assert incident["id"] == update.incident.public_id
    assert incident["incident_updates"][0]["id"] == update.public_id
    assert made["page"]["updated_at"].endswith((".000+03:00", ".000Z"))


def test_unknown_is_never_all_systems_operational() -> None:
    rows.component(status="unknown", observed_status="unknown")
    assert summary()["status"] == {"indicator": "minor", "description": CANNOT_CONFIRM}
    assert json.loads(api_v2.status_json(page.build_now(NOON), language="en", stale=False))["status"]["indicator"] == "minor"


def test_stale_is_never_all_systems_operational() -> None:
    rows.component()
    assert summary()["status"]["indicator"] == "none"
    assert summary(stale=True)["status"] == {"indicator": "minor", "description": CANNOT_CONFIRM}


def test_the_bytes_stay_the_same_while_nothing_changes() -> None:
    rows.publish(affected={rows.component(): "delayed"})
    before = api_v2.summary_json(page.build_now(NOON), language="en", stale=False)
    assert api_v2.summary_json(page.build_now(NOON + timedelta(minutes=5)), language="en", stale=False) == before


def test_an_incidents_own_file_says_nothing_about_now() -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "partial_outage"}).incident
    type(part).objects.update(status="operational")
    built = page.build_now(NOON)
    made = json.loads(api_v2.incident_json(page.build_incident(incident.public_id, now=NOON), built.components, language="en"))
    assert [item["status"] for item in made["components"]] == ["partial_outage"]
    assert list(made)[-3:] == ["incident_updates", "components", "reminder_intervals"]
