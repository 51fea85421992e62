"""What probes saw, in lines that staff read beside a draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from incidents.models import Component, Incident
from incidents.words import ComponentStatus

_TROUBLE = (
    ComponentStatus.MAJOR_OUTAGE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.DELAYED,
)


@dataclass(frozen=True)
class ProbeLine:
    """One probe at one vantage when the draft was made. `first`: the words of its first failure; `series`: its last outcomes, a
    letter a slot; `is_out`: it had no say, since its own link failed."""

    probe: str
    vantage: str
    says: str
    saw: str
    took_ms: int | None
    first: str = ""
    series: str = ""
    is_out: bool = False


@dataclass(frozen=True)
class VerdictLine:
    """What the vantages of a probe said together: so many of those with a say agreed."""

    probe: str
    says: str
    agree: int
    of: int
    rule: str
    is_intermittent: bool

    @property
    def words(self) -> str:
        how = {"fast": "by its share of bad outcomes", "slow": "by its share of bad outcomes over a longer while"}
        said = how.get(self.rule, f"{self.agree} of {self.of} vantages agree")
        return f"{said}; it comes and goes (intermittent)" if self.is_intermittent else said


@dataclass(frozen=True)
class Evidence:
    """One service: what was confirmed when the draft was last touched by probes, and what they say now ("" when unwatched)."""

    component: Component
    status: str
    since: datetime | None
    now: str
    probes: tuple[ProbeLine, ...]
    verdicts: tuple[VerdictLine, ...] = ()

    @property
    def has_changed(self) -> bool:
        return bool(self.now) and self.now != self.status

    @property
    def agreement(self) -> str:
        """How many vantages agree, and which see nothing of it: "" where nobody was asked."""
        said = "; ".join(dict.fromkeys(line.words for line in self.verdicts))
        with_a_say = [line for line in self.probes if not line.is_out]
        troubled = {line.vantage for line in with_a_say if line.says != ComponentStatus.OPERATIONAL}
        apart = list(dict.fromkeys(line.vantage for line in with_a_say if line.vantage not in troubled))
        if said and apart:
            said += f"; {', '.join(apart)} {'sees' if len(apart) == 1 else 'see'} none of it"
        return said

    @property
    def agree(self) -> int:
        return sum(line.says not in ("operational", "unknown") for line in self.probes)


def of(incident: Incident) -> list[Evidence]:
    """The evidence of each service the incident has any for, in page order."""
    found: Mapping[str, Mapping[str, Any]] = incident.evidence or {}
    components = Component.objects.filter(code__in=list(found)).order_by("group__position", "position", "id")
    return [_read(component, found[component.code]) for component in components]


def of_all(incidents: Iterable[Incident]) -> dict[int, list[Evidence]]:
    """The same of several, by the incident's key. One query."""
    every = list(incidents)
    codes = {code for incident in every for code in incident.evidence or {}}
    components = list(Component.objects.filter(code__in=codes).order_by("group__position", "position", "id")) if codes else []
    return {
        incident.pk: [_read(part, incident.evidence[part.code]) for part in components if part.code in (incident.evidence or {})]
        for incident in every
    }


def _read(component: Component, seen: Mapping[str, Any]) -> Evidence:
    return Evidence(
        component=component,
        status=str(seen.get("status", "")),
        since=parse_datetime(str(seen.get("since", ""))),
        now=component.observed_status,
        probes=tuple(_line(item) for item in seen.get("probes", [])),
        verdicts=tuple(_verdict(item) for item in seen.get("verdicts", []) if item.get("says") in _TROUBLE),
    )


def _line(item: Mapping[str, Any]) -> ProbeLine:
    return ProbeLine(
        probe=str(item.get("probe", "")),
        vantage=str(item.get("vantage", "")),
        says=str(item.get("says", "")),
        saw=str(item.get("saw", "")),
        took_ms=item.get("took_ms"),
        first=str(item.get("first", "")),
        series=str(item.get("series", "")),
        is_out=bool(item.get("out")),
    )


def _verdict(item: Mapping[str, Any]) -> VerdictLine:
    return VerdictLine(
        probe=str(item.get("probe", "")),
        says=str(item.get("says", "")),
        agree=int(item.get("agree", 0)),
        of=int(item.get("of", 0)),
        rule=str(item.get("rule", "")),
        is_intermittent=bool(item.get("intermittent")),
    )
