"""Pure: Statuspage's public v2 JSON: summary.json or components.json, incidents.json, scheduled-maintenances.json.

Every file may be given; what one lacks another has. Times carry their zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from incidents.rollup import worst
from incidents.words import ComponentStatus
from statuspage.importing.found import Found, NotThatFormat, Past, Service, ToCome, Word, listed, moment_of, text_of

OVER = ("resolved", "postmortem")
STATES = frozenset(ComponentStatus.values) - {ComponentStatus.OPERATIONAL.value, ComponentStatus.UNDER_MAINTENANCE.value}
BY_IMPACT = {"minor": "degraded_performance", "major": "partial_outage", "critical": "major_outage"}


def read(payloads: Iterable[Mapping[str, Any]], *, now: datetime) -> Found:
    """Raises NotThatFormat."""
    page: Mapping[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {"components": {}, "incidents": {}, "scheduled_maintenances": {}}
    for payload in payloads:
        given = [key for key in parts if isinstance(payload, Mapping) and key in payload]
        if not given or not isinstance(payload.get("page"), Mapping):
            raise NotThatFormat("This is no file of Statuspage's v2 API: “page”, and components, incidents or planned work.")
        page = payload["page"]
        for key in given:
            parts[key] |= {text_of(row, "id"): row for row in listed(payload, key, "The file")}
    rows = parts["components"]
    groups = {number: text_of(row, "name") for number, row in rows.items() if row.get("group")}
    services = {number: _service(row, groups) for number, row in rows.items() if not row.get("group")}
    services |= {
        number: Service(number, name)
        for one in (*parts["incidents"].values(), *parts["scheduled_maintenances"].values())
        for number, name in _named(one).items()
        if number not in services
    }
    past, left = [], []
    for row in parts["incidents"].values():
        if text_of(row, "status") in OVER and (found := _past(row)):
            past.append(found)
        else:
            left.append(f"incident “{text_of(row, 'name')}”: it is not over there; say it here by hand")
    to_come = []
    for row in parts["scheduled_maintenances"].values():
        if (planned := _to_come(row)) and planned.starts_at > now and text_of(row, "status") == "scheduled":
            to_come.append(planned)
        else:
            left.append(f"planned work “{text_of(row, 'name')}”: it began already, and ours is announced beforehand")
    source = f"statuspage:{text_of(page, 'id')}"
    return Found(source, text_of(page, "name"), tuple(services.values()), tuple(past), tuple(to_come), (), tuple(left))


def _service(row: Mapping[str, Any], groups: Mapping[str, str]) -> Service:
    group = groups.get(text_of(row, "group_id"), "")
    return Service(text_of(row, "id"), text_of(row, "name"), text_of(row, "description"), group)


def _named(row: Mapping[str, Any]) -> dict[str, str]:
    """{id: name} of the services that an incident names: beside it, or in its updates (with the group's name before “ - ”)."""
    beside = {text_of(one, "id"): text_of(one, "name") for one in row.get("components") or []}
    for update in row.get("incident_updates") or []:
        for one in update.get("affected_components") or []:
            beside.setdefault(text_of(one, "code"), text_of(one, "name").rpartition(" :: ")[2])
    return {number: name for number, name in beside.items() if number and name}


def _past(row: Mapping[str, Any]) -> Past | None:
    started = moment_of(row.get("started_at") or row.get("created_at"))
    ended = moment_of(row.get("resolved_at") or row.get("updated_at"))
    if ended <= started:
        return None
    updates = row.get("incident_updates") or []
    words = [
        Word(moment_of(one.get("display_at") or one["created_at"]), text_of(one, "status"), text_of(one, "body"))
        for one in updates
    ]
    return Past(
        external_id=text_of(row, "id"),
        name=text_of(row, "name"),
        started_at=started,
        ended_at=ended,
        words=tuple(sorted(words, key=lambda word: word.at)),
        states=_states(row, updates),
    )


def _states(row: Mapping[str, Any], updates: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The worst that each service showed; where updates do not tell, by the incident's impact."""
    shown: dict[str, list[str]] = {}
    for update in updates:
        for one in update.get("affected_components") or []:
            said = {text_of(one, "old_status"), text_of(one, "new_status")} & STATES
            shown.setdefault(text_of(one, "code"), []).extend(sorted(said))
    by_impact = BY_IMPACT.get(text_of(row, "impact"), ComponentStatus.OPERATIONAL.value)
    return {number: worst(shown[number]) if shown.get(number) else by_impact for number in _named(row)}


def _to_come(row: Mapping[str, Any]) -> ToCome | None:
    starts, ends = moment_of(row.get("scheduled_for")), moment_of(row.get("scheduled_until"))
    updates = row.get("incident_updates") or [{}]
    if ends <= starts:
        return None
    return ToCome(
        text_of(row, "id"), text_of(row, "name"), starts, ends, text_of(updates[-1], "body"), tuple(_named(row))
    )  # fmt: skip
