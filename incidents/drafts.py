"""Words before they are public, each act one function: open, add, edit, discard; and how a notice fills and signs a draft.

Every act takes the record's head as its first lock, as in timeline.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from incidents import audit, notices, record, rights
from incidents.languages import by_language, codes, in_all
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, Notice
from incidents.models.incident import MORE_WORDS
from incidents.places import COUNTIES
from incidents.signing import content_hash, signature_state, stamp
from incidents.words import (
    Attribution,
    Channel,
    ComponentStatus,
    DetectedBy,
    IncidentStatus,
    Publication,
    ShareSource,
    SignatureKind,
)

MACHINE = "probes"
STATED = (*MORE_WORDS, "attribution", "channels", "areas", "share_affected", "share_source")
RETURNS_WITHIN = timedelta(days=7)


class Keep(Enum):
    """What an edit leaves as it is, where None has a meaning of its own."""

    KEEP = "keep"


class TimelineError(ValueError):
    """The act does not fit the state of things. The message says what to do instead."""


class AlreadyOpen(TimelineError):
    """An incident names the component already: `incident`."""

    def __init__(self, incident: Incident) -> None:
        super().__init__("An incident about this service is open already: write an update of it.")
        self.incident = incident


# --- What is open ---------------------------------------------------------------------------------


def open_incident_of(component: Component) -> Incident | None:
    """The unresolved incident that names the component: a public one before a draft, the newest if there are several."""
    named = (
        Incident.objects.unresolved()
        .filter(updates__affected__component=component, updates__publication__in=(Publication.DRAFT, Publication.PUBLISHED))
        .order_by("-id")
        .distinct()
    )
    return named.published().first() or named.first()


def is_untouched(update: IncidentUpdate) -> bool:
    """Are these still the exact words of a signed notice?"""
    return update.signature_kind == SignatureKind.NOTICE and signature_state(update) == "valid"


def has_person(incident: Incident) -> bool:
    """Has anybody written for it, or spoken of it? Machines leave such an incident to people."""
    return (
        incident.updates.exclude(publication=Publication.DISCARDED)
        .filter(Q(author__isnull=False) | Q(publication=Publication.PUBLISHED, automatic=False))
        .exists()
    )


# --- Open -----------------------------------------------------------------------------------------


def open_draft(
    *,
    component: Component,
    status: str,
    since: datetime,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
    notice: Notice | None = None,
    author: User | None = None,
) -> IncidentUpdate:
    """A draft incident for a component in trouble, its words from the signed notice that fits (or `notice`).

    Without a fitting notice the draft is empty: the gates will ask for its words. Raises AlreadyOpen where an incident names
    the component already.
    """
    notice = notice or notices.first_notice_for(status)
    title = fill_title(notice, component, since, now) if notice else by_language({})
    with transaction.atomic():
        record.lock_head()
        if already := open_incident_of(component):
            raise AlreadyOpen(already)
        incident = Incident.objects.create(
            name=in_all(title),
            started_at=since,
            detected_at=now,
            detected_by=DetectedBy.STAFF if author else DetectedBy.PROBE,
            aware_at=now if author else None,
            follows=_returned(component, now),
            evidence={component.code: {**(evidence or {}), "status": status, "since": record.timestamp(since)}},
        )
        update = IncidentUpdate.objects.create(
            incident=incident, status=IncidentStatus.INVESTIGATING, body=in_all({}), notice=notice, author=author
        )
        AffectedComponent.objects.create(update=update, component=component, new_status=status)
        if notice:
            fill_from_notice(update=update, notice=notice, component=component, now=now)
        else:
            stamp(update)
        audit.log(
            act="update.add" if author else "incident.draft",
            actor=author,
            actor_name=MACHINE,
            now=now,
            target=update.public_id,
            details={"component": component.code, "status": status},
        )
    return update


def open_backfill(
    *,
    name: Mapping[str, str],
    body: Mapping[str, str],
    affected: Mapping[Component, str],
    started_at: datetime,
    ended_at: datetime,
    author: User,
    now: datetime,
    deliver_notifications: bool = False,
    more: Mapping[str, Any] | None = None,
) -> IncidentUpdate:
    """An incident that is written down after it was over: one draft, with what was shown wrongly in `affected`.

    Once public it changes nothing that is shown now; its states count in the uptime of its days. Silent unless asked otherwise.
    Raises TimelineError for times that do not fit.
    """
    if not started_at < ended_at <= now:
        raise TimelineError("Say when it began and when it was over; both have passed, in that order.")
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.create(
            name=in_all(name),
            started_at=started_at,
            resolved_at=ended_at,
            mitigated_at=ended_at,
            detected_by=DetectedBy.STAFF,
            backfilled=True,
        )
        update = IncidentUpdate.objects.create(
            incident=incident,
            status=IncidentStatus.RESOLVED,
            body=in_all(body),
            author=author,
            deliver_notifications=deliver_notifications,
            **_stated(more),
        )
        AffectedComponent.objects.bulk_create(
            AffectedComponent(update=update, component=component, new_status=status) for component, status in affected.items()
        )
        stamp(update)
        audit.log(act="update.add", actor=author, now=now, target=update.public_id, details={"backfilled": True})
    return update


def _returned(component: Component, now: datetime) -> Incident | None:
    """The incident of the last week that this one seems to be the return of; a person may reopen that one instead."""
    closed = Incident.objects.published().filter(status=IncidentStatus.RESOLVED, updates__affected__component=component)
    return closed.filter(resolved_at__gte=now - RETURNS_WITHIN).order_by("-resolved_at").first()


def fill_title(notice: Notice, component: Component, since: datetime, now: datetime) -> dict[str, str]:
    return notices.fill(texts=by_language(notice.title), component=component, since=since, next_by=None, now=now)


def fill_from_notice(*, update: IncidentUpdate, notice: Notice, component: Component, now: datetime) -> IncidentUpdate:
    """Write the notice's words into a draft with the promise counted from `now`; a signed notice signs it, where its
    signature covers what the draft states."""
    fill_in(update=update, notice=notice, component=component, now=now)
    if not _covers(notice, update, component):
        update.signature_kind, update.signature_hash = SignatureKind.NONE, ""
        update.signed_by_id, update.signed_at = None, None
    if update.incident.publication == Publication.DRAFT:
        update.incident.save(update_fields=["name"])
    update.save()
    _stamp_all(update.incident)
    return update


def _stamp_all(incident: Incident) -> None:
    """Keep what its drafts say now: the incident's name is part of each."""
    for draft in incident.updates.drafts().select_related("incident"):
        stamp(draft)


