"""What happens to components and incidents, each act one function: observe, open, write, edit, publish, discard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, notices, record, rollup
from incidents.languages import by_language, in_all
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, Notice, RecordEntry, StatusChange
from incidents.signing import content_hash, signature_state
from incidents.words import ComponentStatus, IncidentStatus, Publication, SignatureKind

MACHINE = "probes"
_NO_TROUBLE = (ComponentStatus.OPERATIONAL, ComponentStatus.UNKNOWN, ComponentStatus.UNDER_MAINTENANCE)


class Keep(Enum):
    """What an edit leaves as it is, where None has a meaning of its own."""

    KEEP = "keep"


class TimelineError(ValueError):
    """The act does not fit the state of things. The message says what to do instead."""


# --- What probes saw ---------------------------------------------------------------------------


def observe(
    *,
    component: Component,
    status: str,
    since: datetime,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
    opens: bool = True,
) -> StatusChange | None:
    """Take over what probes confirmed: the component's public state, and a draft where trouble began.

    Not `opens`: the trouble was expected, or follows from another, so no draft is opened for it. Answers the change of the
    public state, if there was one. Doing it twice changes nothing.
    """
    with transaction.atomic():
        record.lock_head()
        component = Component.objects.select_for_update().get(pk=component.pk)
        if component.observed_status != status:
            component.observed_status, component.observed_since = status, since
            component.save(update_fields=["observed_status", "observed_since"])
        change = refresh_status(component=component, since=since, now=now)
        if status in _NO_TROUBLE:
            if status == ComponentStatus.OPERATIONAL:
                _drop_machine_drafts(component, now)
        else:
            _draft_trouble(component, status, since, now, evidence or {}, opens=opens)
        return change


def stop_observing(*, component: Component, now: datetime) -> StatusChange | None:
    """No enabled probe watches it any more: it shows what a person stated last."""
    with transaction.atomic():
        record.lock_head()
        component = Component.objects.select_for_update().get(pk=component.pk)
        component.observed_status, component.observed_since = "", None
        component.save(update_fields=["observed_status", "observed_since"])
        return refresh_status(component=component, since=now, now=now)


def refresh_status(*, component: Component, since: datetime, now: datetime) -> StatusChange | None:
    """Compute what the component shows and, if that differs, record it. The record's head must be locked."""
    new, source = rollup.shown(
        stated_by_incidents=stated_by_incidents(component), observed=component.observed_status, stated=component.stated_status
    )
    if new == component.status:
        if source != component.status_source:
            component.status_source = source
            component.save(update_fields=["status_source"])
        return None
    change = StatusChange(component=component, old_status=component.status, new_status=new, source=source, at=now, since=since)
    entry = record.append(kind="component_status", data=record.status_change_data(change), texts={}, now=now)
    change.record_seq = entry.seq
    change.save()
    component.status, component.status_source, component.status_since = new, source, since
    component.save(update_fields=["status", "status_source", "status_since"])
    return change


def stated_by_incidents(component: Component) -> list[rollup.Stated]:
    """What each open published incident states last for the component."""
    newest: dict[int, rollup.Stated] = {}
    rows = (
        AffectedComponent.objects.filter(component=component, update__publication=Publication.PUBLISHED)
        .exclude(update__incident__status__in=IncidentStatus.closed())
        .select_related("update")
        .order_by("update__record_seq")
    )
    for row in rows:
        newest[row.update.incident_id] = rollup.Stated(row.new_status, held=bool(row.update.reason))
    return list(newest.values())


def _draft_trouble(
    component: Component, status: str, since: datetime, now: datetime, evidence: Mapping[str, Any], *, opens: bool
) -> None:
    """Open a draft for trouble that nobody has spoken of, or bring evidence and machine-written words up to date."""
    incident = open_incident_of(component)
    if incident is None:
        if opens:
            open_draft(component=component, status=status, since=since, now=now, evidence=evidence)
        return
    incident.evidence = {**incident.evidence, component.code: {**evidence, "status": status, "since": record.timestamp(since)}}
    incident.save(update_fields=["evidence"])
    draft = incident.updates.drafts().first()
    if draft and is_untouched(draft):
        notice = notices.first_notice_for(status)
        if incident.publication == Publication.DRAFT and notice:
            AffectedComponent.objects.filter(update=draft, component=component).update(new_status=status)
            fill_from_notice(update=draft, notice=notice, component=component, now=now)


