"""The append-only public record: canonical bytes, a hash chain, redact. The proof that it holds: incidents.verification.

An entry's body is the exact RFC 8785 form of {seq, kind, at, previous, data, texts}. `data` holds strings, integers, booleans,
null, lists and objects; times are UTC with milliseconds. It holds no free text and no name: each such field stands in `texts` as
sha256(salt || text), with text and salt in RecordText beside it, so that a text can be removed and the chain still verifies.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import rfc8785
from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, tracing
from incidents.languages import by_language, in_all
from incidents.models import (
    AffectedComponent,
    Incident,
    IncidentUpdate,
    RecordEntry,
    RecordHead,
    RecordText,
    StatusChange,
)
from incidents.models.incident import MORE_WORDS
from incidents.models.publishable import Document
from incidents.models.record import GENESIS
from incidents.words import Publication

log = logging.getLogger(__name__)

REMOVED = {"en": "[removed on {day}]", "sw": "[imeondolewa tarehe {day}]"}


class RecordError(Exception):
    """The record cannot take this."""


class RecordHeld(RecordError):
    """Nothing may be added: the record ends before what readers have seen. Its words tell what to do."""


def timestamp(moment: datetime) -> str:
    """UTC with exactly three digits of the second: 2026-11-24T09:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def head() -> RecordHead:
    """The last entry's number and hash; seq 0 and 64 zeros before the first."""
    return RecordHead.objects.filter(pk=1).first() or RecordHead(seq=0, hash=GENESIS)


def lock_head() -> RecordHead:
    """Take the row that orders writers. Must be the first lock of the transaction, or two writers could wait for each other."""
    if not transaction.get_connection().in_atomic_block:
        raise RecordError("The record is written inside a transaction only.")
    locked, _ = RecordHead.objects.select_for_update().get_or_create(pk=1)
    return locked


def hold(why: str) -> bool:
    """Let nothing be added until `release`: `why` is what everybody who tries is told. Answers whether that is new."""
    with transaction.atomic():
        last = lock_head()
        is_new = last.held != why
        last.held = why
        last.save(update_fields=["held"])
    return is_new


def release() -> None:
    with transaction.atomic():
        last = lock_head()
        last.held = ""
        last.save(update_fields=["held"])


def append(*, kind: str, data: Mapping[str, Any], texts: Mapping[str, str], now: datetime) -> RecordEntry:
    """Add one entry after the head. Empty texts are left out. Raises RecordError outside a transaction or for a value
    that has no canonical form."""
    last = lock_head()
    if last.held:
        raise RecordHeld(last.held)
    kept = {field: text for field, text in texts.items() if text}
    salts = {field: secrets.token_hex(16) for field in kept}
    body = {
        "seq": last.seq + 1,
        "kind": kind,
        "at": timestamp(now),
        "previous": last.hash,
        "data": canonical(data),
        "texts": {field: text_hash(salts[field], text) for field, text in kept.items()},
    }
    written = rfc8785.dumps(body)
    entry = RecordEntry.objects.create(
        seq=last.seq + 1,
        kind=kind,
        at=now,
        previous_hash=last.hash,
        hash=hashlib.sha256(written).hexdigest(),
        body=written.decode(),
    )
    RecordText.objects.bulk_create(
        RecordText(entry=entry, field=field, salt=salts[field], text=text) for field, text in kept.items()
    )
    RecordHead.objects.filter(pk=1).update(seq=entry.seq, hash=entry.hash)
    transaction.on_commit(partial(_tell, entry, tracing.origin()))
    return entry


def _tell(entry: RecordEntry, origin: str) -> None:
    """One line for whoever follows a click or a batch of outcomes: from here on, lines name the entry."""
    with tracing.since(origin):
        log.info("The record goes on: entry %s, %s.", entry.seq, entry.kind, extra={"entry": entry.seq, "kind": entry.kind})


