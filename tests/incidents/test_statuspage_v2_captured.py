"""What live pages sent, expressed in our rows, comes out of statuspage_v2 equal: field for field and in order.

Every difference that remains stands in DIFFERENCES with its reason; one that is listed and does not occur fails too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from incidents import statuspage_v2
from incidents.facts import IncidentFacts
from incidents.languages import in_all
from incidents.models import (
    AffectedComponent,
    Component,
    ComponentGroup,
    Incident,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    ScheduledMaintenance,
)
from statuspage import page, page_planned, reading

pytestmark = pytest.mark.django_db

FOLDER = Path(__file__).parent.parent / "fixtures" / "statuspage_v2"
SUMMARY_CLAUDE = "anthropic-summary-active-incident.json"
PLANNED_CLAUDE = "anthropic-scheduled-maintenances-completed.json"
SUMMARY_CLOUDFLARE = "cloudflare-summary-groups-maintenance-scheduled.json"
SUMMARY_GITHUB = "github-summary-active-incident-2020.json"
INCIDENTS_PAYFAST = "payfast-incidents-resolved-grouped-component-local-tz.json"

SHORTLINK = "their short address is a redirect service's; ours is the page's own, and permanent"
LAST_WORD = "a time: theirs is that of saving the row, some milliseconds after its last update; ours is the last word's"
ANNOUNCED = "a time: theirs is some milliseconds before created_at; ours says once when it was announced"
OLDER = "the shape of 2020 had no such field; strict clients of today ask for it, so it is always there"
GROUP_TIME = "a time: theirs is when the group was renamed last; ours follows the states of its children"
INCIDENT, PLANNED = "incidents[].", "scheduled_maintenances[]."
DIFFERENCES: dict[str, dict[str, str]] = {
    SUMMARY_CLAUDE: {f"{INCIDENT}shortlink": SHORTLINK, f"{INCIDENT}updated_at": LAST_WORD},
    PLANNED_CLAUDE: {
        f"{PLANNED}shortlink": SHORTLINK,
        f"{PLANNED}updated_at": LAST_WORD,
        f"{PLANNED}started_at": ANNOUNCED,
    },
    SUMMARY_CLOUDFLARE: {
        f"{PLANNED}shortlink": SHORTLINK,
        f"{PLANNED}updated_at": LAST_WORD,
        f"{PLANNED}started_at": ANNOUNCED,
        "components[].updated_at": GROUP_TIME,
    },
    SUMMARY_GITHUB: {
        f"{INCIDENT}shortlink": SHORTLINK,
        f"{INCIDENT}updated_at": LAST_WORD,
        f"{INCIDENT}reminder_intervals": OLDER,
        f"{INCIDENT}components[].start_date": OLDER,
        "components[].start_date": OLDER,
    },
    INCIDENTS_PAYFAST: {
        f"{INCIDENT}shortlink": SHORTLINK,
        f"{INCIDENT}updated_at": LAST_WORD,
        f"{INCIDENT}reminder_intervals": "cut off by the documentation that printed it; newer captures have it",
    },
}
SORTED_BY_THE_ARCHIVER = (SUMMARY_CLAUDE, PLANNED_CLAUDE)


# --- From a payload to rows ------------------------------------------------------------------------

_numbers = count(1)


def text(value: str | None) -> Any:
    return in_all({"en": value or "", "sw": value or ""})


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


class Rows:
    """The rows that say what a payload says. What the capturing project cut away is filled up, so that positions come out."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload
        events = [*payload.get("incidents", []), *payload.get("scheduled_maintenances", [])]
        listed = [*payload.get("components", []), *(part for event in events for part in event["components"])]
        self.parts = {part["id"]: part for part in listed if not part["group"]}
        updates = [update for event in events for update in event["incident_updates"]]
        self.named = [named for update in updates for named in update["affected_components"] or ()]
        self._groups({part["id"]: part for part in listed if part["group"]})
        for event in payload.get("incidents", []):
            self._incident(event)
        for event in payload.get("scheduled_maintenances", []):
            self._maintenance(event)

    def _groups(self, known: dict[str, dict[str, Any]]) -> None:
        for part in self.parts.values():
            if part["group_id"]:
                known.setdefault(part["group_id"], {"id": part["group_id"], "position": 50, "created_at": part["created_at"]})
        if not known:
            self._members(self._group({"position": 1}, has_heading=False), list(self.parts.values()))
        for place in range(1, min((one["position"] for one in known.values()), default=1)):
            self._members(self._group({"position": place}), [{"status": "operational"}])
        for one in known.values():
            members = [part for part in self.parts.values() if part["group_id"] == one["id"]]
            listed = [{"id": public_id, "position": 1, "status": one["status"]} for public_id in one.get("components", [])]
            self._members(self._group(one), [*members, *listed])

    def _group(self, one: dict[str, Any], **fields: Any) -> ComponentGroup:
        ids = {"public_id": one["id"]} if "id" in one else {}
        name = one.get("name") or self._prefix(one.get("id", ""))
        group = ComponentGroup.objects.create(
            code=f"group-{next(_numbers)}", name=text(name), position=one["position"], **ids, **fields
        )
        if "created_at" in one:
            ComponentGroup.objects.filter(pk=group.pk).update(created_at=moment(one["created_at"]))
        return group

    def _prefix(self, group_id: str) -> str:
        """A group that the payload does not list is known from the names in its updates: Group - Component."""
        for named in self.named:
            part = self.parts.get(named["code"])
            if part and part["group_id"] == group_id:
                return str(named["name"].removesuffix(f" - {part['name']}"))
        return "Others"

    def _members(self, group: ComponentGroup, members: list[dict[str, Any]]) -> None:
        at = {part["position"]: part for part in members if "name" in part}
        rest = [part for part in members if "name" not in part]
        for place in range(1, max(at, default=0) + 1):
            self._component(group, at.get(place) or {"status": "operational"}, place)
        for place, part in enumerate(rest, start=100):
            self._component(group, part, place)

    def _component(self, group: ComponentGroup, part: dict[str, Any], place: int) -> None:
        ids = {"public_id": part["id"]} if "id" in part else {}
        component = Component.objects.create(
            code=f"part-{next(_numbers)}",
            group=group,
            name=text(part.get("name", "Cut away")),
            description=text(part.get("description")),
            position=place,
            showcase=part.get("showcase", False),
            start_date=date.fromisoformat(part["start_date"]) if part.get("start_date") else None,
            only_show_if_degraded=part.get("only_show_if_degraded", False),
            status=part["status"],
            status_since=moment(part.get("updated_at")),
            **ids,
        )
        if "created_at" in part:
            Component.objects.filter(pk=component.pk).update(created_at=moment(part["created_at"]))

    def _incident(self, event: dict[str, Any]) -> None:
        incident = Incident.objects.create(
            public_id=event["id"],
            name=text(event["name"]),
            publication="published",
            status=event["status"],
            impact=event["impact"],
            started_at=datetime.fromisoformat(event["started_at"]),
            published_at=moment(event["created_at"]),
            monitoring_at=moment(event["monitoring_at"]),
            resolved_at=moment(event["resolved_at"]),
        )
        for said in reversed(event["incident_updates"]):
            update = IncidentUpdate.objects.create(incident=incident, display_at=moment(said["display_at"]), **self._said(said))
            for named in said["affected_components"] or ():
                AffectedComponent.objects.create(update=update, **self._named(named))

    def _maintenance(self, event: dict[str, Any]) -> None:
        planned = ScheduledMaintenance.objects.create(public_id=event["id"], name=text(event["name"]), phase=event["status"])
        dates = {"starts_at": moment(event["scheduled_for"]), "ends_at": moment(event["scheduled_until"])}
        for said in reversed(event["incident_updates"]):
            announces = said["status"] == "scheduled" and said["affected_components"]
            update = MaintenanceUpdate.objects.create(maintenance=planned, **(dates if announces else {}), **self._said(said))
            planned.plan = update if announces else planned.plan
            for named in said["affected_components"] or ():
                MaintenanceComponent.objects.create(update=update, expected="partial_outage", **self._named(named))
        planned.publication, planned.published_at = "published", moment(event["created_at"])
        planned.announced_at = planned.plan.published_at if planned.plan else None
        planned.verifying_at, planned.finished_at = moment(event["monitoring_at"]), moment(event["resolved_at"])
        planned.starts_at, planned.ends_at = dates["starts_at"], dates["ends_at"]
        planned.save()

    def _said(self, said: dict[str, Any]) -> dict[str, Any]:
        return {
            "public_id": said["id"],
            "status": said["status"],
            "body": text(said["body"]),
            "publication": "published",
            "published_at": moment(said["created_at"]),
            "record_seq": next(_numbers),
            "deliver_notifications": said["deliver_notifications"],
        }

    def _named(self, named: dict[str, str]) -> dict[str, Any]:
        component = Component.objects.select_related("group").get(public_id=named["code"])
        prefix = f"{component.group.name} - " if component.group.has_heading else ""
        return {
            "component": component,
            "name": text(named["name"].removeprefix(prefix)),
            "old_status": named["old_status"],
            "new_status": named["new_status"],
        }


