from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents import statuspage_v2
from incidents.facts import AffectedFacts, ComponentFacts, GroupFacts, IncidentFacts, MaintenanceFacts, UpdateFacts
from incidents.statuspage_v2 import CANNOT_CONFIRM

NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
FIXTURE = Path(__file__).parent.parent / "fixtures" / "statuspage_v2_summary.json"

PAGE = statuspage_v2.Page(
    id="b0k4c8z1qxpg",
    name="Mfano Pesa",
    url="https://status.mfanopesa.example",
    time_zone="Africa/Nairobi",
    updated_at=NOON,
    language="en",
)
GROUP = GroupFacts("c1k4c8z1qxpg", "sending", {"en": "Sending and cash", "sw": "Kutuma"}, START)


def part(status: str, public_id: str = "d2k4c8z1qxpg", group: GroupFacts = GROUP) -> ComponentFacts:
    return ComponentFacts(
        public_id=public_id,
        code="send-money",
        name={"en": "Send money", "sw": "Tuma pesa"},
        description={"en": "", "sw": ""},
        group=group,
        status=status,
        source="probes",
        since=NOON,
        watched=True,
        created_at=START,
    )


def parts(*statuses: str) -> list[ComponentFacts]:
    return [part(status, f"{number:012d}") for number, status in enumerate(statuses)]


UPDATE = UpdateFacts(
    public_id="g4k4c8z1qxpg",
    status="investigating",
    body={"en": "Some payments fail.\nDo not pay <twice>.", "sw": "Baadhi ya malipo hayapiti."},
    display_at=NOON,
    published_at=NOON,
    next_update_by=None,
    promised_by=None,
    deliver_notifications=True,
    presigned=False,
    record_seq=1,
    affected=(AffectedFacts("d2k4c8z1qxpg", {"en": "Send money", "sw": "Tuma pesa"}, GROUP.name, "delayed", "partial_outage"),),
)
INCIDENT = IncidentFacts(
    public_id="f3k4c8z1qxpg",
    name={"en": "Payments are late", "sw": "Malipo yanachelewa"},
    status="investigating",
    impact="major",
    started_at=NOON - timedelta(minutes=4),
    published_at=NOON,
    monitoring_at=None,
    resolved_at=None,
    next_update_by=None,
    updates=(UPDATE,),
)


def roll_up(*statuses: str, incidents: tuple[IncidentFacts, ...] = (), stale: bool = False) -> tuple[str, str]:
    said = statuspage_v2.status_dict(parts(*statuses), incidents, stale=stale)
    return said["indicator"], said["description"]


def test_summary_is_the_known_payload_key_by_key_in_order() -> None:
    made = statuspage_v2.summary(PAGE, [part("partial_outage")], [INCIDENT])
    assert json.dumps(made, indent=2) == json.dumps(json.loads(FIXTURE.read_text()), indent=2)


def test_status_has_the_same_page_and_roll_up_as_the_summary() -> None:
    summary = statuspage_v2.summary(PAGE, parts("delayed", "operational"), [])
    status = statuspage_v2.status(PAGE, parts("delayed", "operational"), [])
    assert list(status) == ["page", "status"]
    assert status == {"page": summary["page"], "status": summary["status"]}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), ("none", "All Systems Operational")),
        (("operational", "operational"), ("none", "All Systems Operational")),
        (("major_outage", "major_outage"), ("critical", "Major System Outage")),
        (("major_outage", "operational"), ("major", "Partial System Outage")),
        (("partial_outage", "partial_outage"), ("major", "Partial System Outage")),
        (("partial_outage", "operational"), ("minor", "Minor Service Outage")),
        (("delayed", "degraded_performance"), ("minor", "Degraded System Service")),
        (("delayed", "operational"), ("minor", "Partially Degraded Service")),
        (("under_maintenance", "operational"), ("maintenance", "Service Under Maintenance")),
        (("unknown", "operational"), ("minor", CANNOT_CONFIRM)),
        (("unknown", "under_maintenance"), ("minor", CANNOT_CONFIRM)),
        (("unknown", "major_outage"), ("major", "Partial System Outage")),
    ],
)
def test_roll_up_follows_the_table(statuses: tuple[str, ...], expected: tuple[str, str]) -> None:
    assert roll_up(*statuses) == expected


