"""An incident's next update in a notice's words: what it states, and of which components."""

from __future__ import annotations

from datetime import datetime

from incidents import components, drafts, rollup, timeline
from incidents.models import Component, Incident, IncidentUpdate, Notice
from incidents.words import IncidentStatus


def next_from_notice(incident: Incident, component: Component, notice: Notice, now: datetime) -> IncidentUpdate:
    """The incident's next update in the notice's words: the draft that waits with them, else a new one."""
    waiting = incident.updates.drafts().filter(notice=notice).first()
    if waiting and drafts.is_untouched(waiting):
        return waiting
    return drafts.add_update(
        incident=incident,
        status=notice.phase or incident.status,
        body={},
        affected=_states_for(incident, component, notice),
        next_update_by=None,
        author=None,
        now=now,
        notice=notice,
    )


def _states_for(incident: Incident, component: Component, notice: Notice) -> dict[Component, str]:
    """What the notice states: for the component, and when closing for every component of the incident."""
    parts = {component}
    if notice.phase in (IncidentStatus.MONITORING, *IncidentStatus.closed()):
        parts |= set(components.restored(incident=incident))
    ordered = sorted(parts, key=lambda part: (part.pk != component.pk, part.pk))
    return {part: _state_for(part, notice) for part in ordered}


def _state_for(component: Component, notice: Notice) -> str:
    if component.observed_status in notice.opens_for:
        return component.observed_status
    if notice.component_status:
        return notice.component_status
    said = [stated.status for stated in timeline.stated_by_incidents(component)]
    return rollup.worst([*said, component.observed_status or component.stated_status])
