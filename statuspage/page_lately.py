"""What was said lately, for faces that programs read: API, feeds, calendars, CAP. Read when the record went on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.facts import ComponentFacts, IncidentFacts, MaintenanceFacts
from statuspage import page_planned
from statuspage.answers import Answer, StatementFacts
from statuspage.page import Identity, NowPage, RecordPoint


@dataclass(frozen=True, slots=True)
class Lately:
    """It has no clock: while it is the same, every file made from it is."""

    identity: Identity
    record: RecordPoint  # its end
    updated_at: datetime
    components: tuple[ComponentFacts, ...]  # in page order
    incidents: tuple[IncidentFacts, ...]  # the last 50 by their newest word, and all that are open
    maintenances: tuple[MaintenanceFacts, ...]  # the last 50 announced, and all that are not over
    answers: tuple[Answer, ...]  # to claims, the one that changed last first
    statements: Mapping[str, tuple[StatementFacts, ...]]  # of these incidents, newest first

    @property
    def open_incidents(self) -> tuple[IncidentFacts, ...]:
        return tuple(incident for incident in self.incidents if incident.is_open)


def build_lately(page: NowPage) -> Lately:
    """In a fixed number of queries; `page` gives the state of now."""
    return Lately(
        identity=page.identity,
        record=page.record,
        updated_at=page.updated_at,
        components=page.components,
        incidents=page.lately,
        maintenances=page_planned.recent(),
        answers=page.all_answers,
        statements=page.statements,
    )
