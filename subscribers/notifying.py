"""A Notification for every entry of the record: what subscribers are told of waits out its hold, the rest is told to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from incidents import record
from incidents.models import IncidentUpdate, RecordEntry, StatusChange
from subscribers import audience, items
from subscribers.items import DOCUMENTS, Document
from subscribers.models import Notification, OutboxCursor

ENTRIES = 1000  # looked at in one transaction


def enqueue(
    *, record_seq: int, kind: str, now: datetime, update: IncidentUpdate | None = None, held: bool = True
) -> Notification:
    """The Notification of a record entry; a second call answers the first one's. `held`: it can be stopped for HALI_SEND_HOLD."""
    document = update or items.document_of(kind, record_seq)
    made = Notification(record_seq=record_seq, **_fields(kind, document, now, held=held))
    Notification.objects.bulk_create([made], ignore_conflicts=True)  # without a savepoint: it is part of each publication
    return Notification.objects.get(record_seq=record_seq)


def enqueue_missing(*, now: datetime) -> int:
    """Notifications for every record entry after the cursor that has none; answers how many were looked at."""
    cursor = OutboxCursor.objects.filter(pk=1).first()
    if cursor and cursor.record_seq >= record.head().seq:
        return 0  # the usual second: no lock taken
    with transaction.atomic():
        cursor, _ = OutboxCursor.objects.select_for_update().get_or_create(pk=1)
        entries = list(RecordEntry.objects.filter(seq__gt=cursor.record_seq).order_by("seq").values_list("seq", "kind")[:ENTRIES])
        if not entries:
            return 0
        documents = _documents(entries)
        Notification.objects.bulk_create(
            (Notification(record_seq=seq, **_fields(kind, documents.get(seq), now, held=True)) for seq, kind in entries),
            ignore_conflicts=True,  # publishing wrote its own
        )
        OutboxCursor.objects.filter(pk=1).update(record_seq=entries[-1][0])
    return len(entries)


def _documents(entries: list[tuple[int, str]]) -> Mapping[int, Document]:
    """What these entries made public, by their number; one query a kind."""
    found: dict[int, Document] = {}
    for kind in {kind for _, kind in entries} & set(DOCUMENTS):
        seqs = [seq for seq, its_kind in entries if its_kind == kind]
        for row in DOCUMENTS[kind]._default_manager.filter(record_seq__in=seqs):
            found[row.record_seq or 0] = row
    return found


def _fields(kind: str, document: Document | None, now: datetime, *, held: bool) -> dict[str, object]:
    told = document is not None and audience.is_told(document)
    held = held and not isinstance(document, StatusChange)  # a fact that the page shows already: nobody would take it back
    return {
        "kind": kind,
        "update": document if isinstance(document, IncidentUpdate) else None,
        "thread": items.item_of(document).thread if told and document else "",
        "created_at": now,
        "send_at": now + settings.SEND_HOLD if told and held else now,
        "expanded_at": None if told else now,  # to nobody, at once
    }
