"""What probes saw, in lines that staff read beside a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from incidents.models import Component, Incident


@dataclass(frozen=True)
class ProbeLine:
    """One probe at one vantage when the draft was made."""

    probe: str
    vantage: str
    says: str
    saw: str
    took_ms: int | None


@dataclass(frozen=True)
class Evidence:
    """One service: what was confirmed when the draft was last touched by probes, and what they say now ("" when unwatched)."""

    component: Component
    status: str
    since: datetime | None
    now: str
    probes: tuple[ProbeLine, ...]

    @property
    def has_changed(self) -> bool:
        return bool(self.now) and self.now != self.status

    @property
    def agree(self) -> int:
        return sum(line.says not in ("operational", "unknown") for line in self.probes)


def of(incident: Incident) -> list[Evidence]:
    """The evidence of each service the incident has any for, in page order."""
    found: Mapping[str, Mapping[str, Any]] = incident.evidence or {}
    components = Component.objects.filter(code__in=list(found)).order_by("group__position", "position", "id")
    return [_read(component, found[component.code]) for component in components]


def _read(component: Component, seen: Mapping[str, Any]) -> Evidence:
    return Evidence(
        component=component,
        status=str(seen.get("status", "")),
        since=parse_datetime(str(seen.get("since", ""))),
        now=component.observed_status,
        probes=tuple(_line(item) for item in seen.get("probes", [])),
    )


def _line(item: Mapping[str, Any]) -> ProbeLine:
    return ProbeLine(
        probe=str(item.get("probe", "")),
        vantage=str(item.get("vantage", "")),
        says=str(item.get("says", "")),
        saw=str(item.get("saw", "")),
        took_ms=item.get("took_ms"),
    )
