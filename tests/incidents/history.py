"""Years of history in rows, quickly: resolved incidents with their words, states and record entries, in a chain that verifies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import rfc8785

from incidents import record
from incidents.languages import by_language, in_all
from incidents.models import (
    AffectedComponent,
    Component,
    Incident,
    IncidentUpdate,
    RecordEntry,
    RecordHead,
    RecordText,
    StatusChange,
)
from incidents.models.record import GENESIS
from tests.factories import NOON, ComponentFactory, ComponentGroupFactory

BATCH = 500
YEARS = timedelta(days=5 * 365)
NAME = in_all({"en": "Payments are late", "sw": "Malipo yanachelewa"})
BODY = in_all({"en": "Do not pay again.", "sw": "Usilipe tena."})


class History:
    """Rows in memory, in the order of the record; `write` puts them into an empty record."""

    def __init__(self) -> None:
        self.rows: dict[type[Any], list[Any]] = {}
        self.last = GENESIS

    def keep(self, row: Any) -> Any:
        self.rows.setdefault(type(row), []).append(row)
        return row

    def entry(self, kind: str, data: Mapping[str, Any], texts: Mapping[str, str], at: datetime) -> int:
        seq = len(self.rows.get(RecordEntry, [])) + 1
        salts = dict.fromkeys(texts, f"{seq:032x}")
        body = {
            "seq": seq,
            "kind": kind,
            "at": record.timestamp(at),
            "previous": self.last,
            "data": record.canonical(data),
            "texts": {field: record.text_hash(salts[field], text) for field, text in texts.items()},
        }
        written = rfc8785.dumps(body)
        digest = hashlib.sha256(written).hexdigest()
        self.keep(RecordEntry(seq=seq, kind=kind, at=at, previous_hash=self.last, hash=digest, body=written.decode()))
        for field, text in texts.items():
            self.keep(RecordText(entry_id=seq, field=field, salt=salts[field], text=text))
        self.last = digest
        return seq

    def write(self) -> None:
        for model in (Incident, RecordEntry, RecordText, IncidentUpdate, AffectedComponent, StatusChange):
            model._default_manager.bulk_create(self.rows.get(model, []), batch_size=BATCH)
        RecordHead.objects.update_or_create(pk=1, defaults={"seq": len(self.rows[RecordEntry]), "hash": self.last})


def five_years(*, incidents: int, updates_each: int, components: int, span: timedelta = YEARS) -> None:
    """So many incidents one after the other, each over one component, ended long ago; the record must be empty."""
    parts = ComponentFactory.create_batch(components, group=ComponentGroupFactory())
    history, step = History(), span / incidents
    for number in range(incidents):
        _incident(history, number, parts[number % components], NOON - span - timedelta(days=30) + number * step, updates_each)
    Component.objects.bulk_update(parts, ["status_since"], batch_size=BATCH)
    history.write()


def _incident(history: History, number: int, component: Component, start: datetime, updates: int) -> None:
    """investigating, then identified as often as wanted, monitoring, resolved; five minutes between two words."""
    phases = ["investigating", *["identified"] * (updates - 3), "monitoring", "resolved"]
    times = [start + timedelta(minutes=5 * place) for place in range(updates)]
    incident = history.keep(
        Incident(
            pk=number + 1,
            public_id=f"{number + 1:012d}",
            name=NAME,
            publication="published",
            status="resolved",
            impact="major",
            impact_computed="major",
            started_at=start,
            published_at=times[0],
            identified_at=times[1] if updates > 3 else None,
            monitoring_at=times[-2],
            mitigated_at=times[-2],
            resolved_at=times[-1],
        )
    )
    shown = "operational"
    for place, (phase, at) in enumerate(zip(phases, times, strict=True)):
        states = "operational" if phase in ("monitoring", "resolved") else "partial_outage"
        _update(history, incident, number * updates + place + 1, component, (shown, states), phase, at)
        if states != shown:
            _change(history, component, (shown, states), at)
        shown = states
    component.status_since = times[-2]


def _update(
    history: History, incident: Incident, pk: int, component: Component, states: tuple[str, str], phase: str, at: datetime
) -> None:
    update = IncidentUpdate(
        pk=pk,
        public_id=f"{pk:012d}",
        incident=incident,
        status=phase,
        body=BODY,
        publication="published",
        published_at=at,
        display_at=at,
        next_update_by=None if phase == "resolved" else at + timedelta(minutes=30),
    )
    old, new = states
    item = AffectedComponent(
        pk=pk, update=update, component=component, old_status=old, new_status=new, name=in_all(by_language(component.name))
    )
    update.record_seq = history.entry(
        "incident_update", record.update_data(update, [item]), record.update_texts(update, [item]), at
    )
    history.keep(update)
    history.keep(item)


def _change(history: History, component: Component, states: tuple[str, str], at: datetime) -> None:
    source = "incident" if states[1] != "operational" else "stated"
    change = StatusChange(component=component, old_status=states[0], new_status=states[1], source=source, at=at, since=at)
    change.record_seq = history.entry("component_status", record.status_change_data(change), {}, at)
    history.keep(change)