def open_incident_of(component: Component) -> Incident | None:
    """The unresolved incident, public or draft, that names the component; the newest if there are several."""
    return (
        Incident.objects.unresolved()
        .filter(updates__affected__component=component, updates__publication__in=(Publication.DRAFT, Publication.PUBLISHED))
        .order_by("-id")
        .distinct()
        .first()
    )


def is_untouched(update: IncidentUpdate) -> bool:
    """Are these still the exact words of a signed notice?"""
    return update.signature_kind == SignatureKind.NOTICE and signature_state(update) == "valid"


def _drop_machine_drafts(component: Component, now: datetime) -> None:
    """Trouble that nobody has spoken of is over: a first word about it would be untrue now. The rows and evidence stay."""
    drafts = Incident.objects.filter(publication=Publication.DRAFT, updates__affected__component=component).distinct()
    for incident in drafts:
        update = incident.updates.drafts().first()
        if update is None or update.author_id or not is_untouched(update):
            continue
        others = update.affected.exclude(component=component).exclude(component__observed_status__in=["", *_NO_TROUBLE])
        if not others.exists():
            discard(update=update, actor=None, now=now, reason="recovered before anything was said")


# --- Drafts ------------------------------------------------------------------------------------


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

    Without a fitting notice the draft is empty: the gates will ask for its words.
    """
    notice = notice or notices.first_notice_for(status)
    title = fill_title(notice, component, since, now) if notice else by_language({})
    with transaction.atomic():
        incident = Incident.objects.create(
            name=in_all(title),
            started_at=since,
            detected_at=now,
            evidence={component.code: {**(evidence or {}), "status": status, "since": record.timestamp(since)}},
        )
        update = IncidentUpdate.objects.create(
            incident=incident, status=IncidentStatus.INVESTIGATING, body=in_all({}), notice=notice, author=author
        )
        AffectedComponent.objects.create(update=update, component=component, new_status=status)
        if notice:
            fill_from_notice(update=update, notice=notice, component=component, now=now)
        audit.log(
            act="update.add" if author else "incident.draft",
            actor=author,
            actor_name=MACHINE,
            now=now,
            target=update.public_id,
            details={"component": component.code, "status": status},
        )
    return update


def fill_title(notice: Notice, component: Component, since: datetime, now: datetime) -> dict[str, str]:
    return notices.fill(texts=by_language(notice.title), component=component, since=since, next_by=None, now=now)


def fill_from_notice(*, update: IncidentUpdate, notice: Notice, component: Component, now: datetime) -> IncidentUpdate:
    """Write the notice's words into a draft with the promise counted from `now`; a signed notice signs it."""
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
        incident.save(update_fields=["name"])
    update.save()
    _sign_by_notice(update, notice)
    return update


