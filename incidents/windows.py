"""Announced windows of planned work, as rows tell them: what they expect now, and whether the word may be used."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Prefetch, Q

from incidents import rollup
from incidents.maintenance import Phase, Window
from incidents.models import AffectedComponent, Component, Incident, MaintenanceComponent, ScheduledMaintenance
from incidents.words import ComponentStatus, Publication

SPOKEN_OF_FOR = timedelta(days=1)  # after its end a fault may still be traced to it


@dataclass(frozen=True)
class InForce:
    """Planned work going on inside its announced time; `expects`: the worst state it may bring each component, by code."""

    starts_at: datetime
    ends_at: datetime
    expects: dict[str, str]


def in_force() -> list[InForce]:
    """Every window at work now."""
    named = Prefetch("plan__affected", MaintenanceComponent.objects.select_related("component").order_by("pk"))
    return [
        InForce(planned.starts_at, planned.ends_at, {row.component.code: row.expected for row in planned.plan.affected.all()})
        for planned in ScheduledMaintenance.objects.in_force().select_related("plan").prefetch_related(named)
        if planned.plan and planned.starts_at and planned.ends_at
    ]


def expected_now() -> dict[str, str]:
    """The worst that windows at work now expect, by the code of each component they name."""
    worst: dict[str, str] = {}
    for window in in_force():
        for code, expected in window.expects.items():
            worst[code] = rollup.worst([expected, worst.get(code, expected)])
    return worst


def expected_of(component: Component) -> str:
    """The worst that windows at work now expect of it; "" outside every window."""
    rows = component.planned.filter(update__plan_of__in=ScheduledMaintenance.objects.in_force().order_by())
    expected = list(rows.order_by().values_list("expected", flat=True))
    return rollup.worst(expected) if expected else ""


def of(maintenance: ScheduledMaintenance) -> Window | None:
    """The window as last published; None before the first word."""
    if maintenance.starts_at is None or maintenance.ends_at is None:
        return None
    return Window(
        start=maintenance.starts_at,
        end=maintenance.ends_at,
        phase=Phase(maintenance.phase),
        announced_at=maintenance.announced_at,
        finished_at=maintenance.finished_at,
        automatic_start=maintenance.automatic_start,
        automatic_end=maintenance.automatic_end,
    )


def expectations(maintenance: ScheduledMaintenance) -> dict[Component, str]:
    """The worst state that the plan in force expects of each component it names."""
    rows = maintenance.plan.affected.select_related("component") if maintenance.plan else []
    return {row.component: row.expected for row in rows}


def is_in_trouble(component: Component) -> bool:
    """Do probes confirm that it does not work as it should? That they are silent is no trouble."""
    return bool(component.observed_status) and rollup.is_worse(component.observed_status, ComponentStatus.UNKNOWN)


def may_speak_of(*, incident: Incident, now: datetime, also: Collection[int] = ()) -> bool:
    """May the incident be called maintenance? Only where announced work on a component it names (or on one of `also`, by primary
    key) had begun, and was not over for longer than a day when the incident began."""
    public = AffectedComponent.objects.filter(update__incident=incident, update__publication=Publication.PUBLISHED)
    named = {*also, *public.values_list("component_id", flat=True)}
    begun = ScheduledMaintenance.objects.published().filter(announced_at__lt=F("starts_at"), started_at__lte=now)
    near = Q(finished_at=None) | Q(finished_at__gte=incident.started_at - SPOKEN_OF_FOR)
    return begun.filter(near, plan__affected__component__in=named).exists()


def is_any_announced() -> bool:
    """Is there announced work to come or going on?"""
    return ScheduledMaintenance.objects.live().exists()
