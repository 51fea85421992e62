"""Pure: how the states of an incident's services followed each other, for its own page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incidents.facts import IncidentFacts
from incidents.words import ComponentStatus


@dataclass(frozen=True, slots=True)
class SpreadRow:
    at: datetime
    statuses: tuple[str, ...]


def spread(incident: IncidentFacts) -> tuple[SpreadRow, ...]:
    """What this incident stated of the services it names; one service or one row shows nothing that the words do not."""
    named = [item.component_id for item in (incident.stated if incident.is_open else incident.worst_stated)]
    states = dict.fromkeys(named, ComponentStatus.OPERATIONAL.value)
    rows: list[SpreadRow] = []
    for update in reversed(incident.updates):
        states |= {item.component_id: item.new_status for item in update.affected}
        row = SpreadRow(update.display_at, tuple(states[component] for component in named))
        if not rows or rows[-1].statuses != row.statuses:
            rows.append(row)
    return tuple(rows) if len(named) > 1 and len(rows) > 1 else ()