@pytest.mark.parametrize(
    ("statuses", "indicator"),
    [
        (("operational",), "minor"),
        (("under_maintenance",), "minor"),
        (("delayed",), "minor"),
        (("major_outage", "operational"), "major"),
        (("major_outage",), "critical"),
    ],
)
def test_stale_cannot_confirm_and_never_lowers_a_worse_state(statuses: tuple[str, ...], indicator: str) -> None:
    assert roll_up(*statuses, stale=True) == (indicator, CANNOT_CONFIRM)


def test_a_stale_summary_calls_nothing_operational() -> None:
    made = statuspage_v2.summary(PAGE, parts("operational", "major_outage", "under_maintenance"), [], stale=True)
    assert [item["status"] for item in made["components"] if not item["group"]] == [
        "degraded_performance",
        "major_outage",
        "degraded_performance",
    ]


def test_only_the_five_known_statuses_appear() -> None:
    made = statuspage_v2.summary(PAGE, parts("delayed", "unknown"), [])
    assert {item["status"] for item in made["components"]} == {"degraded_performance"}


def test_an_open_incident_raises_the_indicator_only_when_it_names_no_component() -> None:
    assert roll_up("operational", incidents=(INCIDENT,))[0] == "none"
    nameless = replace(INCIDENT, updates=(replace(UPDATE, affected=()),))
    assert roll_up("operational", incidents=(nameless,)) == ("major", "Partial System Outage")
    assert roll_up("operational", incidents=(replace(nameless, impact="none"),)) == ("none", "All Systems Operational")
    assert roll_up(incidents=(replace(INCIDENT, impact="critical"),)) == ("critical", "Major System Outage")


def test_nothing_named_is_null_not_an_empty_list() -> None:
    made = statuspage_v2.update_dict(PAGE, INCIDENT.public_id, replace(UPDATE, affected=()))
    assert made["affected_components"] is None


def test_a_false_alarm_is_resolved_to_programs() -> None:
    closed = replace(INCIDENT, status="false_alarm", resolved_at=NOON)
    made = statuspage_v2.incident_dict(PAGE, closed, [part("operational")], {"d2k4c8z1qxpg": "operational"})
    assert made["status"] == "resolved"
    assert made["resolved_at"] == "2026-11-24T12:00:00.000+03:00"


def test_resolved_incidents_are_not_in_the_summary() -> None:
    closed = replace(INCIDENT, status="resolved", resolved_at=NOON)
    assert statuspage_v2.summary(PAGE, [part("operational")], [closed])["incidents"] == []


def test_open_incidents_come_newest_first() -> None:
    older = replace(INCIDENT, public_id="h5k4c8z1qxpg", published_at=NOON - timedelta(hours=1))
    made = statuspage_v2.summary(PAGE, [part("delayed")], [older, INCIDENT])
    assert [incident["id"] for incident in made["incidents"]] == [INCIDENT.public_id, older.public_id]


def test_groups_and_their_children_are_listed_by_position() -> None:
    other = GroupFacts("j6k4c8z1qxpg", "paying", {"en": "Paying", "sw": "Kulipa"}, START)
    listed = [part("delayed", "1" * 12), part("operational", "2" * 12), part("operational", "3" * 12, other)]
    made: list[dict[str, Any]] = statuspage_v2.summary(PAGE, listed, [])["components"]
    assert [(item["id"], item["position"]) for item in made] == [
        (GROUP.public_id, 1),
        ("1" * 12, 1),
        ("3" * 12, 1),
        ("2" * 12, 2),
        (other.public_id, 2),
    ]
    assert {item["id"]: item["status"] for item in made if item["group"]} == {
        GROUP.public_id: "degraded_performance",
        other.public_id: "operational",
    }


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Etc/UTC", "2026-11-24T09:00:00.123Z"),
        ("UTC", "2026-11-24T09:00:00.123Z"),
        ("Africa/Nairobi", "2026-11-24T12:00:00.123+03:00"),
        ("America/St_Johns", "2026-11-24T05:30:00.123-03:30"),
        ("Europe/London", "2026-11-24T09:00:00.123+00:00"),
    ],
)
def test_times_have_exactly_three_digits_and_the_zone_of_the_page(zone: str, expected: str) -> None:
    assert statuspage_v2.time(NOON.replace(microsecond=123456), replace(PAGE, time_zone=zone)) == expected


def test_a_time_on_the_second_keeps_its_three_digits() -> None:
    assert statuspage_v2.time(NOON, PAGE) == "2026-11-24T12:00:00.000+03:00"


