"""Planned work and announcements as the public may know them: frozen values, every query from `.published()` on. Beside page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from incidents import corrections, exercise
from incidents.facts import AffectedFacts, AnnouncementFacts, MaintenanceFacts, UpdateFacts
from incidents.languages import by_language, to_read
from incidents.models import (
    AffectedComponent,
    Announcement,
    Correction,
    MaintenanceComponent,
    MaintenanceUpdate,
    ScheduledMaintenance,
)
from incidents.models.maintenance import ScheduledMaintenanceQuerySet
from incidents.words import Publication, SignatureKind

LISTED = 50


def live() -> tuple[MaintenanceFacts, ...]:
    """Announced work that is not over, the next one first."""
    return _facts(ScheduledMaintenance.objects.live().order_by("starts_at", "id"))


def recent() -> tuple[MaintenanceFacts, ...]:
    """The last 50 announced and all that are not over, the newest announcement first."""
    newest = ScheduledMaintenance.objects.published().order_by("-published_at", "-id")
    chosen = list(newest.values_list("pk", flat=True)[:LISTED])
    if len(chosen) < LISTED:
        return _facts(newest.filter(pk__in=chosen))  # all there are
    return _facts(newest.filter(pk__in=chosen) | newest.filter(pk__in=ScheduledMaintenance.objects.live().values("pk")))


def public_ids() -> list[str]:
    """Of all work ever announced, the newest announcement first."""
    return list(ScheduledMaintenance.objects.published().order_by("-published_at", "-id").values_list("public_id", flat=True))


def of(public_ids: Collection[str]) -> tuple[MaintenanceFacts, ...]:
    """These announced works."""
    return _facts(ScheduledMaintenance.objects.published().filter(public_id__in=public_ids))


def announcements(now: datetime) -> tuple[AnnouncementFacts, ...]:
    """Those the page shows now, pinned ones first."""
    rows = list(Announcement.objects.shown(now))
    corrected = list(_corrections().filter(announcement__in=rows)) if rows else []
    return tuple(_announcement_facts(row, [one for one in corrected if one.announcement_id == row.pk]) for row in rows)


def _corrections() -> QuerySet[Correction]:
    return Correction.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")


def affected_facts(item: AffectedComponent | MaintenanceComponent) -> AffectedFacts:
    """What an update says of one component, under the name it had then."""
    frozen, group = to_read(item.name), item.component.group
    return AffectedFacts(
        component_id=item.component.public_id,
        name=frozen if any(frozen.values()) else to_read(item.component.name),
        group_name=to_read(group.name if group.has_heading else {}),
        old_status=item.old_status,
        new_status=item.new_status,
    )


def _facts(rows: ScheduledMaintenanceQuerySet) -> tuple[MaintenanceFacts, ...]:
    """With published updates only."""
    affected = Prefetch("affected", MaintenanceComponent.objects.select_related("component__group"))
    updates = MaintenanceUpdate.objects.published().prefetch_related(affected, Prefetch("corrections", _corrections()))
    found = rows.select_related("plan").prefetch_related(Prefetch("updates", updates))
    return tuple(map(maintenance_facts, found))


def maintenance_facts(planned: ScheduledMaintenance) -> MaintenanceFacts:
    words = list(planned.updates.all())  # published, newest first, by the prefetch
    dates = [(word.starts_at, word.ends_at) for word in reversed(words) if word.starts_at and word.ends_at]
    assert planned.starts_at is not None
    assert planned.ends_at is not None
    assert planned.announced_at is not None
    assert planned.published_at is not None
    corrected = sorted((one for word in words for one in word.corrections.all()), key=lambda one: one.record_seq or 0)
    name = {"name": by_language(planned.name)}
    plan = next(word for word in words if word.pk == planned.plan_id)
    return MaintenanceFacts(
        public_id=planned.public_id,
        name=to_read(exercise.marked(corrections.now_said(name, corrected)["name"])),
        phase=planned.phase,
        starts_at=planned.starts_at,
        ends_at=planned.ends_at,
        announced_at=planned.announced_at,
        published_at=planned.published_at,
        verifying_at=planned.verifying_at,
        finished_at=planned.finished_at,
        overrun_at=planned.overrun_at,
        expected={item.component.public_id: item.expected for item in plan.affected.all()},
        updates=tuple(map(_update_facts, words)),
        recurrence=planned.recurrence,
        earlier_dates=tuple(dates[:-1]),
        earlier_names=tuple(corrections.earlier(name, corrected)),
        automatic_start=planned.automatic_start,
        automatic_end=planned.automatic_end,
    )


def _update_facts(update: MaintenanceUpdate) -> UpdateFacts:
    assert update.published_at is not None
    assert update.record_seq is not None
    said, corrected = {"body": by_language(update.body)}, list(update.corrections.all())
    return UpdateFacts(
        public_id=update.public_id,
        status=update.status,
        body=to_read(corrections.now_said(said, corrected)["body"]),
        earlier=tuple(corrections.earlier(said, corrected)),
        display_at=update.published_at,
        published_at=update.published_at,
        next_update_by=None,
        promised_by=None,
        deliver_notifications=update.deliver_notifications,
        presigned=update.signature_kind == SignatureKind.NOTICE,
        record_seq=update.record_seq,
        affected=tuple(map(affected_facts, update.affected.all())),
    )


def _announcement_facts(announcement: Announcement, corrected: Sequence[Correction]) -> AnnouncementFacts:
    assert announcement.published_at is not None
    said = corrections.said(announcement)
    words = corrections.now_said(said, corrected)
    return AnnouncementFacts(
        public_id=announcement.public_id,
        title=to_read(exercise.marked(words["title"])),
        body=to_read(words["body"]),
        earlier=tuple(corrections.earlier(said, corrected)),
        starts_at=announcement.starts_at,
        ends_at=announcement.ends_at,
        pinned=announcement.pinned,
        published_at=announcement.published_at,
    )
