"""The proof that the record holds: its chain, its texts, and every row the public reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Prefetch

from incidents import record, row_proofs
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, RecordEntry, StatusChange
from incidents.models.publishable import Document
from incidents.models.record import GENESIS
from incidents.moments import one_moment
from incidents.record import removal_mark, timestamp
from incidents.timeline import shown
from incidents.words import ComponentStatus, IncidentStatus, Publication

CHUNK = 500

NOT_IN_OLD_ENTRIES = {"started_at"}
ABOUT_INCIDENTS = (
    "incident_update",
    "incident_time",
    "incident_impact",
    "incident_link",
    "incident_merged",
    "incident_withdrawn",
)
# Empty on a row whose entries never spoke of them; the entries of an earlier version never did.
UNSAID = dict.fromkeys(
    (
        "monitoring_at",
        "resolved_at",
        "reopened_at",
        "merged_into",
        "withdrawn_at",
        "follows",
        "first_public_update_at",
        "review_published_at",
    )
)

Removed = dict[tuple[int, str], datetime]  # (seq, field) of a text -> when it was removed


@dataclass(frozen=True)
class Verification:
    """What `verify` found. `bad_seq` is the first entry that does not hold, with `problem` in words."""

    entries: int
    head: str
    bad_seq: int | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        return self.bad_seq is None and not self.problem


def verify(*, expected_head: str = "") -> Verification:
    """Prove the chain, the texts and the rows the public reads; name the first entry that does not hold.

    `expected_head`, a hash printed earlier, must stand somewhere in the chain. All is read at one moment, so the record may go on
    meanwhile.
    """
    with one_moment():
        return _verify(expected_head)


def _verify(expected_head: str) -> Verification:
    previous, seq, met = GENESIS, 0, expected_head in ("", GENESIS)
    removed = _removed_texts()
    incidents: dict[str, _Derived] = {}
    others = row_proofs.Proofs()
    for entries in _chunks():
        rows = _Rows.of(entries)
        for entry in entries:
            problem = _chain_problem(entry, seq + 1, previous) or _text_problem(entry, removed) or rows.problem(entry, removed)
            if problem:
                return Verification(seq, previous, entry.seq, problem)
            previous, seq = entry.hash, entry.seq
            met = met or entry.hash == expected_head
            _derive(incidents, entry)
            others.take(entry)
    last = record.head()
    if (last.seq, last.hash) != (seq, previous):
        return Verification(seq, previous, last.seq, f"the head says {last.seq}, the last entry is {seq}")
    found = (*_rows_without_entries(), *_incident_problems(incidents), *others.problems(), *_component_problems())
    for bad_seq, problem in found:
        return Verification(seq, previous, bad_seq, problem)
    if not met:
        return Verification(
            seq, previous, None, f"no entry has the hash {expected_head}: entries after it were removed or changed"
        )
    return Verification(seq, previous)


def _chunks() -> Iterator[list[RecordEntry]]:
    entries = RecordEntry.objects.order_by("seq").prefetch_related("texts").iterator(chunk_size=CHUNK)
    while chunk := list(islice(entries, CHUNK)):
        yield chunk


def _removed_texts() -> Removed:
    """Every text that an entry says was removed; the chain proves these entries like all others."""
    return {
        (target["seq"], target["field"]): entry.at
        for entry in RecordEntry.objects.filter(kind="redaction")
        for target in json.loads(entry.body)["data"]["targets"]
    }


# --- Entries -----------------------------------------------------------------------------------


def _chain_problem(entry: RecordEntry, expected_seq: int, previous: str) -> str:
    if entry.seq != expected_seq:
        return f"entry {expected_seq} is missing"
    if hashlib.sha256(entry.body.encode()).hexdigest() != entry.hash:
        return "its body does not match its hash"
    body = json.loads(entry.body)
    if entry.previous_hash != previous or body["previous"] != previous:
        return "it does not follow the entry before it"
    if (body["seq"], body["kind"], body["at"]) != (entry.seq, entry.kind, timestamp(entry.at)):
        return "its columns do not match its body"
    return ""


def _text_problem(entry: RecordEntry, removed: Removed) -> str:
    hashes: dict[str, str] = json.loads(entry.body)["texts"]
    texts = {text.field: text for text in entry.texts.all()}
    if set(texts) != set(hashes):
        return "its texts are not those it was written with"
    for field, text in texts.items():
        if (entry.seq, field) in removed:
            if text.redacted_at is None or text.text or text.salt:
                return f"its text {field} was removed, and is there again"
        elif text.redacted_at is not None:
            return f"its text {field} is marked as removed, but no entry says so"
        elif record.text_hash(text.salt, text.text) != hashes[field]:
            return f"its text {field} was changed"
    return ""


@dataclass(frozen=True)
class _Rows:
    """The rows that some entries speak of, by the entries' numbers."""

    changes: dict[int, StatusChange]
    updates: dict[int, IncidentUpdate]
    documents: dict[int, Document]

    @classmethod
    def of(cls, entries: Sequence[RecordEntry]) -> _Rows:
        numbers = [entry.seq for entry in entries]
        affected = Prefetch("affected", AffectedComponent.objects.select_related("component"))
        updates = IncidentUpdate.objects.filter(record_seq__in=numbers).select_related("incident").prefetch_related(affected)
        changes = StatusChange.objects.filter(record_seq__in=numbers).select_related("component")
        return cls(
            {change.record_seq: change for change in changes},
            {update.record_seq: update for update in updates if update.record_seq},
            {
                document.record_seq: document
                for model in record.document_kinds().values()
                for document in model._default_manager.filter(record_seq__in=numbers).prefetch_related(*model.read_with)
                if document.record_seq
            },
        )

    def problem(self, entry: RecordEntry, removed: Removed) -> str:
        """Does the row that the public reads still say what the entry says?"""
        data = json.loads(entry.body)["data"]
        if entry.kind == "component_status":
            change = self.changes.get(entry.seq)
            if change is None or _differs(record.status_change_data(change), data):
                return "the status change it records was edited or removed"
        elif entry.kind == "incident_update":
            update = self.updates.get(entry.seq)
            if update is None or _update_differs(update, entry, data):
                return "the incident update it records was edited or removed"
            return _words_problem(record.update_texts(update, update.affected.all()), entry, removed)
        elif entry.kind in record.document_kinds():
            document = self.documents.get(entry.seq)
            if document is None or _document_differs(document, entry, data):
                return f"the {entry.kind} it records was edited or removed"
            return _words_problem(document.texts(), entry, removed)
        return ""