# --- Planned work and the lists --------------------------------------------------------------------

PLANNED = MaintenanceFacts(
    public_id="k7k4c8z1qxpg",
    name={"en": "New database", "sw": "Hifadhidata mpya"},
    phase="scheduled",
    starts_at=NOON + timedelta(days=1),
    ends_at=NOON + timedelta(days=1, hours=3),
    announced_at=NOON,
    published_at=NOON,
    verifying_at=None,
    finished_at=None,
    overrun_at=None,
    expected={"d2k4c8z1qxpg": "partial_outage"},
    updates=(replace(UPDATE, status="scheduled"),),
)


def planned(phase: str, public_id: str, start: int = 1, announced: int = 0) -> MaintenanceFacts:
    return replace(
        PLANNED,
        phase=phase,
        public_id=public_id,
        starts_at=NOON + timedelta(days=start),
        published_at=NOON + timedelta(hours=announced),
    )


FOUR = [
    planned("scheduled", "later", start=5, announced=3),
    planned("scheduled", "sooner", start=2, announced=1),
    planned("verifying", "now", start=0, announced=-1),
    planned("completed", "over", start=-9, announced=-9),
]


def ids(made: dict[str, Any]) -> list[str]:
    return [one["id"] for one in made["scheduled_maintenances"]]


def test_each_list_of_planned_work_has_its_own_and_its_order() -> None:
    listed = [part("operational")]
    assert ids(statuspage_v2.scheduled_maintenances(PAGE, listed, FOUR)) == ["later", "sooner", "now", "over"]
    assert ids(statuspage_v2.upcoming_maintenances(PAGE, listed, FOUR)) == ["sooner", "later"]
    assert ids(statuspage_v2.active_maintenances(PAGE, listed, FOUR)) == ["now"]
    assert ids(statuspage_v2.summary(PAGE, listed, [], FOUR)) == ["now", "sooner", "later"]


def test_planned_work_has_the_fields_of_an_incident_and_its_times_last() -> None:
    made = statuspage_v2.maintenance_dict(PAGE, PLANNED, [part("operational")], {"d2k4c8z1qxpg": "operational"})
    of_incident = list(statuspage_v2.incident_dict(PAGE, INCIDENT, [], {}))
    assert list(made) == [*of_incident[:-1], "scheduled_for", "scheduled_until"]
    assert made["impact"] == "maintenance"
    assert made["scheduled_for"] == "2026-11-25T12:00:00.000+03:00"
    assert [component["id"] for component in made["components"]] == ["d2k4c8z1qxpg"]


def test_cancelled_work_is_completed_to_programs() -> None:
    made = statuspage_v2.maintenance_dict(PAGE, planned("cancelled", "x"), [], {})
    assert made["status"] == "completed"


def test_the_lists_of_incidents_hold_50_and_whatever_is_open() -> None:
    closed = [
        replace(INCIDENT, public_id=f"c{number}", status="resolved", published_at=NOON + timedelta(hours=number))
        for number in range(60)
    ]
    listed = [part("operational")]
    made = [one["id"] for one in statuspage_v2.incidents(PAGE, listed, [*closed, INCIDENT])["incidents"]]
    assert (len(made), made[0], made[-1]) == (51, "c59", INCIDENT.public_id)
    unresolved = statuspage_v2.unresolved_incidents(PAGE, listed, [*closed, INCIDENT])
    assert [one["id"] for one in unresolved["incidents"]] == [INCIDENT.public_id]


def test_components_without_a_heading_stand_in_one_sequence_with_the_groups() -> None:
    alone = replace(GROUP, public_id="m8k4c8z1qxpg", has_heading=False)
    other = replace(GROUP, public_id="n9k4c8z1qxpg")
    listed = [part("operational", "1" * 12, alone), part("operational", "2" * 12, alone), part("delayed", "3" * 12, other)]
    made = statuspage_v2.all_components(PAGE, listed)["components"]
    assert [(item["id"], item["position"], item["group_id"]) for item in made] == [
        ("1" * 12, 1, None),
        ("3" * 12, 1, other.public_id),
        ("2" * 12, 2, None),
        (other.public_id, 3, None),
    ]


def test_history_that_is_not_shown_has_no_first_day() -> None:
    made = statuspage_v2.component_dict(PAGE, replace(part("operational"), showcase=False), 1, "operational")
    assert (made["showcase"], made["start_date"]) == (False, None)