def text_hash(salt: str, text: str) -> str:
    """What an entry holds of a text: sha256(salt || text), the salt in hex."""
    return hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def canonical(value: Any) -> Any:
    """The value as the record may hold it; times become text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    raise RecordError(f"The record holds no {type(value).__name__}.")


# --- What entries hold --------------------------------------------------------------------------


def status_change_data(change: StatusChange) -> dict[str, Any]:
    return {
        "component": change.component.public_id,
        "old": change.old_status,
        "new": change.new_status,
        "source": change.source,
        "at": timestamp(change.at),
        "since": timestamp(change.since),
    }


def update_data(update: IncidentUpdate, affected: Iterable[AffectedComponent]) -> dict[str, Any]:
    """The facts of a published update and of its incident as it stands with it, free of text and names."""
    return {
        "incident": update.incident.public_id,
        "update": update.public_id,
        "status": update.status,
        "impact": update.incident.impact,
        "started_at": update.incident.started_at,
        **({"backfilled": True, "ended_at": update.incident.resolved_at} if update.incident.backfilled else {}),
        **({"follows": update.incident.follows.public_id} if update.incident.follows else {}),
        "display_at": update.display_at,
        "next_update_by": update.next_update_by,
        "deliver_notifications": update.deliver_notifications,
        **update.scope(),
        "automatic": update.automatic,
        "affected": [
            {"component": item.component.public_id, "old": item.old_status, "new": item.new_status}
            for item in sorted(affected, key=lambda item: item.component.public_id)
        ],
        **update.passing(),
    }


def update_texts(update: IncidentUpdate, affected: Iterable[AffectedComponent]) -> dict[str, str]:
    """Every free text and name of a published update, by the field name the record knows it under."""
    texts = {f"name.{code}": text for code, text in by_language(update.incident.name).items()}
    for field, text in {"body": by_language(update.body), **update.more_words()}.items():
        texts |= {f"{field}.{code}": words for code, words in text.items()}
    for item in affected:
        texts |= {f"affected.{item.component.public_id}.{code}": text for code, text in by_language(item.name).items()}
    return {field: text for field, text in texts.items() if text}


# --- Redact -------------------------------------------------------------------------------------


def redact(*, seq: int, field: str, requested_by: User, approved_by: User, now: datetime) -> RecordEntry:
    """Remove one text for ever, wherever the record holds the same words in the same field, and append an entry that says so.

    Two persons. Faces then show “[removed on …]”; hash and chain still verify. Raises RecordError when the two are one,
    or there is no such text.
    """
    if requested_by.pk == approved_by.pk:
        raise RecordError("A second person must approve the removal.")
    with transaction.atomic(durable=True):
        lock_head()
        named = RecordText.objects.filter(entry_id=seq, field=field, redacted_at__isnull=True).first()
        if named is None:
            raise RecordError(f"Entry {seq} has no text {field} (or it is removed already).")
        same = RecordText.objects.filter(field=field, text=named.text, redacted_at__isnull=True)
        targets = [{"seq": text.entry_id, "field": field} for text in same.order_by("entry_id")]
        incidents = {_remove_from_rows(text, now) for text in same.select_related("entry")}
        same.update(text="", salt="", redacted_at=now)
        audit.log(
            act="record.redact",
            actor=approved_by,
            now=now,
            target=f"{seq} {field}",
            details={"requested_by": requested_by.get_username()},
        )
        return append(
            kind="redaction",
            data={"targets": targets, "incidents": sorted(public_id for public_id in incidents if public_id)},
            texts={},
            now=now,
        )


def find_document(kind: str, seq: int) -> Document | None:
    """The published document that an entry speaks of."""
    model = document_kinds().get(kind)
    return model._default_manager.filter(record_seq=seq).first() if model else None


def document_kinds() -> dict[str, type[Document]]:
    """Every kind of document, by the kind of its record entries."""
    models = apps.get_app_config("incidents").get_models()
    return {model.kind: model for model in models if issubclass(model, Document)}


def removal_mark(language: str, at: datetime) -> str:
    """What the public reads in place of a removed text."""
    return REMOVED.get(language, REMOVED["en"]).format(day=f"{at.astimezone(UTC):%Y-%m-%d}")


def _remove_from_rows(text: RecordText, now: datetime) -> str:
    """Put the mark in place of the words in the row the public reads; answer its incident's public id."""
    subject, _, language = text.field.rpartition(".")
    mark = removal_mark(language, now)
    if document := find_document(text.entry.kind, text.entry_id):
        row, fields = document.without(text.field, mark)
        type(row)._default_manager.filter(pk=row.pk).update(**fields)
        return document.facts().get("incident") or ""
    update = IncidentUpdate.objects.select_related("incident").filter(record_seq=text.entry_id).first()
    if update is None:
        return ""
    if subject in ("body", *MORE_WORDS):
        words = in_all({**by_language(getattr(update, subject)), language: mark})
        IncidentUpdate.objects.filter(pk=update.pk, publication=Publication.PUBLISHED).update(**{subject: words})
    elif subject == "name":
        name = in_all({**by_language(update.incident.name), language: mark})
        Incident.objects.filter(pk=update.incident_id).update(name=name)
    else:
        item = AffectedComponent.objects.get(update=update, component__public_id=subject.removeprefix("affected."))
        AffectedComponent.objects.filter(pk=item.pk).update(name=in_all({**by_language(item.name), language: mark}))
    return update.incident.public_id
