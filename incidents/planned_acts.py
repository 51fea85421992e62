"""Planned work by itself: reminders, start, end, running late, the next of a series. Each falls due once.

The publisher asks each second what waits, and does it under the record's head: of two publishers one acts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from incidents import documents, drafts, maintenance, planned_words, planned_work, record, windows
from incidents.languages import in_all
from incidents.maintenance import Act, Due, Phase
from incidents.models import (
    AffectedComponent,
    Component,
    Incident,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    RecordEntry,
    ScheduledMaintenance,
)
from incidents.rollup import is_worse
from incidents.words import ComponentStatus

ANNOUNCED_AHEAD = timedelta(days=8)  # the next of a series: more than the week that some supervisors ask for

Do = Callable[[int, datetime], list[RecordEntry]]


def waiting(*, now: datetime) -> list[tuple[Do, int]]:
    """What has fallen due, as (act, the window's primary key). Reads only."""
    live = ScheduledMaintenance.objects.live().order_by("starts_at")
    due: list[tuple[Do, int]] = [(advance, planned.pk) for planned in live if _due(planned, now)]
    return due + [(announce_next, first.pk) for first in ScheduledMaintenance.objects.series() if _next_of(first, now)]


def advance(planned_id: int, now: datetime) -> list[RecordEntry]:
    """Do what has fallen due of one window, inside the caller's transaction. Answers the entries of the words it said."""
    record.lock_head()
    planned = ScheduledMaintenance.objects.get(pk=planned_id)
    said = []
    for due in _due(planned, now):
        if due.act == Act.DRAFT_LONGER:
            _new(planned, due, now)
        else:
            said.append(_say(planned, due, now))
    return said


def _due(planned: ScheduledMaintenance, now: datetime) -> list[Due]:
    window = windows.of(planned)
    if window is None or now < window.start - max(maintenance.REMIND_BEFORE):
        return []
    done = planned.updates.exclude(due_key=None).values_list("due_key", flat=True)
    trouble = any(map(planned_work.is_in_trouble, planned_work.expectations(planned)))
    return maintenance.due(window, now=now, trouble=trouble, done={key for key in done if key})


_PHASE_AFTER = {Act.START: Phase.IN_PROGRESS, Act.COMPLETE: Phase.COMPLETED}


def _new(planned: ScheduledMaintenance, due: Due, now: datetime) -> MaintenanceUpdate:
    """A draft in the words that were signed with the announcement."""
    assert planned.starts_at is not None
    assert planned.ends_at is not None
    words = planned_words.of_act(due.act, start=planned.starts_at, end=planned.ends_at, now=now, zone=planned_work.zone())
    update = MaintenanceUpdate(
        maintenance=planned,
        status=_PHASE_AFTER.get(due.act, Phase(planned.phase)).value,
        body=in_all(words),
        act=due.act.value,
        due_key=due.key,
        deliver_notifications=planned.plan is None or planned.plan.deliver_notifications,
    )
    documents.add(document=update, author=None, now=now)
    if due.act != Act.REMIND:
        planned_work.name_components(update)
    planned_work.sign_as_announced(update)
    return update


def _say(planned: ScheduledMaintenance, due: Due, now: datetime) -> RecordEntry:
    if due.act == Act.OVERRUN:
        for draft in planned.updates.drafts().filter(act=Act.DRAFT_LONGER):
            documents.discard(document=draft, actor=None, now=now, reason="it runs late already")
    update = _new(planned, due, now)
    entry = planned_work.mark_published(document=update, actor=None, now=now)
    if due.act == Act.OVERRUN:
        planned.overrun_incident = _open_incident(planned, now)
        planned.save(update_fields=["overrun_incident"])
    return entry


# --- Running late --------------------------------------------------------------------------------


def _open_incident(planned: ScheduledMaintenance, now: datetime) -> Incident | None:
    """One incident for all that does not work after the announced end; None where probes say that all of it works."""
    assert planned.ends_at is not None
    found: Incident | None = None
    draft: IncidentUpdate | None = None
    for component, status in _still_out(planned).items():
        already = drafts.open_incident_of(component)
        if already:
            found = found or already
        elif draft is None:
            draft = drafts.open_draft(component=component, status=status, since=planned.ends_at, now=now)
        else:
            AffectedComponent.objects.create(update=draft, component=component, new_status=status)
    if draft and not drafts.is_untouched(draft):
        _take_words_anew(draft, now)
    return draft.incident if draft else found


def _still_out(planned: ScheduledMaintenance) -> dict[Component, str]:
    """The components that do not work, the worst first. Where no probe looks, what was announced holds until somebody says that
    the work is done."""
    states = {
        component: component.observed_status or expected
        for component, expected in planned_work.expectations(planned).items()
        if planned_work.is_in_trouble(component) or not component.observed_status
    }
    out = {component: status for component, status in states.items() if is_worse(status, ComponentStatus.UNKNOWN)}
    return dict(sorted(out.items(), key=lambda item: list(ComponentStatus.values).index(item[1])))


def _take_words_anew(draft: IncidentUpdate, now: datetime) -> None:
    """A signed notice covers several states where probes confirm each of them."""
    first = draft.affected.select_related("component").order_by("pk").first()
    if first and draft.notice:
        drafts.fill_from_notice(update=draft, notice=draft.notice, component=first.component, now=now)


# --- The next of a series ------------------------------------------------------------------------


def announce_next(first_id: int, now: datetime) -> list[RecordEntry]:
    """Announce the next window of recurring work in the words of the first one, inside the caller's transaction."""
    record.lock_head()
    first = ScheduledMaintenance.objects.get(pk=first_id)
    dates = _next_of(first, now)
    if dates is None:
        return []
    words = _first_words(first)
    following = ScheduledMaintenance.objects.create(
        name=first.name,
        first=first,
        occurrence_at=dates[0],
        automatic_start=first.automatic_start,
        automatic_end=first.automatic_end,
    )
    update = MaintenanceUpdate(
        maintenance=following,
        body=words.body,
        starts_at=dates[0],
        ends_at=dates[1],
        deliver_notifications=words.deliver_notifications,
    )
    documents.add(document=update, author=None, now=now)
    MaintenanceComponent.objects.bulk_create(
        MaintenanceComponent(update=update, component=row.component, expected=row.expected)
        for row in words.affected.select_related("component")
    )
    planned_work.sign_as_announced(update, words)
    return [planned_work.mark_published(document=update, actor=None, now=now)]


def _next_of(first: ScheduledMaintenance, now: datetime) -> tuple[datetime, datetime] | None:
    """The start and end of the next window that is not announced yet, once it is near enough."""
    if first.series_ended_at or first.occurrence_at is None:
        return None
    words = _first_words(first)
    assert words.starts_at is not None
    assert words.ends_at is not None
    last = first.later.order_by("-occurrence_at").values_list("occurrence_at", flat=True).first()
    coming = maintenance.occurrences(
        first.recurrence,
        start=words.starts_at,
        length=words.ends_at - words.starts_at,
        zone=planned_work.zone(),
        after=max(last or first.occurrence_at, now),
        limit=1,
    )
    return next(((start, end) for start, end in coming if start - ANNOUNCED_AHEAD <= now), None)


def _first_words(first: ScheduledMaintenance) -> MaintenanceUpdate:
    """The announcement that was signed for the whole series."""
    return MaintenanceUpdate.objects.filter(maintenance=first).published().order_by("record_seq")[0]