def _differs(row: dict[str, Any], data: dict[str, Any]) -> bool:
    written = record.canonical(row)
    for key in NOT_IN_OLD_ENTRIES - set(data):
        written.pop(key, None)
    return bool(written != data)


def _update_differs(update: IncidentUpdate, entry: RecordEntry, data: dict[str, Any]) -> bool:
    if update.publication != Publication.PUBLISHED or update.published_at is None:
        return True
    # What belongs to the incident may change with a later update: it is compared with the last one.
    of_incident = {"impact": data["impact"], "started_at": data.get("started_at")}
    of_incident |= {"ended_at": data["ended_at"]} if "ended_at" in data else {}
    row = {**record.update_data(update, update.affected.all()), **of_incident}
    row.pop("follows", None)
    row |= {"follows": data["follows"]} if "follows" in data else {}
    return timestamp(update.published_at) != timestamp(entry.at) or _differs(row, data)


def _document_differs(document: Document, entry: RecordEntry, data: dict[str, Any]) -> bool:
    if document.kind != entry.kind or not document.is_published or document.published_at is None:
        return True
    row = {"id": document.public_id, **document.passing(), **document.facts()}
    return timestamp(document.published_at) != timestamp(entry.at) or _differs(row, data)


def _words_problem(shown: dict[str, str], entry: RecordEntry, removed: Removed) -> str:
    written = {text.field: text.text for text in entry.texts.all()}
    for field in written:
        if gone := removed.get((entry.seq, field)):
            written[field] = removal_mark(field.rpartition(".")[2], gone)
    for field in {**written, **shown}:
        if written.get(field, "") != shown.get(field, ""):
            return f"the text {field} of its {entry.kind.replace('_', ' ')} was edited"
    return ""


# --- Rows --------------------------------------------------------------------------------------


def _rows_without_entries() -> Iterator[tuple[int, str]]:
    updates = IncidentUpdate.objects.published().exclude(
        record_seq__in=RecordEntry.objects.filter(kind="incident_update").values("seq")
    )
    for update in updates:
        yield update.record_seq or 0, f"incident update {update.public_id} is public without an entry"
    changes = StatusChange.objects.exclude(record_seq__in=RecordEntry.objects.filter(kind="component_status").values("seq"))
    for change in changes:
        yield change.record_seq, "a status change has no entry"
    for kind, model in record.document_kinds().items():
        written = RecordEntry.objects.filter(kind=kind).values("seq")
        for document in model._default_manager.filter(publication=Publication.PUBLISHED).exclude(record_seq__in=written):
            yield document.record_seq or 0, f"{kind} {document.public_id} is public without an entry"


