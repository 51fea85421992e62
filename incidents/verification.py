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

from incidents import record
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, RecordEntry, StatusChange
from incidents.models.publishable import Document
from incidents.models.record import GENESIS
from incidents.moments import one_moment
from incidents.record import removal_mark, timestamp
from incidents.timeline import shown
from incidents.words import ComponentStatus, IncidentStatus, Publication

CHUNK = 500

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
    for entries in _chunks():
        rows = _Rows.of(entries)
        for entry in entries:
            problem = _chain_problem(entry, seq + 1, previous) or _text_problem(entry, removed) or rows.problem(entry, removed)
            if problem:
                return Verification(seq, previous, entry.seq, problem)
            previous, seq = entry.hash, entry.seq
            met = met or entry.hash == expected_head
            if entry.kind == "incident_update":
                _derive(incidents, entry)
    last = record.head()
    if (last.seq, last.hash) != (seq, previous):
        return Verification(seq, previous, last.seq, f"the head says {last.seq}, the last entry is {seq}")
    for bad_seq, problem in (*_rows_without_entries(), *_incident_problems(incidents), *_component_problems()):
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
                for document in model._default_manager.filter(record_seq__in=numbers)
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
    """Compared by the entry's keys: an entry written by an earlier version may have fewer."""
    written = record.canonical(row)
    return any(key not in written or written[key] != value for key, value in data.items())


def _update_differs(update: IncidentUpdate, entry: RecordEntry, data: dict[str, Any]) -> bool:
    if update.publication != Publication.PUBLISHED or update.published_at is None:
        return True
    # What belongs to the incident may change with a later update: it is compared with the last one.
    of_incident = {"impact": data["impact"], "started_at": data.get("started_at")}
    row = {**record.update_data(update, update.affected.all()), **of_incident}
    return timestamp(update.published_at) != timestamp(entry.at) or _differs(row, data)


def _document_differs(document: Document, entry: RecordEntry, data: dict[str, Any]) -> bool:
    if document.kind != entry.kind or not document.is_published or document.published_at is None:
        return True
    signature = {"kind": document.signature_kind, "hash": document.signature_hash}
    row = {"id": document.public_id, "signature": signature, **document.facts()}
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

    first_at: str
    last_seq: int
    last_at: str
    last: dict[str, Any]
    monitoring_at: str | None = None


def _derive(incidents: dict[str, _Derived], entry: RecordEntry) -> None:
    body = json.loads(entry.body)
    data = body["data"]
    known = incidents.setdefault(data["incident"], _Derived(body["at"], entry.seq, body["at"], data))
    known.last_seq, known.last_at, known.last = entry.seq, body["at"], data
    if data["status"] == IncidentStatus.MONITORING:
        known.monitoring_at = known.monitoring_at or body["at"]


def _incident_problems(derived: dict[str, _Derived]) -> Iterator[tuple[int, str]]:
    rows = {incident.public_id: incident for incident in Incident.objects.iterator(chunk_size=CHUNK)}
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
    closed = said.last["status"] in IncidentStatus.closed()
    expected = {
        "status": said.last["status"],
        "impact": said.last["impact"],
        "next_update_by": said.last["next_update_by"],
        "published_at": said.first_at,
        "monitoring_at": said.monitoring_at,
        "resolved_at": said.last_at if closed else None,
    }
    if "started_at" in said.last:
        expected["started_at"] = said.last["started_at"]
    return next((field for field, value in expected.items() if record.canonical(getattr(incident, field)) != value), "")