# --- From rows to a payload ------------------------------------------------------------------------


def ours(payload: dict[str, Any]) -> dict[str, Any]:
    """The same document, made from the rows; components the capture does not list are left out."""
    whose = payload["page"]
    owner = statuspage_v2.Page(
        whose["id"], whose["name"], whose["url"], whose["time_zone"], datetime.fromisoformat(whose["updated_at"]), "en"
    )
    components = [reading.component_facts(component) for component in Component.objects.published()]
    incidents: list[IncidentFacts] = [
        built.incident.facts
        for built in page.build_incidents(Incident.objects.values_list("public_id", flat=True), now=timezone.now())
    ]
    planned = page_planned.recent()
    if "status" in payload:
        made = statuspage_v2.summary(owner, components, incidents, planned)
    elif "incidents" in payload:
        made = statuspage_v2.incidents(owner, components, incidents)
    else:
        made = statuspage_v2.scheduled_maintenances(owner, components, planned)
    if "components" in payload:
        wanted = {part["id"] for part in payload["components"]}
        made["components"] = [part for part in made["components"] if part["id"] in wanted]
    return made


def differences(mine: Any, theirs: Any, path: str = "", *, in_order: bool) -> Iterator[str]:
    """The paths at which two documents differ; `[]` stands for any place of a list."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        here = f"{path}." if path else ""
        common = [key for key in mine if key in theirs]
        if in_order and common != [key for key in theirs if key in mine]:
            yield f"{path} (order)"
        yield from (f"{here}{key}" for key in sorted({*mine} ^ {*theirs}))
        for key in common:
            yield from differences(mine[key], theirs[key], f"{here}{key}", in_order=in_order)
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for one, other in zip(mine, theirs, strict=True):
            yield from differences(one, other, f"{path}[]", in_order=in_order)
    elif mine != theirs:
        yield path


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_captured_payload_comes_out_equal_but_for_the_differences_that_are_explained(name: str) -> None:
    payload = json.loads((FOLDER / name).read_text())
    Rows(payload)
    found = set(differences(ours(payload), payload, in_order=name not in SORTED_BY_THE_ARCHIVER))
    assert found == set(DIFFERENCES[name])


def test_every_captured_payload_is_tried() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(DIFFERENCES)


def test_the_differences_are_all_of_times_and_addresses_or_of_an_older_shape() -> None:
    reasons = {reason for listed in DIFFERENCES.values() for reason in listed.values()}
    assert all(reason.startswith(("a time:", "their short address", "the shape of 2020", "cut off")) for reason in reasons)
