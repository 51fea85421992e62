"""What can be told: one published thing of the record, whatever its kind, in the shape that every channel gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.models import (
    Announcement,
    Correction,
    IncidentUpdate,
    MaintenanceUpdate,
    Rebuttal,
    Redress,
    Review,
    Statement,
    Withdrawal,
)
from incidents.models.publishable import Publishable

# Kind of record entry -> the documents it tells of.
DOCUMENTS: Mapping[str, type[Publishable]] = {
    "incident_update": IncidentUpdate,
    "correction": Correction,
    "redress": Redress,
    "statement": Statement,
    "withdrawal": Withdrawal,
    "rebuttal": Rebuttal,
    "maintenance_update": MaintenanceUpdate,
    "review": Review,
    "announcement": Announcement,
}


@dataclass(frozen=True, slots=True)
class Item:
    """`thread`: public id of the incident, the work, the answer's series or the announcement that it belongs to; mails hang
    together by it. `path`: where it stands on the page, without the language's prefix. `components`: row ids of those it is
    about; empty: it concerns everybody. `impact`: the incident's, "" where there is none."""

    kind: str
    public_id: str
    thread: str
    path: str
    record_seq: int
    published_at: datetime
    components: frozenset[int]
    impact: str
    document: Publishable
