"""Pure: facts of the record -> the dicts of Statuspage's public API v2, every field always present, in that API's order.

Statuspage knows five component statuses: `delayed` and `unknown` appear as degraded_performance. When we cannot confirm
(`unknown`, or a stale copy) the description says so and the indicator is at least minor; a worse state is never lowered.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from incidents import rollup
from incidents.facts import AffectedFacts, ComponentFacts, GroupFacts, IncidentFacts, MaintenanceFacts, UpdateFacts
from incidents.maintenance import Phase
from incidents.once import per_object
from incidents.public_ids import gone_id
from incidents.words import ComponentStatus, Impact, IncidentStatus

CANNOT_CONFIRM = "We cannot confirm the current status"
UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})
LISTED = 50
INDICATORS = ("none", "maintenance", "minor", "major", "critical")
_BY_IMPACT = {
    Impact.MINOR.value: ("minor", "Minor Service Outage"),
    Impact.MAJOR.value: ("major", "Partial System Outage"),
    Impact.CRITICAL.value: ("critical", "Major System Outage"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """The page as the API names it, with the language its texts are taken in. `url` has no trailing slash."""

    id: str
    name: str
    url: str
    time_zone: str
    updated_at: datetime
    language: str


def summary(
    page: Page,
    components: Sequence[ComponentFacts],
    incidents: Iterable[IncidentFacts],
    maintenances: Iterable[MaintenanceFacts] = (),
    *,
    stale: bool = False,
) -> dict[str, Any]:
    """summary.json. `components` in page order; of `incidents` the open ones are listed, the newest first; of `maintenances`
    those that are not over, the next one first."""
    unresolved = _unresolved(incidents)
    shown = _shown(components, stale=stale)
    live = sorted((planned for planned in maintenances if planned.is_live), key=lambda planned: planned.starts_at)
    return {
        "page": page_dict(page),
        "components": components_list(page, components, shown),
        "incidents": [incident_dict(page, incident, components, shown) for incident in unresolved],
        "scheduled_maintenances": [maintenance_dict(page, planned, components, shown) for planned in live],
        "status": status_dict(components, unresolved, stale=stale),
    }


def status(
    page: Page, components: Sequence[ComponentFacts], incidents: Iterable[IncidentFacts], *, stale: bool = False
) -> dict[str, Any]:
    """status.json"""
    return {"page": page_dict(page), "status": status_dict(components, _unresolved(incidents), stale=stale)}


def all_components(page: Page, components: Sequence[ComponentFacts], *, stale: bool = False) -> dict[str, Any]:
    """components.json"""
    return {"page": page_dict(page), "components": components_list(page, components, _shown(components, stale=stale))}


def incidents(
    page: Page, components: Sequence[ComponentFacts], incidents: Iterable[IncidentFacts], *, stale: bool = False
) -> dict[str, Any]:
    """incidents.json: the 50 newest, and all that are open."""
    listed = sorted(incidents, key=lambda one: one.published_at, reverse=True)
    chosen = [one for place, one in enumerate(listed) if place < LISTED or one.is_open]
    return _incidents(page, components, chosen, stale=stale)


def unresolved_incidents(
    page: Page, components: Sequence[ComponentFacts], incidents: Iterable[IncidentFacts], *, stale: bool = False
) -> dict[str, Any]:
    """incidents/unresolved.json"""
    return _incidents(page, components, _unresolved(incidents), stale=stale)


def _incidents(
    page: Page, components: Sequence[ComponentFacts], chosen: Iterable[IncidentFacts], *, stale: bool
) -> dict[str, Any]:
    shown, positions = _shown(components, stale=stale), positions_of(components)
    found = [incident_dict(page, one, components, shown, positions=positions) for one in chosen]
    return {"page": page_dict(page), "incidents": found}


def scheduled_maintenances(
    page: Page, components: Sequence[ComponentFacts], maintenances: Iterable[MaintenanceFacts], *, stale: bool = False
) -> dict[str, Any]:
    """scheduled-maintenances.json: the 50 newest by their announcement."""
    chosen = sorted(maintenances, key=lambda planned: planned.published_at, reverse=True)[:LISTED]
    return _maintenances(page, components, chosen, stale=stale)


def upcoming_maintenances(
    page: Page, components: Sequence[ComponentFacts], maintenances: Iterable[MaintenanceFacts], *, stale: bool = False
) -> dict[str, Any]:
    """scheduled-maintenances/upcoming.json: not begun yet, the next one first."""
    chosen = [planned for planned in maintenances if planned.phase == Phase.SCHEDULED]
    return _maintenances(page, components, sorted(chosen, key=lambda planned: planned.starts_at), stale=stale)


def active_maintenances(
    page: Page, components: Sequence[ComponentFacts], maintenances: Iterable[MaintenanceFacts], *, stale: bool = False
) -> dict[str, Any]:
    """scheduled-maintenances/active.json: at work."""
    chosen = [planned for planned in maintenances if planned.is_at_work]
    return _maintenances(page, components, sorted(chosen, key=lambda planned: planned.starts_at), stale=stale)


def _maintenances(
    page: Page, components: Sequence[ComponentFacts], chosen: Iterable[MaintenanceFacts], *, stale: bool
) -> dict[str, Any]:
    shown = _shown(components, stale=stale)
    listed = [maintenance_dict(page, planned, components, shown) for planned in chosen]
    return {"page": page_dict(page), "scheduled_maintenances": listed}


def _unresolved(incidents: Iterable[IncidentFacts]) -> list[IncidentFacts]:
    return sorted((incident for incident in incidents if incident.is_open), key=lambda one: one.published_at, reverse=True)


def page_dict(page: Page) -> dict[str, Any]:
    return {
        "id": page.id,
        "name": page.name,
        "url": page.url,
        "time_zone": page.time_zone,
        "updated_at": time(page.updated_at, page),
    }


def status_dict(
    components: Sequence[ComponentFacts], unresolved: Sequence[IncidentFacts], *, stale: bool = False
) -> dict[str, str]:
    """The roll-up. Open incidents do not raise it, unless there are no components or an incident names none."""
    indicator, description = rollup.blend(
        [component.status for component in components],
        critical=[component.status for component in components if component.critical],
    )
    if not components or any(not incident.stated for incident in unresolved):
        worst = max((incident.impact for incident in unresolved), key=rollup.IMPACT_ORDER.index, default=Impact.NONE.value)
        raised = _BY_IMPACT.get(worst, ("none", ""))
        if _rank(raised[0]) > _rank(indicator):
            indicator, description = raised
    if stale or rollup.worst(component.status for component in components) == ComponentStatus.UNKNOWN:
        return {"indicator": max(indicator, "minor", key=_rank), "description": CANNOT_CONFIRM}
    return {"indicator": indicator, "description": description}


def _rank(indicator: str) -> int:
    return INDICATORS.index(indicator)


def _shown(components: Iterable[ComponentFacts], *, stale: bool) -> dict[str, str]:
    """What each shows, by public id; in a stale copy unknown, or what was worse."""
    at_least = ComponentStatus.UNKNOWN.value if stale else ComponentStatus.OPERATIONAL.value
    raised = {status: rollup.worst([status, at_least]) for status in ComponentStatus.values}
    return {part.public_id: raised[part.status] for part in components}


# --- Components --------------------------------------------------------------------------------


def components_list(page: Page, components: Sequence[ComponentFacts], shown: Mapping[str, str]) -> list[dict[str, Any]]:
    """Groups and components by position: groups and components in none share one sequence, children restart in their group."""
    positions = positions_of(components)
    listed: list[dict[str, Any]] = []
    for members in _by_group(components):
        group = members[0].group
        if group.has_heading:
            listed.append(group_dict(page, group, members, positions[group.public_id], shown))
        listed += [component_dict(page, one, positions[one.public_id], shown[one.public_id]) for one in members]
    return sorted(listed, key=lambda item: item["position"])


def _by_group(components: Iterable[ComponentFacts]) -> list[list[ComponentFacts]]:
    groups: dict[str, list[ComponentFacts]] = {}
    for component in components:
        groups.setdefault(component.group.public_id, []).append(component)
    return list(groups.values())


def positions_of(components: Iterable[ComponentFacts]) -> dict[str, int]:
    """The position of every group and component, from 1, by public id."""
    top, positions = count(1), dict[str, int]()
    for members in _by_group(components):
        group, places = members[0].group, top
        if group.has_heading:
            positions[group.public_id], places = next(top), count(1)
        positions |= {component.public_id: next(places) for component in members}
    return positions


def component_dict(page: Page, component: ComponentFacts, position: int, status: str) -> dict[str, Any]:
    return _component(component, page.id, page.language, page.time_zone, position, status)


@per_object
def _component(
    component: ComponentFacts, page_id: str, language: str, time_zone: str, position: int, status: str
) -> dict[str, Any]:
    return {
        "id": component.public_id,
        "name": component.name[language],
        "status": five(status),
        "created_at": _written(component.created_at, time_zone),
        "updated_at": _written(component.changed_at, time_zone),
        "position": position,
        "description": component.description[language] or None,
        "showcase": component.showcase,
        "start_date": _start_date(component, time_zone),
        "group_id": component.group.public_id if component.group.has_heading else None,
        "page_id": page_id,
        "group": False,
        "only_show_if_degraded": component.only_show_if_degraded,
    }


def _start_date(component: ComponentFacts, time_zone: str) -> str | None:
    """The day its history begins; null where its history is not shown."""
    if not component.showcase:
        return None
    if component.start_date:
        return component.start_date.isoformat()
    return component.created_at.astimezone(ZoneInfo(time_zone)).date().isoformat()


def group_dict(
    page: Page, group: GroupFacts, members: Sequence[ComponentFacts], position: int, shown: Mapping[str, str]
) -> dict[str, Any]:
    """A group's status is that of its worst child."""
    return {
        "id": group.public_id,
        "name": group.name[page.language],
        "status": five(rollup.worst(shown[component.public_id] for component in members)),
        "created_at": time(group.created_at, page),
        "updated_at": time(max(component.changed_at for component in members), page),
        "position": position,
        "description": None,
        "showcase": any(component.showcase for component in members),
        "start_date": None,
        "group_id": None,
        "page_id": page.id,
        "group": True,
        "only_show_if_degraded": False,
        "components": [component.public_id for component in members],
    }


