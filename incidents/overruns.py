"""Planned work that runs late is an incident: one draft for all that is still out."""

from __future__ import annotations

from datetime import datetime

from incidents import drafts, windows
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, ScheduledMaintenance
from incidents.rollup import is_worse
from incidents.words import ComponentStatus


def open_incident(*, planned: ScheduledMaintenance, now: datetime) -> Incident | None:
    """One incident for all that does not work after the announced end; None where probes say that all of it works.

    What is open already is taken for it. Called as the window is said to run late, with the record's head locked.
    """
    assert planned.ends_at is not None
    found: Incident | None = None
    draft: IncidentUpdate | None = None
    for component, status in _still_out(planned).items():
        already = drafts.open_incident_of(component)
        if already:
            found = found or already
        elif draft is None:
            draft = drafts.open_draft(component=component, status=status, since=planned.ends_at, now=now)
        else:
            AffectedComponent.objects.create(update=draft, component=component, new_status=status)
    if draft and not drafts.is_untouched(draft):
        _take_words_anew(draft, now)
    planned.overrun_incident = draft.incident if draft else found
    planned.save(update_fields=["overrun_incident"])
    return planned.overrun_incident


def _still_out(planned: ScheduledMaintenance) -> dict[Component, str]:
    """The components that do not work, the worst first. Where no probe looks, what was announced holds until somebody says that
    the work is done."""
    states = {
        component: component.observed_status or expected
        for component, expected in windows.expectations(planned).items()
        if windows.is_in_trouble(component) or not component.observed_status
    }
    out = {component: status for component, status in states.items() if is_worse(status, ComponentStatus.UNKNOWN)}
    return dict(sorted(out.items(), key=lambda item: list(ComponentStatus.values).index(item[1])))


def _take_words_anew(draft: IncidentUpdate, now: datetime) -> None:
    """A signed notice covers several states where probes confirm each of them."""
    first = draft.affected.select_related("component").order_by("pk").first()
    if first and draft.notice:
        drafts.fill_from_notice(update=draft, notice=draft.notice, component=first.component, now=now)
