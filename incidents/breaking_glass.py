"""Publishing alone when nobody else can sign: a typed reason, and a signature that is owed within the hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from incidents.models import AfterSignature, IncidentUpdate
from incidents.signing import SigningRefused, content_hash, has_written
from incidents.words import Publication, SignatureKind

AFTER_SIGNATURE_WITHIN = timedelta(minutes=60)
PERMISSION = "incidents.break_glass"


def break_glass(*, update: IncidentUpdate, actor: User, reason: str, now: datetime) -> IncidentUpdate:
    """Stand in for the second person's signature on a draft. Whoever does it needs a permission of its own and says why."""
    if not actor.has_perm(PERMISSION):
        raise SigningRefused("You may not publish alone. Ask an approver, or publish a notice that is signed already.")
    if not reason.strip():
        raise SigningRefused("Say why nobody else can sign.")
    with transaction.atomic():
        record.lock_head()
        draft = IncidentUpdate.objects.select_related("incident").get(pk=update.pk)
        if draft.publication != Publication.DRAFT:
            raise SigningRefused("This is no longer a draft.")
        draft.signature_kind, draft.signature_hash = SignatureKind.BREAK_GLASS, content_hash(draft)
        draft.signed_by, draft.signed_at = actor, now
        draft.save(update_fields=["signature_kind", "signature_hash", "signed_by", "signed_at"])
        AfterSignature.objects.update_or_create(update=draft, defaults={"broken_by": actor, "reason": reason.strip()})
        audit.log(act="update.break_glass", actor=actor, now=now, target=draft.public_id, details={"reason": reason.strip()})
    return draft


def owe(*, update: IncidentUpdate, now: datetime) -> None:
    """Start the hour of an update that goes out alone. Called as it is published."""
    AfterSignature.objects.filter(update=update).update(due_at=now + AFTER_SIGNATURE_WITHIN)


def sign_after(*, update: IncidentUpdate, signer: User, now: datetime) -> AfterSignature:
    """The second person's signature on words that are public already. Refused to whoever wrote or published them."""
    with transaction.atomic():
        record.lock_head()
        owed = AfterSignature.objects.select_related("update__incident").get(update=update)
        if owed.signed_by_id:
            return owed
        if owed.due_at is None:
            raise SigningRefused("It is not public yet: sign the draft.")
        if signer.pk == owed.broken_by_id or has_written(signer, owed.update):
            raise SigningRefused("You wrote or published this. Another person must sign it.")
        owed.signed_by, owed.signed_at = signer, now
        owed.save(update_fields=["signed_by", "signed_at"])
        data = {"incident": owed.update.incident.public_id, "update": owed.update.public_id}
        record.append(kind="after_signature", data=data, texts={}, now=now)
        audit.log(act="update.sign_after", actor=signer, now=now, target=owed.update.public_id)
    return owed


def record_missing(*, now: datetime) -> int:
    """Say in the record which after-signatures did not come in time; answers how many. Run by the publisher each second."""
    found = 0
    for owed in AfterSignature.objects.filter(signed_at=None, missed_seq=None, due_at__lt=now):
        with transaction.atomic():
            record.lock_head()
            owed = AfterSignature.objects.select_related("update__incident").get(pk=owed.pk)
            if owed.signed_by_id or owed.missed_seq:
                continue  # someone was faster
            data = {"incident": owed.update.incident.public_id, "update": owed.update.public_id}
            owed.missed_seq = record.append(kind="after_signature_missed", data=data, texts={}, now=now).seq
            owed.save(update_fields=["missed_seq"])
            found += 1
    return found
