"""What the desk keeps for a person who writes: their unsaved form, and the one result of a form that is posted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from incidents.models import IncidentUpdate
from incidents.words import Publication
from statuspage.models import DeskDraft, FormToken

MOST_KEPT = 200_000  # characters of one form


class TooLong(ValueError):
    """More was typed than is kept."""


def keep_form(*, person: User, update: IncidentUpdate, fields: Mapping[str, list[str]], now: datetime) -> DeskDraft | None:
    """Keep a form as it was typed; None where the update is no draft any more. Raises TooLong."""
    if sum(len(value) for values in fields.values() for value in values) > MOST_KEPT:
        raise TooLong(f"More than {MOST_KEPT} characters: keep the draft in shorter parts.")
    if not IncidentUpdate.objects.filter(pk=update.pk, publication=Publication.DRAFT).exists():
        return None
    kept, _ = DeskDraft.objects.update_or_create(
        person=person, update=update, defaults={"fields": {key: list(values) for key, values in fields.items()}, "saved_at": now}
    )
    return kept


def form_of(*, person: User, update: IncidentUpdate) -> DeskDraft | None:
    """What this person left unsaved of it."""
    return DeskDraft.objects.filter(person=person, update=update).first()


def drop_form(*, person: User, update: IncidentUpdate) -> None:
    """It is kept in the draft itself now, or thrown away."""
    DeskDraft.objects.filter(person=person, update=update).delete()


def writers(updates: Iterable[IncidentUpdate]) -> dict[int, DeskDraft]:
    """Who is writing on each of them, by the update's key, whoever typed last. One query."""
    kept = DeskDraft.objects.filter(update__in=list(updates)).select_related("person").order_by("saved_at")
    return {one.update_id: one for one in kept}


def once(*, token: str, person: User, now: datetime, make: Callable[[], IncidentUpdate]) -> IncidentUpdate:
    """What `make` makes, the first time this token is posted; the same afterwards. An empty token is refused (ValueError)."""
    if not token:
        raise ValueError("This form has no token: open the page again.")
    if used := FormToken.objects.filter(token=token).first():
        return used.update
    try:
        with transaction.atomic():
            made = make()
            FormToken.objects.create(token=token, person=person, update=made, used_at=now)
            return made
    except IntegrityError:
        used = FormToken.objects.filter(token=token).first()
        if used is None:
            raise
        return used.update
