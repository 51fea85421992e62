from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from incidents.languages import in_all
from incidents.statuspage_v2 import CANNOT_CONFIRM
from statuspage import api_v2, page, page_lately
from tests.factories import NOON
from tests.incidents import plans
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
    in_lists = list(summary()["incidents"][0])
    assert list(made)[: len(in_lists)] == in_lists
    assert in_lists[-3:] == ["incident_updates", "components", "reminder_intervals"]


# What a webhook of Statuspage has of an incident, beside what its lists have.
BESIDE = {
    *("postmortem_ignored", "postmortem_body", "postmortem_body_last_updated_at", "postmortem_published_at"),
    *("postmortem_notified_subscribers", "postmortem_notified_twitter", "backfilled", "scheduled_for", "scheduled_until"),
    *("scheduled_remind_prior", "scheduled_reminded_at", "impact_override"),
    *("scheduled_auto_in_progress", "scheduled_auto_completed"),
}


def test_an_incidents_own_file_has_what_webhooks_have() -> None:
    incident = rows.publish(at=NOON, status="resolved", affected={rows.component(): "operational"}).incident
    rows.review(incident, at=NOON + timedelta(hours=1))
    rows.review(incident, at=NOON + timedelta(hours=2), compensation=in_all(rows.both("Two months.")))
    built = page.build_now(NOON + timedelta(hours=3))
    made = json.loads(api_v2.incident_json(page.build_incident(incident.public_id, now=NOON), built.components, language="en"))
    assert set(made) >= BESIDE
    assert made["postmortem_published_at"] == "2026-11-24T13:00:00.000+03:00"
    assert made["postmortem_body_last_updated_at"] == "2026-11-24T14:00:00.000+03:00"
    assert made["postmortem_body"].startswith("### Our apology\n\nThe apology of it.\n\n### The cause\n\nThe cause of it.")
    assert made["postmortem_body"].endswith("### What will keep it away\n\n- A second queue\n\n### Compensation\n\nTwo months.")
    assert made["postmortem_notified_subscribers"] is True
    assert made["incident_updates"][0].items() >= {"wants_twitter_update": False, "twitter_updated_at": None}.items()
    assert made["scheduled_for"] is None


def test_planned_work_has_its_own_file_too() -> None:
    work = plans.announced({rows.component(): "partial_outage"}, start=5, end=6)
    built = page.build_now(NOON)
    made = json.loads(api_v2.planned_json(built.maintenances[0], built.identity, built.components, language="en"))
    assert set(made) >= BESIDE
    assert (made["id"], made["scheduled_for"]) == (work.public_id, "2026-11-24T17:00:00.000+03:00")
    assert made["shortlink"] == f"https://status.mfanopesa.example/maintenance/{work.public_id}"
    assert [part["status"] for part in made["components"]] == ["partial_outage"]


def listed(name: str, *, stale: bool = False) -> dict[str, Any]:
    said = page_lately.build_lately(page.build_now(NOON))
    made: dict[str, Any] = json.loads(api_v2.list_json(name, said, language="en", stale=stale))
    return made


@pytest.mark.parametrize("name", api_v2.LISTS)
def test_each_list_is_whole_when_there_is_nothing(name: str) -> None:
    made = listed(name)
    assert list(made) == ["page", {"c": "components", "i": "incidents", "s": "scheduled_maintenances"}[name[0]]]
    assert list(made.values())[1] == []


def test_the_lists_choose_by_state() -> None:
    part = rows.component()
    over = rows.publish(affected={part: "delayed"}, status="resolved", at=NOON - timedelta(hours=1)).incident
    going_on = rows.publish(affected={part: "partial_outage"}).incident
    announced = plans.announced({part: "partial_outage"}, start=5, end=6)
    assert [one["id"] for one in listed("incidents.json")["incidents"]] == [going_on.public_id, over.public_id]
    assert [one["id"] for one in listed("incidents/unresolved.json")["incidents"]] == [going_on.public_id]
    for name in ("scheduled-maintenances.json", "scheduled-maintenances/upcoming.json"):
        assert [one["id"] for one in listed(name)["scheduled_maintenances"]] == [announced.public_id]
    assert listed("scheduled-maintenances/active.json")["scheduled_maintenances"] == []
    assert [one["status"] for one in listed("components.json")["components"]] == ["partial_outage"] * 2


def test_a_stale_list_calls_no_service_working() -> None:
    rows.component()
    assert {one["status"] for one in listed("components.json", stale=True)["components"]} == {"degraded_performance"}
