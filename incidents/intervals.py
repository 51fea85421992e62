"""The intervals of shown status, read from the record's status changes in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.conf import settings

from incidents import kept_changes, periods
from incidents.kept_changes import Change, Changes
from incidents.models import AffectedComponent, Component, Incident, RecordHead, StatusChange
from incidents.once import per_object
from incidents.uptime import Interval
from incidents.words import Publication, StatusSource


def shown(
    *, components: Iterable[Component], start: datetime, end: datetime, head: RecordHead | None = None
) -> dict[int, list[Interval]]:
    """What each component showed between two moments, by primary key, oldest first, cut at the end.

    An interval begins when the trouble did, as far as probes or people could date it, but never before the change before it was
    recorded: what was once shown for a time is not taken back. Before a component existed, or its history begins, there is
    nothing. What was written down after it was over lies over it: where intervals overlap, the worst counts. Four queries, or
    five. `head`, the record's as it was read in the same moment: what this process knows of it already is not read again.
    """
    wanted = list(components)
    changes = _until(end, kept_changes.since(start, head=head)) if head else _changes(wanted, start, end)
    later = _written_later(wanted, start, end)
    return {
        component.pk: _within(
            _in_its_history(component, [*_intervals(component, changes.get(component.pk, ())), *later[component.pk]]), start, end
        )
        for component in wanted
    }


def _changes(components: Sequence[Component], start: datetime, end: datetime) -> Changes:
    known = Component.objects.filter(pk__in=[component.pk for component in components])
    # In force when the period began.
    begun = kept_changes.one_each(known, StatusChange.objects.filter(at__lt=start).order_by("-record_seq"))
    within = StatusChange.objects.filter(component__in=components, at__gte=start, at__lt=end)
    # Recorded after the period, but it may have begun inside; it also tells what was shown before it.
    after = kept_changes.one_each(known, StatusChange.objects.filter(at__gte=end).order_by("record_seq"))
    return kept_changes.by_component(begun, within, after)


def _until(end: datetime, changes: Changes) -> Changes:
    """Of what was recorded after the end, the first alone."""
    return {pk: _first_after(end, own) if any(change.at >= end for change in own) else own for pk, own in changes.items()}


def _first_after(end: datetime, changes: Sequence[Change]) -> tuple[Change, ...]:
    after = [change for change in changes if change.at >= end]
    return (*(change for change in changes if change.at < end), *after[:1])


def _written_later(components: list[Component], start: datetime, end: datetime) -> defaultdict[int, list[Interval]]:
    """What incidents that were backfilled say of components, by primary key."""
    found: defaultdict[int, list[Interval]] = defaultdict(list)
    backfilled = Incident.objects.filter(backfilled=True, withdrawn_at=None, started_at__lt=end, resolved_at__gt=start)
    # Few or none, and found by their end: never through all that was ever said.
    incidents = list(backfilled.order_by().values_list("pk", flat=True))
    if not incidents:
        return found
    rows = AffectedComponent.objects.filter(
        component__in=components, update__publication=Publication.PUBLISHED, update__incident__in=incidents
    )
    for pk, status, began, over in rows.values_list(
        "component", "new_status", "update__incident__started_at", "update__incident__resolved_at"
    ):
        found[pk].append(Interval(status, began, over))
    return found


def _in_its_history(component: Component, pieces: list[Interval]) -> list[Interval]:
    """Without what lies before the day its history begins, where a day is named."""
    if component.start_date is None:
        return pieces
    first = periods.midnight(component.start_date, ZoneInfo(settings.PAGE_TIME_ZONE))
    return [replace(piece, start=max(piece.start, first)) for piece in pieces if piece.end is None or piece.end > first]


def _intervals(component: Component, changes: tuple[Change, ...]) -> tuple[Interval, ...]:
    if not changes:
        return (Interval(component.status, component.created_at),)
    return _as_changed(changes, component.created_at)


@per_object
def _as_changed(changes: tuple[Change, ...], created_at: datetime) -> tuple[Interval, ...]:
    starts = _starts(changes)
    before = Interval(changes[0].old_status, min(created_at, starts[0]), starts[0])
    spans = pairwise([*starts, None])
    return (before, *(_interval(change, *span) for change, span in zip(changes, spans, strict=True)))


def _interval(change: Change, begin: datetime | None, finish: datetime | None) -> Interval:
    assert begin is not None
    return Interval(change.new_status, begin, finish, planned=change.source == StatusSource.MAINTENANCE)


def _starts(changes: Sequence[Change]) -> list[datetime]:
    """When each change began: as dated, between the moment the one before it was recorded and its own."""
    first, *_ = changes
    starts = [min(first.since, first.at)]
    starts += [max(min(change.since, change.at), earlier.at) for earlier, change in pairwise(changes)]
    return starts


def _within(pieces: list[Interval], start: datetime, end: datetime) -> list[Interval]:
    """Those that reach into the period, cut at its end: what came after it was not looked up."""
    cut = [piece if piece.end and piece.end <= end else replace(piece, end=end) for piece in pieces]
    reaching = [piece for piece in cut if piece.end and piece.end > max(start, piece.start)]
    return sorted(reaching, key=lambda piece: piece.start)
