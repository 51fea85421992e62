"""The freeze: one switch that stops whatever would go out by itself, until a person lifts it. Probes and people go on."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from statuspage.models import Freeze


class FreezeRefused(Exception):
    """It cannot be frozen so. The message says what to change."""


def current() -> Freeze | None:
    """The freeze that holds."""
    return Freeze.objects.filter(lifted_at=None).select_related("frozen_by").first()


def is_frozen() -> bool:
    return Freeze.objects.filter(lifted_at=None).exists()


def freeze(*, reason: str, actor: User, now: datetime) -> Freeze:
    """Stop all automatic publishing. Where it is stopped already, answers that freeze. Raises FreezeRefused without a reason."""
    if not reason.strip():
        raise FreezeRefused("Say why: everyone at the desk reads it until the freeze is lifted.")
    with transaction.atomic():
        record.lock_head()  # what is going out by itself right now ends first
        if holds := current():
            return holds
        made = Freeze.objects.create(reason=reason.strip()[:200], frozen_at=now, frozen_by=actor)
        audit.log(act="publishing.freeze", actor=actor, now=now, details={"reason": made.reason})
    return made


def unfreeze(*, actor: User, now: datetime) -> None:
    """Let automatic publishing go on. Where nothing is frozen, nothing changes."""
    with transaction.atomic():
        record.lock_head()
        if Freeze.objects.filter(lifted_at=None).update(lifted_at=now, lifted_by=actor):
            audit.log(act="publishing.unfreeze", actor=actor, now=now)
