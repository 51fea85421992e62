"""What is said beside incident updates (statements, rebuttals, reviews, ...): add, edit, discard, publish; one way for all kinds.

Every act takes the record's head as its first lock, as in drafts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record, rights
from incidents.drafts import TimelineError
from incidents.languages import codes
from incidents.models import RecordEntry
from incidents.models.publishable import Document
from incidents.signing import content_hash, stamp
from incidents.words import Publication

Kind = TypeVar("Kind", bound=Document)


def add(*, document: Kind, author: User | None, now: datetime, machine: str = "publisher") -> Kind:
    """Keep a new draft. `machine` names who wrote it where no person did."""
    with transaction.atomic():
        record.lock_head()
        document.author = author
        document.save(force_insert=True)
        stamp(document)
        audit.log(act=f"{document.noun}.add", actor=author, actor_name=machine, now=now, target=document.public_id)
    return document


def edit(
    *,
    document: Kind,
    actor: User,
    now: datetime,
    seen_at: datetime | None = None,
    also: Callable[[Kind], None] | None = None,
    **fields: Any,
) -> Kind:
    """Change fields of a draft. Whoever changes it becomes one of its authors; a signature on it is void by itself.

    `also` changes what belongs to the draft and stands in other rows.
    Raises TimelineError when it is not a draft any more, or was changed after `seen_at` (the `updated_at` the editor saw).
    """
    with transaction.atomic():
        record.lock_head()
        draft = type(document)._default_manager.get(pk=document.pk)
        if draft.publication != Publication.DRAFT:
            raise TimelineError("This is public already (or discarded). Write a new one.")
        if seen_at is not None and draft.updated_at != seen_at:
            raise TimelineError("Someone else changed this draft while you wrote. Compare both texts.")
        before, was = content_hash(draft), draft.covered()
        for name, value in fields.items():
            setattr(draft, name, value)
        if also:
            also(draft)
        draft.author = draft.author or actor
        draft.save()
        stamp(draft)
        after = draft.content_hash
        rights.require_words_of(actor, f"{draft.noun}.edit", was, draft.covered(), source=codes()[0])
        if after != before:
            details = {"before": before, "after": after}
            audit.log(act=f"{draft.noun}.edit", actor=actor, now=now, target=draft.public_id, details=details)
    return draft


def discard(*, document: Document, actor: User | None, now: datetime, reason: str = "") -> None:
    """Drop a draft. The row stays, for those who ask later."""
    with transaction.atomic():
        record.lock_head()
        drafts = type(document)._default_manager.filter(pk=document.pk, publication=Publication.DRAFT)
        if drafts.update(publication=Publication.DISCARDED):
            audit.log(act=f"{document.noun}.discard", actor=actor, now=now, target=document.public_id, details={"reason": reason})


def mark_published(*, document: Document, actor: User | None, now: datetime, machine: str = "publisher") -> RecordEntry:
    """Make a draft public in the record: its row and its entry.

    Called by statuspage.publishing alone, inside its transaction with the head locked and the gates passed.
    """
    document.publication = Publication.PUBLISHED
    document.published_at, document.published_by = now, actor
    entry = record.append(
        kind=document.kind,
        data={"id": document.public_id, **document.passing(), **document.facts()},
        texts=document.texts(),
        now=now,
    )
    document.record_seq = entry.seq
    document.save()
    audit.log(
        act=f"{document.noun}.publish",
        actor=actor,
        actor_name=machine,
        now=now,
        target=document.public_id,
        details={"record_seq": entry.seq, "waived": document.waived},
    )
    return entry