def five(status: str) -> str:
    """The nearest of the five statuses Statuspage knows."""
    return str(rollup.AS_STATUSPAGE.get(ComponentStatus(status), ComponentStatus(status)))


# --- Incidents ---------------------------------------------------------------------------------


def incident_dict(
    page: Page,
    incident: IncidentFacts,
    components: Sequence[ComponentFacts],
    shown: Mapping[str, str],
    *,
    positions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """An incident with its updates, newest first; one that was withdrawn or merged is, to these clients, resolved. `shown` gives
    each component's status by public id. `positions` of these components, where many incidents are written."""
    return {
        "id": incident.public_id,
        "name": incident.name[page.language],
        "status": phase(IncidentStatus.RESOLVED if incident.is_gone else incident.status),
        "created_at": time(incident.published_at, page),
        "updated_at": time(incident.last_change_at, page),
        "monitoring_at": _time_or_none(incident.monitoring_at, page),
        "resolved_at": _time_or_none(incident.resolved_at or incident.gone_at, page) if not incident.is_open else None,
        "impact": incident.impact,
        "shortlink": f"{page.url}/incidents/{incident.public_id}",
        "started_at": time(incident.started_at, page),
        "page_id": page.id,
        "incident_updates": [
            *_gone(page, incident),
            *(update_dict(page, incident.public_id, update) for update in incident.updates),
        ],
        "components": _named_components(
            page, {item.component_id for item in incident.stated}, components, shown, positions or positions_of(components)
        ),
        "reminder_intervals": None,
    }


def _named_components(
    page: Page,
    named: Container[str],
    components: Sequence[ComponentFacts],
    shown: Mapping[str, str],
    positions: Mapping[str, int],
) -> list[dict[str, Any]]:
    return [
        component_dict(page, component, positions[component.public_id], shown[component.public_id])
        for component in components
        if component.public_id in named
    ]


def last_stated(incident: IncidentFacts) -> dict[str, str]:
    """What the incident itself last said of each of its components: for a file that says nothing about now."""
    return {item.component_id: item.new_status for item in incident.stated}


def maintenance_dict(
    page: Page,
    planned: MaintenanceFacts,
    components: Sequence[ComponentFacts],
    shown: Mapping[str, str],
    *,
    positions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Planned work with its updates, newest first. It began, to these clients, when it was announced. `positions`: as of an
    incident."""
    return {
        "id": planned.public_id,
        "name": planned.name[page.language],
        "status": phase(planned.phase),
        "created_at": time(planned.published_at, page),
        "updated_at": time(planned.last_change_at, page),
        "monitoring_at": _time_or_none(planned.verifying_at, page),
        "resolved_at": _time_or_none(planned.finished_at, page),
        "impact": "maintenance",
        "shortlink": f"{page.url}/maintenance/{planned.public_id}",
        "started_at": time(planned.published_at, page),
        "page_id": page.id,
        "incident_updates": [update_dict(page, planned.public_id, update) for update in planned.updates],
        "components": _named_components(page, planned.expected, components, shown, positions or positions_of(components)),
        "scheduled_for": time(planned.starts_at, page),
        "scheduled_until": time(planned.ends_at, page),
    }


def _gone(page: Page, incident: IncidentFacts) -> list[dict[str, Any]]:
    """The last word on one that was withdrawn or merged: it stands in no update."""
    return [update_dict(page, incident.public_id, _last_word(incident))] if incident.gone_at else []


@per_object
def _last_word(incident: IncidentFacts) -> UpdateFacts:
    assert incident.gone_at
    return UpdateFacts(
        public_id=gone_id(incident.public_id),
        status=IncidentStatus.RESOLVED.value,
        body=incident.gone_words,
        display_at=incident.gone_at,
        published_at=incident.gone_at,
        next_update_by=None,
        promised_by=None,
        deliver_notifications=False,
        presigned=False,
        record_seq=0,
        affected=(),
    )


def update_dict(page: Page, incident_id: str, update: UpdateFacts) -> dict[str, Any]:
    return _update(update, incident_id, page.language, page.time_zone)


@per_object
def _update(update: UpdateFacts, incident_id: str, language: str, time_zone: str) -> dict[str, Any]:
    return {
        "id": update.public_id,
        "status": phase(update.status),
        "body": as_html(update.body[language]),
        "incident_id": incident_id,
        "created_at": _written(update.published_at, time_zone),
        "updated_at": _written(update.corrected_at or update.published_at, time_zone),
        "display_at": _written(update.display_at, time_zone),
        "affected_components": [_affected_dict(item, language) for item in update.affected] or None,
        "deliver_notifications": update.deliver_notifications,
        "custom_tweet": None,
        "tweet_id": None,
    }


def as_html(text: str) -> str:
    """As bodies are: escaped, with its line breaks."""
    return escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br />")


def _affected_dict(item: AffectedFacts, language: str) -> dict[str, str]:
    name, group = item.name[language], item.group_name[language]
    return {
        "code": item.component_id,
        "name": f"{group} - {name}" if group else name,
        "old_status": five(item.old_status),
        "new_status": five(item.new_status),
    }


def phase(status: str) -> str:
    """A false alarm is, to Statuspage's clients, a resolved incident; cancelled work is completed."""
    known = {IncidentStatus.FALSE_ALARM.value: IncidentStatus.RESOLVED.value, Phase.CANCELLED.value: Phase.COMPLETED.value}
    return known.get(status, str(status))


# --- Times -------------------------------------------------------------------------------------


def time(moment: datetime, page: Page) -> str:
    """ISO 8601 with exactly three digits of the second; Z where the page's zone is UTC, else that zone's offset."""
    return _written(moment, page.time_zone)


@lru_cache(maxsize=8192)
def _written(moment: datetime, zone: str) -> str:
    if zone in UTC_NAMES:
        return moment.astimezone(ZoneInfo("Etc/UTC")).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")


def _time_or_none(moment: datetime | None, page: Page) -> str | None:
    return time(moment, page) if moment else None
