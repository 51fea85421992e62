"""What can be told: one published thing of the record, whatever its kind, in the shape that every channel gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents import public_ids, rebutting
from incidents.models import (
    AffectedComponent,
    Announcement,
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    Rebuttal,
    Redress,
    Review,
    Statement,
    StatusChange,
    Withdrawal,
)
from incidents.models.publishable import Publishable
from incidents.words import Publication

Document = Publishable | StatusChange  # words, or a bare change of what a component shows

# Kind of record entry -> the documents it tells of.
DOCUMENTS: Mapping[str, type[Publishable] | type[StatusChange]] = {
    "incident_update": IncidentUpdate,
    "correction": Correction,
    "redress": Redress,
    "statement": Statement,
    "withdrawal": Withdrawal,
    "rebuttal": Rebuttal,
    "maintenance_update": MaintenanceUpdate,
    "review": Review,
    "announcement": Announcement,
    "component_status": StatusChange,
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
    document: Document


def document_of(kind: str, record_seq: int) -> Document | None:
    """The published row that a record entry made public; None for entries that are told to nobody."""
    model = DOCUMENTS.get(kind)
    found = model._default_manager.filter(record_seq=record_seq).first() if model else None
    if isinstance(found, StatusChange):
        return None if found.component.internal else found  # it is nobody's business any more
    return found if isinstance(found, Publishable) else None


def item_of(document: Document) -> Item:
    """What is told of a published document."""
    if isinstance(document, StatusChange):
        return _of_status_change(document)
    assert document.record_seq is not None
    assert document.published_at is not None
    thread, path, components, impact = _ABOUT[type(document)](document)
    return Item(
        kind=next(kind for kind, model in DOCUMENTS.items() if isinstance(document, model)),
        public_id=document.public_id,
        thread=thread,
        path=path,
        record_seq=document.record_seq,
        published_at=document.published_at,
        components=components,
        impact=impact,
        document=document,
    )


def _of_status_change(change: StatusChange) -> Item:
    component = change.component
    return Item(
        kind="component_status",
        public_id=public_ids.status_change_id(change.record_seq),
        thread=component.public_id,
        path=f"/components/{component.code}",
        record_seq=change.record_seq,
        published_at=change.at,
        components=frozenset({component.pk}),
        impact="",
        document=change,
    )


_About = tuple[str, str, frozenset[int], str]  # thread, path, components, impact


def _of_incident(incident: Incident, until: int | None, anchor: str = "") -> _About:
    """All components the incident has named so far: who heard that one fails must hear that it is fixed."""
    named = AffectedComponent.objects.filter(
        update__incident=incident, update__publication=Publication.PUBLISHED, update__record_seq__lte=until
    )
    components = frozenset(named.values_list("component_id", flat=True))
    return incident.public_id, f"/incidents/{incident.public_id}{anchor}", components, incident.impact


def _of_update(update: IncidentUpdate) -> _About:
    return _of_incident(update.incident, update.record_seq, f"#u-{update.public_id}")


def _of_maintenance(update: MaintenanceUpdate) -> _About:
    work = update.maintenance
    named = MaintenanceComponent.objects.filter(update__maintenance=work, update__publication=Publication.PUBLISHED)
    return work.public_id, f"/maintenance/{work.public_id}", frozenset(named.values_list("component_id", flat=True)), ""


def _of_rebuttal(rebuttal: Rebuttal) -> _About:
    named = Component.objects.filter(public_id__in=rebuttal.components)
    return rebuttal.series, f"/answers/{rebutting.address_of(rebuttal.series)}", frozenset(named.values_list("pk", flat=True)), ""


def _of_withdrawal(withdrawal: Withdrawal) -> _About:
    if withdrawal.statement:
        return _of_incident(withdrawal.statement.incident, withdrawal.record_seq, f"#s-{withdrawal.statement.public_id}")
    assert withdrawal.rebuttal is not None
    return _of_rebuttal(withdrawal.rebuttal)


def _of_announcement(announcement: Announcement) -> _About:
    return announcement.public_id, "/", frozenset(), ""


def _of_correction(correction: Correction) -> _About:
    """Where stands what it corrects; who hears of an incident hears of its services named so far."""
    of = correction.of
    if isinstance(of, MaintenanceUpdate):
        return _of_maintenance(of)
    if isinstance(of, Announcement):
        return _of_announcement(of)
    return _of_incident(of.incident, correction.record_seq, f"#u-{of.public_id}" if isinstance(of, IncidentUpdate) else "")


_ABOUT: Mapping[type[Publishable], Callable[[Any], _About]] = {
    IncidentUpdate: _of_update,
    Correction: _of_correction,
    Redress: lambda one: _of_incident(one.incident, one.record_seq),
    Statement: lambda one: _of_incident(one.incident, one.record_seq, f"#s-{one.public_id}"),
    Withdrawal: _of_withdrawal,
    Rebuttal: _of_rebuttal,
    MaintenanceUpdate: _of_maintenance,
    Review: lambda one: _of_incident(one.incident, one.record_seq, "/review"),
    Announcement: _of_announcement,
}