def fill_in(*, update: IncidentUpdate, notice: Notice, component: Component, now: datetime) -> None:
    """`fill_from_notice` in memory only: nothing is saved, and what the update states is taken as covered."""
    incident = update.incident
    update.notice = notice
    update.status = notice.phase or incident.status
    update.next_update_by = notices.promise(notice, now)
    update.body = in_all(
        notices.fill(
            texts=by_language(notice.body), component=component, since=incident.started_at, next_by=update.next_update_by, now=now
        )
    )
    if incident.publication == Publication.DRAFT:  # a public name never changes: mail threads hang on it
        incident.name = in_all(fill_title(notice, component, incident.started_at, now))
    signed = notices.is_signed(notice)
    update.signature_kind = SignatureKind.NOTICE if signed else SignatureKind.NONE
    update.signature_hash = content_hash(update) if signed else ""
    update.signed_by_id, update.signed_at = (notice.signed_by_id, notice.signed_at) if signed else (None, None)


def _covers(notice: Notice, update: IncidentUpdate, subject: Component) -> bool:
    """Does the notice's signature cover every state of the draft? Its signer read words about one service. What else is stated
    must be public already, confirmed by probes, or the end of the trouble, which the gates hold against the probes."""
    stated = [notice.component_status, *notice.opens_for]
    return all(
        item.new_status == item.component.status
        or (item.component_id == subject.pk and item.new_status in stated)
        or (item.new_status == item.component.observed_status and item.new_status in notice.opens_for)
        or item.new_status == notice.component_status == ComponentStatus.OPERATIONAL
        for item in update.affected.select_related("component")
    )


