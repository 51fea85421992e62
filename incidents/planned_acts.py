"""Planned work by itself: reminders, start, end, running late, the next of a series. Each falls due once.

The publisher asks each second what waits, lets it be made ready under the record's head (of two publishers one acts), and
publishes it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from incidents import documents, maintenance, planned_words, planned_work, record, windows
from incidents.languages import in_all
from incidents.maintenance import Act, Due, Phase
from incidents.models import (
    MaintenanceComponent,
    MaintenanceUpdate,
    RecordText,
    ScheduledMaintenance,
)

ANNOUNCED_AHEAD = timedelta(days=8)  # the next of a series: more than the week that some supervisors ask for

Prepare = Callable[[int, datetime], MaintenanceUpdate | None]


def waiting(*, now: datetime) -> list[tuple[Prepare, int]]:
    """What has fallen due, as (what makes it ready, the window's primary key). Reads only."""
    live = ScheduledMaintenance.objects.live().order_by("starts_at")
    due: list[tuple[Prepare, int]] = [(advance, planned.pk) for planned in live if _due(planned, now)]
    return due + [(announce_next, first.pk) for first in ScheduledMaintenance.objects.series() if _next_of(first, now)]


def advance(planned_id: int, now: datetime) -> MaintenanceUpdate | None:
    """Make ready what has fallen due of one window: the word to publish now, if any, and the draft that people may use."""
    record.lock_head()
    planned = ScheduledMaintenance.objects.get(pk=planned_id)
    word = None
    for due in _due(planned, now):
        if due.act == Act.OVERRUN:
            for draft in planned.updates.drafts().filter(act=Act.DRAFT_LONGER):
                documents.discard(document=draft, actor=None, now=now, reason="it runs late already")
        update = _new(planned, due, now)
        word = word if due.act == Act.DRAFT_LONGER else update
    return word


def _due(planned: ScheduledMaintenance, now: datetime) -> list[Due]:
    window = windows.of(planned)
    if window is None or now < window.start - max(maintenance.REMIND_BEFORE):
        return []
    done = planned.updates.exclude(due_key=None).values_list("due_key", flat=True)
    trouble = any(map(windows.is_in_trouble, windows.expectations(planned)))
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


# --- The next of a series ------------------------------------------------------------------------


def announce_next(first_id: int, now: datetime) -> MaintenanceUpdate | None:
    """Make ready the announcement of the next window of recurring work, in the words of the first one."""
    record.lock_head()
    first = ScheduledMaintenance.objects.get(pk=first_id)
    dates = _next_of(first, now)
    if dates is None:
        return None
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
    return update


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
    near = next(((start, end) for start, end in coming if start - ANNOUNCED_AHEAD <= now), None)
    return None if near and _is_redacted(words) else near


def _is_redacted(words: MaintenanceUpdate) -> bool:
    """Words that were removed for ever are not said again: somebody plans the next one anew."""
    return RecordText.objects.filter(entry_id=words.record_seq).exclude(redacted_at=None).exists()


def _first_words(first: ScheduledMaintenance) -> MaintenanceUpdate:
    """The announcement that was signed for the whole series."""
    return MaintenanceUpdate.objects.filter(maintenance=first).published().order_by("record_seq")[0]
