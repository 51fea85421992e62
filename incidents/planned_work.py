"""Planned work by people: plan it, move it, say how it goes, publish a word about it.

What falls due by itself is in planned_acts. Every act takes the record's head as its first lock, as in drafts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, documents, drafts, gates, maintenance, overruns, planned_words, record, timeline, windows
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.maintenance import OVER, Act, Phase
from incidents.models import Component, MaintenanceComponent, MaintenanceUpdate, RecordEntry, ScheduledMaintenance
from incidents.policy import Gate
from incidents.signing import content_hash, stamp
from incidents.words import ComponentStatus, Publication, SignatureKind

EXPECTED = ComponentStatus.PARTIAL_OUTAGE.value  # where a plan does not say

# --- Before it is public -------------------------------------------------------------------------


def plan(
    *,
    name: Mapping[str, str],
    body: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime,
    expected: Mapping[Component, str],
    author: User,
    now: datetime,
    recurrence: str = "",
    automatic_start: bool = True,
    automatic_end: bool = True,
    deliver_notifications: bool = True,
) -> MaintenanceUpdate:
    """Plan a window: a draft of its announcement, to be signed and published before it begins.

    `expected`: the worst state it may bring each component ("": partial outage). Raises TimelineError for a state that no window
    expects.
    """
    with transaction.atomic():
        record.lock_head()
        planned = ScheduledMaintenance.objects.create(
            name=in_all(name), recurrence=recurrence, automatic_start=automatic_start, automatic_end=automatic_end
        )
        update = MaintenanceUpdate(
            maintenance=planned,
            body=in_all(body),
            starts_at=starts_at,
            ends_at=ends_at,
            deliver_notifications=deliver_notifications,
        )
        documents.add(document=update, author=author, now=now)
        _expect(update, expected)
    return update


def reschedule(
    *,
    planned: ScheduledMaintenance,
    body: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime,
    author: User,
    now: datetime,
    expected: Mapping[Component, str] | None = None,
) -> MaintenanceUpdate:
    """A draft that announces other times, and other components where `expected` is given. What was announced stays public."""
    with transaction.atomic():
        record.lock_head()
        update = MaintenanceUpdate(maintenance=planned, body=in_all(body), starts_at=starts_at, ends_at=ends_at)
        documents.add(document=update, author=author, now=now)
        _expect(update, windows.expectations(planned) if expected is None else expected)
    return update


def step(
    *,
    planned: ScheduledMaintenance,
    status: str,
    author: User,
    now: datetime,
    body: Mapping[str, str] | None = None,
    deliver_notifications: bool = True,
) -> MaintenanceUpdate:
    """A draft that says how the work goes: in progress, verifying, completed, cancelled, or one more word in the same phase.

    Without a `body` it has the words that were signed with the announcement, and needs no second person. Raises TimelineError
    where there are none.
    """
    words = body or _signed_words(planned, status, now)
    with transaction.atomic():
        record.lock_head()
        update = MaintenanceUpdate(
            maintenance=planned, status=status, body=in_all(words), deliver_notifications=deliver_notifications
        )
        documents.add(document=update, author=author, now=now)
        name_components(update)
        if body is None:
            sign_as_announced(update)
    return update


def _signed_words(planned: ScheduledMaintenance, status: str, now: datetime) -> Mapping[str, str]:
    if planned.starts_at is None or planned.ends_at is None:
        raise TimelineError("It is not announced yet: publish its announcement first.")
    words = planned_words.of_step(status, start=planned.starts_at, end=planned.ends_at, now=now, zone=zone())
    if words is None:
        raise TimelineError(f"There are no signed words for {status}: write them.")
    return words


def edit(
    *,
    update: MaintenanceUpdate,
    actor: User,
    now: datetime,
    seen_at: datetime | None = None,
    name: Mapping[str, str] | None = None,
    expected: Mapping[Component, str] | None = None,
    **fields: Any,
) -> MaintenanceUpdate:
    """Change a draft; `fields` are its own. Raises TimelineError as documents.edit does, and for the name of public work."""

    def also(draft: MaintenanceUpdate) -> None:
        if name is not None:
            if draft.maintenance.publication == Publication.PUBLISHED:
                raise TimelineError("The name of announced work stays: mail threads hang on it.")
            draft.maintenance.name = in_all(name)
            draft.maintenance.save(update_fields=["name"])
        if expected is not None:
            draft.affected.all().delete()
            _expect(draft, expected)

    return documents.edit(document=update, actor=actor, now=now, seen_at=seen_at, also=also, **fields)


def end_series(*, planned: ScheduledMaintenance, actor: User, now: datetime) -> ScheduledMaintenance:
    """Announce no further ones of recurring work; those announced already stay."""
    with transaction.atomic():
        record.lock_head()
        first = ScheduledMaintenance.objects.get(pk=planned.first_id or planned.pk)
        if first.series_ended_at is None:
            first.series_ended_at = now
            first.save(update_fields=["series_ended_at"])
            audit.log(act="maintenance.end_series", actor=actor, now=now, target=first.public_id)
    return first


def _expect(update: MaintenanceUpdate, expected: Mapping[Component, str]) -> None:
    unfit = sorted({status for status in expected.values() if status} - (set(ComponentStatus.values) - {ComponentStatus.UNKNOWN}))
    if unfit:
        raise TimelineError(f"No window expects {', '.join(unfit)}: name the worst state the work may bring.")
    MaintenanceComponent.objects.bulk_create(
        MaintenanceComponent(update=update, component=component, expected=status or EXPECTED)
        for component, status in expected.items()
    )
    stamp(update)


def name_components(update: MaintenanceUpdate) -> None:
    """The components of the plan in an update that changes what they show."""
    MaintenanceComponent.objects.bulk_create(
        MaintenanceComponent(update=update, component=component) for component in windows.expectations(update.maintenance)
    )
    stamp(update)


def sign_as_announced(update: MaintenanceUpdate, announced: MaintenanceUpdate | None = None) -> None:
    """The announcement's signer read these words with it: they need no other signature."""
    announced = announced or update.maintenance.plan
    if announced is None:
        raise TimelineError("It is not announced yet: publish its announcement first.")
    update.signature_kind, update.signature_hash = SignatureKind.NOTICE, content_hash(update)
    update.signed_by_id, update.signed_at = announced.signed_by_id, announced.signed_at
    update.save(update_fields=["signature_kind", "signature_hash", "signed_by", "signed_at"])