def add_update(
    *,
    incident: Incident,
    status: str,
    body: Mapping[str, str],
    affected: Mapping[Component, str],
    next_update_by: datetime | None,
    author: User | None,
    now: datetime,
    deliver_notifications: bool = True,
    notice: Notice | None = None,
    more: Mapping[str, Any] | None = None,
) -> IncidentUpdate:
    """A new draft for an open incident, or one that reopens what was closed within the last day. Components not named keep their
    state. `more`: what it states beside its words, by field (STATED).

    Raises TimelineError when the incident is closed for longer, or goes on elsewhere.
    """
    with transaction.atomic():
        record.lock_head()
        incident.refresh_from_db(fields=["publication", "status", "resolved_at", "merged_into", "withdrawn_at"])
        if not incident.is_open and not incident.may_reopen(now):
            raise TimelineError("The incident is closed. Open a new one.")
        _take_over(incident, affected, now)
        update = IncidentUpdate.objects.create(
            incident=incident,
            status=status,
            body=in_all(body),
            next_update_by=next_update_by,
            author=author,
            deliver_notifications=deliver_notifications,
            notice=notice,
            **_stated(more),
        )
        AffectedComponent.objects.bulk_create(
            AffectedComponent(update=update, component=component, new_status=new) for component, new in affected.items()
        )
        if notice:
            component = next(iter(affected))
            fill_from_notice(update=update, notice=notice, component=component, now=now)
        else:
            stamp(update)
        audit.log(act="update.add", actor=author, actor_name=MACHINE, now=now, target=update.public_id)
    return update


def edit_update(
    *,
    update: IncidentUpdate,
    actor: User,
    now: datetime,
    status: str | None = None,
    name: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
    affected: Mapping[Component, str] | None = None,
    next_update_by: datetime | Keep | None = Keep.KEEP,
    deliver_notifications: bool | None = None,
    seen_at: datetime | None = None,
    more: Mapping[str, Any] | None = None,
) -> IncidentUpdate:
    """Change a draft. Whoever changes it becomes one of its authors; a signature on it is void by itself, since its hash differs.

    Raises TimelineError when it is not a draft any more, or was changed after `seen_at` (the `updated_at` the editor saw).
    """
    with transaction.atomic():
        record.lock_head()
        draft = IncidentUpdate.objects.select_related("incident").get(pk=update.pk)
        if draft.publication != Publication.DRAFT:
            raise TimelineError("This update is public already (or discarded). Write a new one.")
        if seen_at is not None and draft.updated_at != seen_at:
            raise TimelineError("Someone else changed this draft while you wrote. Compare both texts.")
        if draft.incident.backfilled and status not in (None, IncidentStatus.RESOLVED):
            raise TimelineError("It was written down after it was over: its phase stays “resolved”.")
        before, was, words = content_hash(draft), draft.covered(), by_language(draft.body)
        _apply(draft, status=status, body=body, next_update_by=next_update_by, deliver_notifications=deliver_notifications)
        for field, value in _stated(more).items():
            setattr(draft, field, value)
        if name is not None:
            if draft.incident.publication == Publication.PUBLISHED:
                raise TimelineError("The name of a public incident stays: mail threads hang on it.")
            draft.incident.name = in_all(name)
            draft.incident.save(update_fields=["name"])
        if affected is not None:
            _take_over(draft.incident, affected, now)
            draft.affected.all().delete()
            AffectedComponent.objects.bulk_create(
                AffectedComponent(update=draft, component=component, new_status=new) for component, new in affected.items()
            )
        draft.author = draft.author or actor
        draft.save()
        _stamp_all(draft.incident)
        after = content_hash(draft)
        rights.require_words_of(actor, "update.edit", was, draft.covered(), source=codes()[0])
        if after != before:
            changed = [code for code, text in by_language(draft.body).items() if text != words[code]]
            details = {"before": before, "after": after, "languages": changed}
            audit.log(act="update.edit", actor=actor, now=now, target=draft.public_id, details=details)
    return draft


