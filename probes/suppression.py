"""When a confirmed trouble opens no draft: planned work that expects it, or a service beneath that is in trouble itself. Pure.

Only the opening of drafts is held back. Outcomes are recorded, states are confirmed and shown, and what is open stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.rollup import is_worse
from incidents.words import ComponentStatus

EXPECTED = ComponentStatus.PARTIAL_OUTAGE.value


@dataclass(frozen=True)
class PlannedWindow:
    """Planned work from `starts` until before `ends`; `expects`: the worst status it may bring each component, by code."""

    starts: datetime
    ends: datetime
    expects: Mapping[str, str]

    def covers(self, component: str, status: str, now: datetime) -> bool:
        """Whether that status is no worse than what was announced for now."""
        if component not in self.expects or not self.starts <= now < self.ends:
            return False
        return not is_worse(status, self.expects[component] or EXPECTED)


@dataclass(frozen=True)
class Needs:
    """That a component needs others. Hard: it fails as they do. Soft: it runs late when they fail."""

    hard: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()


def held_back(
    *,
    component: str,
    status: str,
    now: datetime,
    planned: Sequence[PlannedWindow] = (),
    needs: Needs | None = None,
    observed: Mapping[str, str] | None = None,
) -> str:
    """Why this trouble opens no draft of its own ("" when it does): "planned", or the code of the component it follows from.

    `observed`: what is confirmed for the components it needs. A trouble worse than theirs is its own.
    """
    if any(window.covers(component, status, now) for window in planned):
        return "planned"
    for parent in needs.hard if needs else ():
        theirs = (observed or {}).get(parent, "")
        if is_trouble(theirs) and not is_worse(status, theirs):
            return parent
    for parent in needs.soft if needs else ():
        theirs = (observed or {}).get(parent, "")
        if is_trouble(theirs) and not is_worse(status, ComponentStatus.DELAYED):
            return parent
    return ""


def is_trouble(status: str) -> bool:
    return bool(status) and is_worse(status, ComponentStatus.UNKNOWN)
