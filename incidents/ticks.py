"""Locked phrases (“safe”, “refund”, …): an engineer confirms each in the words as they are; any change of them asks anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, phrases, record
from incidents.languages import by_language
from incidents.models import IncidentUpdate, PhraseTick
from incidents.models.publishable import Document, Publishable
from incidents.signing import SigningRefused, content_hash, has_written
from incidents.words import Publication

PERMISSION = "incidents.tick_phrase"
Texts = Mapping[str, Mapping[str, str]]


def texts_of(item: Publishable) -> dict[str, dict[str, str]]:
    """Our own words in it, {field: {language: text}}; what it quotes is left out."""
    if isinstance(item, IncidentUpdate):
        return {"name": by_language(item.incident.name), "body": by_language(item.body), **item.more_words()}
    assert isinstance(item, Document)
    found: dict[str, dict[str, str]] = {}
    for path, text in item.texts().items():
        field, _, language = path.rpartition(".")
        if path.partition(".")[0] not in item.quoted_fields:
            found.setdefault(field, {})[language] = text
    return found


def locked_in(item: Publishable) -> list[phrases.Finding]:
    """Every phrase in it that needs a tick, ticked or not."""
    return [finding for by_code in texts_of(item).values() for finding in phrases.locked(by_code)]


def ticked(item: Publishable) -> set[str]:
    """Codes of its locked phrases that an engineer confirmed in the words as they are."""
    if not locked_in(item):
        return set()
    ticks = PhraseTick.objects.filter(target=item.public_id, hash=content_hash(item))
    return set(ticks.values_list("code", flat=True))


def tick(*, item: Publishable, code: str, engineer: User, ground: str, now: datetime) -> PhraseTick:
    """Confirm one locked phrase of a draft; `ground` says, for staff, where it was looked up. Twice changes nothing.

    Raises SigningRefused for whoever wrote any part of it or is no engineer, without a ground, or where no such phrase stands.
    """
    if not engineer.has_perm(PERMISSION):
        raise SigningRefused("Only an engineer may confirm this. Ask one.")
    if not ground.strip():
        raise SigningRefused("Say where you looked it up.")
    with transaction.atomic():
        record.lock_head()
        draft = type(item)._default_manager.get(pk=item.pk)
        if draft.publication != Publication.DRAFT:
            raise SigningRefused("This is no longer a draft.")
        if has_written(engineer, draft):
            raise SigningRefused("You wrote part of this text. Another engineer must confirm it.")
        if code not in {finding.code for finding in locked_in(draft)}:
            raise SigningRefused(f"Nothing in it needs a tick of the kind {code}.")
        made, is_new = PhraseTick.objects.get_or_create(
            target=draft.public_id,
            code=code,
            hash=content_hash(draft),
            defaults={"engineer": engineer, "at": now, "ground": ground.strip()},
        )
        if is_new:
            details = {"code": code, "ground": made.ground, "hash": made.hash}
            audit.log(act=f"{draft.noun}.tick", actor=engineer, now=now, target=draft.public_id, details=details)
    return made