def _take_over(incident: Incident, named: Collection[Component], now: datetime) -> None:
    """A draft incident that names more services takes the untouched drafts of machines about them over: each waits once.
    Drafts of what is over have no part in it.

    Raises TimelineError where a person works on another draft about one of them.
    """
    if incident.publication != Publication.DRAFT or incident.backfilled:
        return
    others = Incident.objects.unresolved().filter(
        publication=Publication.DRAFT, updates__publication=Publication.DRAFT, updates__affected__component__in=named
    )
    for other in others.exclude(pk=incident.pk).distinct():
        waiting = other.updates.drafts().first()
        theirs = {item.component_id for update in other.updates.drafts() for item in update.affected.all()}
        if waiting is None or has_person(other) or not is_untouched(waiting) or not theirs <= {one.pk for one in named}:
            raise TimelineError("Another draft is about one of these services: publish or discard that one first.")
        discard(update=waiting, actor=None, now=now, reason=f"taken into {incident.public_id}")


def _stated(more: Mapping[str, Any] | None) -> dict[str, Any]:
    """Field values of what an update states beside its words. Raises TimelineError for a word that is not on its list."""
    for field, value in (more or {}).items():
        if field not in STATED:
            raise TimelineError(f"An update states nothing called {field}: use {', '.join(STATED)}.")
        if problem := _stated_problem(field, value):
            raise TimelineError(problem)
    return {field: in_all(value) if field in MORE_WORDS else value for field, value in (more or {}).items()}


def _stated_problem(field: str, value: Any) -> str:
    if field == "attribution" and value not in ("", *Attribution.values):
        return f"attribution: use one of {', '.join(Attribution.values)}."
    if field == "channels" and not set(value) <= set(Channel.values):
        return f"channels: use {', '.join(Channel.values)}."
    if field == "areas" and not set(value) <= set(COUNTIES):
        return "areas: use county codes from 1 to 47."
    if field == "share_affected" and value is not None and not 0 <= value <= 1000:
        return "share_affected: give thousandths, 0 to 1000."
    if field == "share_source" and value not in ("", *ShareSource.values):
        return f"share_source: use one of {', '.join(ShareSource.values)}, or leave it out."
    return ""


def _apply(
    draft: IncidentUpdate,
    *,
    status: str | None,
    body: Mapping[str, str] | None,
    next_update_by: datetime | Keep | None,
    deliver_notifications: bool | None,
) -> None:
    if status is not None:
        draft.status = status
    if body is not None:
        draft.body = in_all(body)
    if not isinstance(next_update_by, Keep):
        draft.next_update_by = next_update_by
    if deliver_notifications is not None:
        draft.deliver_notifications = deliver_notifications


def discard(*, update: IncidentUpdate, actor: User | None, now: datetime, reason: str = "") -> None:
    """Drop a draft; an incident that was never public goes with it. Rows stay, for those who ask later."""
    with transaction.atomic():
        record.lock_head()
        changed = IncidentUpdate.objects.drafts().filter(pk=update.pk).update(publication=Publication.DISCARDED)
        if not changed:
            return  # someone was faster
        Incident.objects.filter(pk=update.incident_id, publication=Publication.DRAFT).exclude(
            updates__publication=Publication.DRAFT
        ).update(publication=Publication.DISCARDED)
        audit.log(
            act="update.discard", actor=actor, actor_name=MACHINE, now=now, target=update.public_id, details={"reason": reason}
        )