def _component_problems() -> Iterator[tuple[int, str]]:
    """A component shows what its last entry says; one without an entry works, as it did when it was made."""
    for component in Component.objects.filter(internal=False):
        last = component.status_changes.order_by("-record_seq").first()
        seq, status, since = (last.record_seq, last.new_status, last.since) if last else (0, ComponentStatus.OPERATIONAL, None)
        _, source = shown(component)
        if component.status != status:
            yield seq, f"component {component.code} shows {component.status}, its last entry says {status}"
        elif component.status_since != since:
            yield seq, f"component {component.code} shows another start of its state than its last entry"
        elif component.status_source != source:
            yield seq, f"component {component.code} says that {component.status_source} speaks, it is {source}"


@dataclass
class _Derived:
    """What an incident's row must say, from the entries about it."""

    last_seq: int
    fields: dict[str, Any]

    def take(self, entry: RecordEntry, at: str, data: dict[str, Any]) -> None:
        """What one more entry makes of it, as timeline, times and merging do with the row."""
        self.last_seq = entry.seq
        if entry.kind == "incident_update":
            self.fields |= self._after_update(at, data)
        elif entry.kind == "incident_time":
            self.fields[data["field"]] = data["new"]
        elif entry.kind == "incident_impact":
            self.fields["impact"] = data["new"]
        elif entry.kind == "incident_link":
            self.fields["follows"] = data["new"]
        elif entry.kind == "incident_merged":
            self.fields |= {"merged_into": data["into"], "next_update_by": None}
        elif entry.kind == "incident_withdrawn":
            self.fields |= {"withdrawn_at": at, "next_update_by": None}

    def _after_update(self, at: str, data: dict[str, Any]) -> dict[str, Any]:
        known = self.fields
        fields: dict[str, Any] = {
            field: data[field] for field in ("status", "impact", "next_update_by", "started_at") if field in data
        }
        fields["published_at"] = known.get("published_at") or at
        fields["follows"] = data.get("follows")
        if known.get("status") in IncidentStatus.closed():
            fields |= {"resolved_at": None, "monitoring_at": None, "mitigated_at": None, "reopened_at": at}
            known = {**known, **fields}
        if data["status"] == IncidentStatus.IDENTIFIED:
            fields["identified_at"] = known.get("identified_at") or at
        if data["status"] == IncidentStatus.MONITORING:
            fields["monitoring_at"] = known.get("monitoring_at") or at
            fields["mitigated_at"] = known.get("mitigated_at") or at
        if data["status"] in IncidentStatus.closed():
            fields["resolved_at"] = at
        if data.get("backfilled"):
            fields |= {"resolved_at": data["ended_at"], "mitigated_at": data["ended_at"]}
        return fields


def _derive(incidents: dict[str, _Derived], entry: RecordEntry) -> None:
    if entry.kind in ABOUT_INCIDENTS:
        body = json.loads(entry.body)
        known = incidents.setdefault(body["data"]["incident"], _Derived(entry.seq, {}))
        known.take(entry, body["at"], body["data"])


def _incident_problems(derived: dict[str, _Derived]) -> Iterator[tuple[int, str]]:
    incidents = Incident.objects.select_related("merged_into", "follows")
    rows = {incident.public_id: incident for incident in incidents.iterator(chunk_size=CHUNK)}
    for public_id, said in derived.items():
        incident = rows.get(public_id)
        if incident is None or incident.publication != Publication.PUBLISHED:
            yield said.last_seq, f"incident {public_id} has public words, and is not public itself"
        elif field := _edited_field(incident, said):
            yield said.last_seq, f"incident {public_id} was edited: its {field} is not what its entries say"
    for public_id, incident in rows.items():
        if incident.publication == Publication.PUBLISHED and public_id not in derived:
            yield 0, f"incident {public_id} is public without an update"


def _edited_field(incident: Incident, said: _Derived) -> str:
    expected = {**UNSAID, **said.fields}
    return next((field for field, value in expected.items() if _value(incident, field) != value), "")


def _value(incident: Incident, field: str) -> Any:
    value = getattr(incident, field)
    return value.public_id if isinstance(value, Incident) else record.canonical(value)