def _sign_by_notice(update: IncidentUpdate, notice: Notice) -> None:
    signed = notices.is_signed(notice)
    update.signature_kind = SignatureKind.NOTICE if signed else SignatureKind.NONE
    update.signature_hash = content_hash(update) if signed else ""
    update.signed_by_id, update.signed_at = (notice.signed_by_id, notice.signed_at) if signed else (None, None)
    update.save(update_fields=["signature_kind", "signature_hash", "signed_by", "signed_at"])


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
) -> IncidentUpdate:
    """A new draft for an open incident. Components not named keep their state."""
    if not incident.is_open:
        raise TimelineError("The incident is closed. Open a new one.")
    with transaction.atomic():
        update = IncidentUpdate.objects.create(
            incident=incident,
            status=status,
            body=in_all(body),
            next_update_by=next_update_by,
            author=author,
            deliver_notifications=deliver_notifications,
            notice=notice,
        )
        AffectedComponent.objects.bulk_create(
            AffectedComponent(update=update, component=component, new_status=new) for component, new in affected.items()
        )
        if notice:
            component = next(iter(affected))
            fill_from_notice(update=update, notice=notice, component=component, now=now)
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
) -> IncidentUpdate:
    """Change a draft. Whoever changes it becomes one of its authors; a signature on it is void by itself, since its hash differs.

    Raises TimelineError when it is not a draft any more, or was changed after `seen_at` (the `updated_at` the editor saw).
    """
    with transaction.atomic():
        draft = IncidentUpdate.objects.select_for_update().select_related("incident").get(pk=update.pk)
        if draft.publication != Publication.DRAFT:
            raise TimelineError("This update is public already (or discarded). Write a new one.")
        if seen_at is not None and draft.updated_at != seen_at:
            raise TimelineError("Someone else changed this draft while you wrote. Compare both texts.")
        before = content_hash(draft)
        _apply(draft, status=status, body=body, next_update_by=next_update_by, deliver_notifications=deliver_notifications)
        if name is not None:
            if draft.incident.publication == Publication.PUBLISHED:
                raise TimelineError("The name of a public incident stays: mail threads hang on it.")
            draft.incident.name = in_all(name)
            draft.incident.save(update_fields=["name"])
        if affected is not None:
            draft.affected.all().delete()
            AffectedComponent.objects.bulk_create(
                AffectedComponent(update=draft, component=component, new_status=new) for component, new in affected.items()
            )
        draft.author = draft.author or actor
        draft.save()
        after = content_hash(draft)
        if after != before:
            audit.log(act="update.edit", actor=actor, now=now, target=draft.public_id, details={"before": before, "after": after})
    return draft


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
        changed = IncidentUpdate.objects.drafts().filter(pk=update.pk).update(publication=Publication.DISCARDED)
        if not changed:
            return  # someone was faster
        Incident.objects.filter(pk=update.incident_id, publication=Publication.DRAFT).exclude(
            updates__publication=Publication.DRAFT
        ).update(publication=Publication.DISCARDED)
        audit.log(
            act="update.discard", actor=actor, actor_name=MACHINE, now=now, target=update.public_id, details={"reason": reason}
        )


# --- Publishing --------------------------------------------------------------------------------


def mark_published(*, update: IncidentUpdate, actor: User | None, now: datetime, automatic: bool = False) -> RecordEntry:
    """Make a draft public in the record: its rows, its entry, and what the components show by it.

    Called by statuspage.publishing alone, inside its transaction with the head locked and the gates passed.
    """
    incident = update.incident
    _freeze_affected(update)
    update.publication = Publication.PUBLISHED
    update.published_at = update.display_at = now
    update.published_by, update.automatic = actor, automatic
    if update.status in IncidentStatus.closed():
        update.next_update_by = None
    incident.impact = rollup.impact(update.affected.values_list("new_status", flat=True), before=incident.impact)
    entry = record.append(
        kind="incident_update",
        data=record.update_data(update, impact=incident.impact),
        texts=record.update_texts(update),
        now=now,
    )
    update.record_seq = entry.seq
    update.save()
    _carry_to_incident(incident, update, now)
    for item in update.affected.select_related("component"):
        component = item.component
        component.stated_status = item.new_status
        component.save(update_fields=["stated_status"])
    named = Component.objects.filter(affected__update__in=incident.updates.published()).distinct()
    for component in named:
        refresh_status(component=component, since=_since(component, incident, now), now=now)
    audit.log(
        act="update.publish",
        actor=actor,
        actor_name="publisher",
        now=now,
        target=update.public_id,
        details={"record_seq": entry.seq, "automatic": automatic, "reason": update.reason},
    )
    return entry


def _since(component: Component, incident: Incident, now: datetime) -> datetime:
    """Since when a component is what it shows after this word: as probes date it, else the incident's start or this moment."""
    if component.observed_since:
        return component.observed_since
    return now if component.stated_status == ComponentStatus.OPERATIONAL else incident.started_at


def _freeze_affected(update: IncidentUpdate) -> None:
    for item in update.affected.select_related("component"):
        item.old_status = item.component.status
        item.name = in_all(by_language(item.component.name))
        item.save(update_fields=["old_status", "name"])


def _carry_to_incident(incident: Incident, update: IncidentUpdate, now: datetime) -> None:
    """The incident is what its last published update says."""
    incident.publication = Publication.PUBLISHED
    incident.published_at = incident.published_at or now
    incident.status, incident.next_update_by = update.status, update.next_update_by
    if update.status == IncidentStatus.MONITORING:
        incident.monitoring_at = incident.monitoring_at or now
    if update.status in IncidentStatus.closed():
        incident.resolved_at = now
    incident.version += 1
    incident.save()
