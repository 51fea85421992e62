"""Pure: component statuses -> what a component shows, an incident's impact, the page's indicator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from incidents.words import ComponentStatus, Impact, StatusSource

WORST_FIRST: tuple[str, ...] = tuple(ComponentStatus.values)
_RANK = {status: len(WORST_FIRST) - place for place, status in enumerate(WORST_FIRST)}
# The five statuses that Statuspage's API and its roll-up know.
AS_STATUSPAGE = {
    ComponentStatus.DELAYED: ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.UNKNOWN: ComponentStatus.DEGRADED_PERFORMANCE,
}
IMPACT_ORDER: tuple[str, ...] = tuple(Impact.values)


def is_worse(status: str, than: str) -> bool:
    return _RANK[status] > _RANK[than]


def worst(statuses: Iterable[str]) -> str:
    """The worst of them; operational when there is none."""
    return max(statuses, key=_RANK.__getitem__, default=ComponentStatus.OPERATIONAL.value)


@dataclass(frozen=True)
class Stated:
    """What an open published incident states for a component. `overruled`: what probes confirmed when a person typed why they
    are wrong; the word holds against that, not against worse."""

    status: str
    overruled: str = ""

    def holds_against(self, observed: str) -> bool:
        return not observed or not is_worse(observed, self.overruled or self.status)


def shown(
    *, stated_by_incidents: Sequence[Stated], observed: str, stated: str, override: str = "", expected: str = ""
) -> tuple[str, str]:
    """(status, source) of a component, by the precedence of the house.

    `observed` is what probes confirmed: "" when none watches it, "unknown" while they are silent. `stated` is the last state
    a person stated, `override` one they set by hand until it expires. `expected`: the worst that planned work, announced
    beforehand and at work now, expects; "" outside every window. An incident's word is raised to what probes confirm where that
    is worse, unless a person overruled it. A window hides nothing worse than it expects.
    """
    if stated_by_incidents:
        said = max(stated_by_incidents, key=lambda item: _RANK[item.status])
        if not said.holds_against(observed):
            return observed, _source_of(observed)
        return said.status, StatusSource.INCIDENT.value
    status, source = _without_a_window(observed, stated, override)
    if expected and not is_worse(status, expected) and not is_worse(ComponentStatus.UNDER_MAINTENANCE, expected):
        return ComponentStatus.UNDER_MAINTENANCE.value, StatusSource.MAINTENANCE.value
    return status, source


def _without_a_window(observed: str, stated: str, override: str) -> tuple[str, str]:
    if override:
        return override, StatusSource.OVERRIDE.value
    if observed:
        return observed, _source_of(observed)
    return stated, StatusSource.STATED.value


def _source_of(observed: str) -> str:
    return StatusSource.SILENCE.value if observed == ComponentStatus.UNKNOWN else StatusSource.PROBES.value


def blend(statuses: Iterable[str], *, critical: Iterable[str] = ()) -> tuple[str, str]:
    """(indicator, description) of a set of component statuses, by Statuspage's table.

    `delayed` and `unknown` count as degraded. `critical`: the statuses of components of which one in a major outage is a major
    outage of the page.
    """
    if ComponentStatus.MAJOR_OUTAGE in critical:
        return "critical", "Major System Outage"
    five = [AS_STATUSPAGE.get(ComponentStatus(status), ComponentStatus(status)) for status in statuses]
    major = five.count(ComponentStatus.MAJOR_OUTAGE)
    partial = five.count(ComponentStatus.PARTIAL_OUTAGE)
    degraded = five.count(ComponentStatus.DEGRADED_PERFORMANCE)
    if major and major == len(five):
        return "critical", "Major System Outage"
    if major or (partial and partial == len(five)):
        return "major", "Partial System Outage"
    if partial:
        return "minor", "Minor Service Outage"
    if degraded >= 2 and degraded == len(five):
        return "minor", "Degraded System Service"
    if degraded:
        return "minor", "Partially Degraded Service"
    if ComponentStatus.UNDER_MAINTENANCE in five:
        return "maintenance", "Service Under Maintenance"
    return "none", "All Systems Operational"


def impact(statuses: Iterable[str], *, before: str = Impact.NONE) -> str:
    """An incident's impact as a high-water mark: it does not fall on recovery. `unknown` alone never raises it."""
    indicator, _ = blend([status for status in statuses if status != ComponentStatus.UNKNOWN])
    now = indicator if indicator in IMPACT_ORDER else Impact.NONE.value
    return max(now, str(before), key=IMPACT_ORDER.index)
