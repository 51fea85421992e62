"""Four eyes: request, sign, send back. A signature covers a hash of all that readers get; any change voids it."""

from __future__ import annotations

import hashlib
from datetime import datetime

import rfc8785
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit
from incidents.languages import by_language, missing
from incidents.models import AuditEvent, IncidentUpdate, Notice
from incidents.notices import notice_hash
from incidents.record import lock_head, timestamp
from incidents.words import Publication, SignatureKind


class SigningRefused(Exception):
    """This person may not sign this, or not now. The message says why."""


def content_hash(update: IncidentUpdate) -> str:
    """SHA-256 of what the signature covers: texts, phase, states, promise, and whether subscribers hear of it."""
    covered = {
        "incident": update.incident.public_id,
        "name": by_language(update.incident.name),
        "status": update.status,
        "body": by_language(update.body),
        "affected": [[item.component.public_id, item.new_status] for item in update.affected.order_by("component__public_id")],
        "next_update_by": timestamp(update.next_update_by) if update.next_update_by else None,
        "deliver_notifications": update.deliver_notifications,
    }
    return hashlib.sha256(rfc8785.dumps(covered)).hexdigest()


def signature_state(update: IncidentUpdate) -> str:
    """none, valid or void."""
    if update.signature_kind == SignatureKind.NONE:
        return "none"
    return "valid" if update.signature_hash == content_hash(update) else "void"


def request(*, update: IncidentUpdate, actor: User | None, now: datetime) -> None:
    """Ask for a second person's signature on the draft as it stands; the publisher asks where it could not publish by itself."""
    IncidentUpdate.objects.drafts().filter(pk=update.pk).update(signature_requested_at=now)
    audit.log(act="update.request_signature", actor=actor, actor_name="publisher", now=now, target=update.public_id)


def sign(*, update: IncidentUpdate, signer: User, now: datetime, seen_hash: str = "") -> IncidentUpdate:
    """Sign a draft. Refused to whoever wrote any part of it, superusers included, and when the text is not the one
    the signer saw (`seen_hash`, from the page they signed on)."""
    with transaction.atomic():
        lock_head()  # as every act on a draft: see timeline
        draft = IncidentUpdate.objects.select_related("incident").get(pk=update.pk)
        if draft.publication != Publication.DRAFT:
            raise SigningRefused("This update is no longer a draft.")
        current = content_hash(draft)
        if seen_hash and seen_hash != current:
            raise SigningRefused("It was changed after you opened it. Read it again.")
        if signer.pk == draft.author_id or _has_edited(signer, draft):
            raise SigningRefused("You wrote part of this text. Another person must sign it.")
        draft.signature_kind = SignatureKind.PERSON
        draft.signature_hash = current
        draft.signed_by, draft.signed_at = signer, now
        draft.save(update_fields=["signature_kind", "signature_hash", "signed_by", "signed_at"])
        audit.log(act="update.sign", actor=signer, now=now, target=draft.public_id, details={"hash": current})
    return draft


def _has_edited(person: User, draft: IncidentUpdate) -> bool:
    """An editor is an author for ever, and the audit log remembers."""
    return AuditEvent.objects.filter(actor=person, act__in=("update.add", "update.edit"), target=draft.public_id).exists()


def send_back(*, update: IncidentUpdate, signer: User, reason: str, now: datetime) -> None:
    """Return a draft to its author with a typed reason."""
    if not reason.strip():
        raise SigningRefused("Say what to change.")
    IncidentUpdate.objects.drafts().filter(pk=update.pk).update(signature_requested_at=None)
    audit.log(act="update.send_back", actor=signer, now=now, target=update.public_id, details={"reason": reason})


def sign_notice(*, notice: Notice, signer: User, now: datetime, seen_hash: str = "") -> Notice:
    """Sign a notice's words in calm time, so that they may go out untouched without anyone else.

    Refused to whoever wrote it, while a language is missing, and when it is not what the signer saw (`seen_hash`).
    """
    with transaction.atomic():
        notice = Notice.objects.select_for_update().get(pk=notice.pk)
        if refusal := notice_refusal(notice=notice, signer=signer):
            raise SigningRefused(refusal)
        current = notice_hash(notice)
        if seen_hash and seen_hash != current:
            raise SigningRefused("It was changed after you opened it. Read it again.")
        notice.signed_by, notice.signed_at, notice.signature_hash = signer, now, current
        notice.save(update_fields=["signed_by", "signed_at", "signature_hash"])
        audit.log(act="notice.sign", actor=signer, now=now, target=notice.code, details={"hash": current})
    return notice


def notice_refusal(*, notice: Notice, signer: User) -> str:
    """Why this person may not sign this notice; "" if they may."""
    if AuditEvent.objects.filter(actor=signer, act="notice.edit", target=notice.code).exists():
        return "You wrote part of this notice. Another person must sign it."
    gaps = sorted({*missing(notice.title), *missing(notice.body)})
    return f"It is not written in {', '.join(gaps)} yet." if gaps else ""


def withdraw_notice(*, notice: Notice, actor: User, now: datetime) -> Notice:
    """Take a notice's signature back, so that its words can be corrected; it cannot go out until it is signed anew."""
    with transaction.atomic():
        notice = Notice.objects.select_for_update().get(pk=notice.pk)
        notice.signed_by, notice.signed_at, notice.signature_hash = None, None, ""
        notice.save(update_fields=["signed_by", "signed_at", "signature_hash"])
        audit.log(act="notice.withdraw", actor=actor, now=now, target=notice.code)
    return notice