def zone() -> ZoneInfo:
    return ZoneInfo(settings.PAGE_TIME_ZONE)


# --- What forbids a word -------------------------------------------------------------------------


def blockers(update: MaintenanceUpdate, *, now: datetime) -> list[Blocker]:
    """Everything but a missing signature that forbids this draft to go out."""
    planned = ScheduledMaintenance.objects.get(pk=update.maintenance_id)
    before = windows.of(planned)
    dates = (update.starts_at, update.ends_at) if update.starts_at and update.ends_at else None
    found = maintenance.update_problems(before, Phase(update.status), dates=dates, now=now)
    found += gates.language_blockers({"name": by_language(planned.name), "body": by_language(update.body)})
    if dates:
        found += _plan_blockers(update)
    if dates and before is None and planned.recurrence:
        start, end = dates
        found += maintenance.rule_problems(planned.recurrence, start=start, length=end - start, zone=zone())
    return found


def _plan_blockers(update: MaintenanceUpdate) -> list[Blocker]:
    components = [row.component for row in update.affected.select_related("component")]
    if not components:
        return [Blocker("no_components", "affected", "Name at least one service and the worst it may show.", Gate.COMPONENTS)]
    return [
        Blocker(
            "internal_component", "affected", f"{component.code} is internal and never public: name the services that need it."
        )
        for component in components
        if component.internal
    ]


# --- Publishing ----------------------------------------------------------------------------------


def mark_published(*, document: MaintenanceUpdate, actor: User | None, now: datetime, machine: str = "publisher") -> RecordEntry:
    """Make a word public: its row and entry, the window as it is by it, and what the components show.

    Called by statuspage.publishing alone, inside its transaction with the head locked and the gates passed.
    """
    update, planned = document, document.maintenance
    touched = {component.pk: component for component in windows.expectations(planned)}
    _carry(planned, update, now)
    for row in update.affected.select_related("component"):
        touched[row.component_id] = row.component
        row.old_status, (row.new_status, _) = row.component.status, timeline.shown(row.component)
        row.name = in_all(by_language(row.component.name))
        if update.act and row.old_status == row.new_status:
            row.delete()  # what comes by itself names the components that change
        else:
            row.save(update_fields=["old_status", "new_status", "name"])
    entry = documents.mark_published(document=update, actor=actor, now=now, machine=machine)
    for component in touched.values():
        timeline.refresh_status(component=component, since=now, now=now)
    if update.act == Act.OVERRUN:
        overruns.open_incident(planned=planned, now=now)
    if planned.phase in OVER:
        _drop_what_waits(planned, now)
    return entry


def _carry(planned: ScheduledMaintenance, update: MaintenanceUpdate, now: datetime) -> None:
    """The window is what its last published update says."""
    planned.publication = Publication.PUBLISHED
    planned.published_at = planned.published_at or now
    planned.phase = update.status
    if update.announces:
        planned.plan, planned.announced_at = update, now
        planned.starts_at, planned.ends_at = update.starts_at, update.ends_at
        planned.occurrence_at = planned.occurrence_at or update.starts_at
    if planned.phase == Phase.IN_PROGRESS:
        planned.started_at = planned.started_at or now
    if planned.phase == Phase.VERIFYING:
        planned.verifying_at = now
    if planned.phase in OVER:
        planned.finished_at = now
    if update.act == Act.OVERRUN:
        planned.overrun_at = now
    planned.save()


def _drop_what_waits(planned: ScheduledMaintenance, now: datetime) -> None:
    """It is over: what machines laid ready about it would be untrue now."""
    for draft in planned.updates.drafts().filter(author=None):
        documents.discard(document=draft, actor=None, now=now, reason="the planned work is over")
    incident = planned.overrun_incident
    if incident is None or incident.publication != Publication.DRAFT or drafts.has_person(incident):
        return
    update = incident.updates.drafts().first()
    named = Component.objects.filter(affected__update__incident=incident)
    if update and drafts.is_untouched(update) and not any(map(windows.is_in_trouble, named)):
        drafts.discard(update=update, actor=None, now=now, reason="the planned work was completed before anything was said")
