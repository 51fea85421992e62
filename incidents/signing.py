"""Four eyes: request, sign, send back. A signature covers a hash of all that readers get; any change voids it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TypeVar

import rfc8785
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, QuerySet

from incidents import audit, gates, rights
from incidents.languages import by_language, missing
from incidents.models import AuditEvent, IncidentUpdate, Notice, NoticeVersion
from incidents.models.publishable import Publishable
from incidents.notices import covered, notice_hash, slot_problem
from incidents.policy import Gate
from incidents.record import canonical, lock_head
from incidents.words import Publication, SecurityRelated, SignatureKind

SIGN_UPDATE = "incidents.sign_incidentupdate"
Signed = TypeVar("Signed", bound=Publishable)


class SigningRefused(Exception):
    """This person may not sign this, or not now. The message says why."""


def content_hash(item: Publishable) -> str:
    """SHA-256 of what the signature covers."""
    return hashlib.sha256(rfc8785.dumps(canonical(item.covered()))).hexdigest()


def stamp(item: Publishable) -> None:
    """Keep the hash of what a draft says now beside it. Every act that writes a draft ends with it."""
    item.content_hash = content_hash(item)
    type(item)._default_manager.filter(pk=item.pk).update(content_hash=item.content_hash)


def signature_state(item: Publishable) -> str:
    """none, valid or void."""
    if item.signature_kind == SignatureKind.NONE:
        return "none"
    return "valid" if item.signature_hash == content_hash(item) else "void"


def kept_state(item: Publishable) -> str:
    """`signature_state` for lists, without a query: what is public went out as it was signed, or says which gate was off; of a
    draft every act keeps the hash beside it."""
    if item.signature_kind == SignatureKind.NONE:
        return "none"
    if item.publication == Publication.PUBLISHED:
        return "void" if Gate.SIGNATURE in item.waived else "valid"
    if not item.content_hash:
        return signature_state(item)  # written before hashes were kept
    return "valid" if item.signature_hash == item.content_hash else "void"


def request(*, item: Publishable, actor: User | None, now: datetime) -> None:
    """Ask for a second person's signature on the draft as it stands; the publisher asks where it could not publish by itself."""
    with transaction.atomic():
        _drafts(item).update(signature_requested_at=now)
        audit.log(act=f"{item.noun}.request_signature", actor=actor, actor_name="publisher", now=now, target=item.public_id)


def sign(*, item: Signed, signer: User, now: datetime, seen_hash: str = "") -> Signed:
    """Sign a draft. Refused to whoever wrote any part of it, superusers included, and when the text is not the one
    the signer saw (`seen_hash`, from the page they signed on)."""
    with transaction.atomic():
        lock_head()  # as every act on a draft: see drafts
        draft = type(item)._default_manager.get(pk=item.pk)
        if draft.publication != Publication.DRAFT:
            raise SigningRefused("This is no longer a draft.")
        if is_of_security(draft) and not signer.has_perm(rights.SIGN_SECURITY):
            raise SigningRefused("This is a matter of security: somebody of Security or Data protection signs its words.")
        is_update, guards = isinstance(draft, IncidentUpdate), signer.has_perm(rights.SIGN_SECURITY)
        if is_update and guards and not is_of_security(draft) and not signer.has_perm(SIGN_UPDATE):
            raise SigningRefused("An approver signs this: you sign what is a matter of security.")
        current = content_hash(draft)
        if not draft.content_hash or seen_hash == current:
            stamp(draft)  # written before hashes were kept; or read as it stands
        # One conditional UPDATE decides, whatever was read before: still a draft, still these words, and never its author.
        unchanged = _drafts(draft).filter(content_hash=seen_hash or current)
        signed = unchanged.exclude(author=signer).exclude(Exists(_written_by(signer, draft)))
        if not signed.update(signature_kind=SignatureKind.PERSON, signature_hash=current, signed_by=signer, signed_at=now):
            raise SigningRefused(_why_not(draft, signer))
        audit.log(act=f"{draft.noun}.sign", actor=signer, now=now, target=draft.public_id, details={"hash": current})
    draft.refresh_from_db()
    return draft


def is_of_security(item: Publishable) -> bool:
    """Is it an update of an incident that a person marked as a matter of security (fraud, data)? Its own people sign it then."""
    return isinstance(item, IncidentUpdate) and item.incident.security_related == SecurityRelated.YES


def _why_not(draft: Publishable, signer: User) -> str:
    if has_written(signer, draft):
        return "You wrote part of this text. Another person must sign it."
    return "It was changed after you opened it. Read it again."


def _drafts(item: Publishable) -> QuerySet[Publishable]:
    return type(item)._default_manager.filter(pk=item.pk, publication=Publication.DRAFT)


def _written_by(person: User, draft: Publishable) -> QuerySet[AuditEvent]:
    """An editor is an author for ever, and the audit log remembers."""
    written = (f"{draft.noun}.add", f"{draft.noun}.edit")
    return AuditEvent.objects.filter(actor=person, act__in=written, target=draft.public_id)


def has_written(person: User, item: Publishable) -> bool:
    """Is the person an author of any part of it?"""
    return item.author_id == person.pk or _written_by(person, item).exists()


def send_back(*, item: Publishable, signer: User, reason: str, now: datetime) -> None:
    """Return a draft to its author with a typed reason."""
    if not reason.strip():
        raise SigningRefused("Say what to change.")
    with transaction.atomic():
        _drafts(item).update(signature_requested_at=None)
        audit.log(act=f"{item.noun}.send_back", actor=signer, now=now, target=item.public_id, details={"reason": reason})


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
        _keep_version(notice, signer, now)
        audit.log(act="notice.sign", actor=signer, now=now, target=notice.code, details={"hash": current})
    return notice


def _keep_version(notice: Notice, signer: User, now: datetime) -> None:
    """Append what was signed; a version still in force ends with it."""
    notice.versions.filter(withdrawn_at=None).update(withdrawn_at=now, withdrawn_by=signer)
    NoticeVersion.objects.create(
        notice=notice,
        number=notice.versions.count() + 1,
        covered=covered(notice),
        hash=notice.signature_hash,
        signed_by=signer,
        signed_at=now,
    )


def notice_refusal(*, notice: Notice, signer: User) -> str:
    """Why this person may not sign this notice; "" if they may."""
    if AuditEvent.objects.filter(actor=signer, act__in=("notice.add", "notice.edit"), target=notice.code).exists():
        return "You wrote part of this notice. Another person must sign it."
    if gaps := sorted({*missing(notice.title), *missing(notice.body)}):
        return f"It is not written in {', '.join(gaps)} yet."
    if problem := slot_problem(notice):
        return problem
    # Nobody looks at it again on the day, so it says nothing that would need an engineer then.
    texts = {"title": by_language(notice.title), "body": by_language(notice.body)}
    found = gates.phrase_blockers(texts, may_say_maintenance=True)
    return found[0].message if found else ""


def withdraw_notice(*, notice: Notice, actor: User, now: datetime) -> Notice:
    """Take a notice's signature back, so that its words can be corrected; it cannot go out until it is signed anew."""
    with transaction.atomic():
        notice = Notice.objects.select_for_update().get(pk=notice.pk)
        notice.signed_by, notice.signed_at, notice.signature_hash = None, None, ""
        notice.save(update_fields=["signed_by", "signed_at", "signature_hash"])
        notice.versions.filter(withdrawn_at=None).update(withdrawn_at=now, withdrawn_by=actor)
        audit.log(act="notice.withdraw", actor=actor, now=now, target=notice.code)
    return notice
