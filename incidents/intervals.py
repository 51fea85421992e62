"""The intervals of shown status, read from the record's status changes in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery

from incidents import periods
from incidents.models import AffectedComponent, Component, Incident, StatusChange
from incidents.uptime import Interval
from incidents.words import Publication, StatusSource


def shown(*, components: Iterable[Component], start: datetime, end: datetime) -> dict[int, list[Interval]]:
    """What each component showed between two moments, by primary key, oldest first, cut at the end.

    An interval begins when the trouble did, as far as probes or people could date it, but never before the change before it was
    recorded: what was once shown for a time is not taken back. Before a component existed, or its history begins, there is
    nothing. What was written down after it was over lies over it: where intervals overlap, the worst counts. Four queries, or
    five.
    """
    wanted = list(components)
    known = Component.objects.filter(pk__in=[component.pk for component in wanted])
    of_component = StatusChange.objects.filter(component=OuterRef("pk"))
    rows = [
        # In force when the period began.
        *_one_each(known, of_component.filter(at__lt=start).order_by("-record_seq")),
        *StatusChange.objects.filter(component__in=wanted, at__gte=start, at__lt=end).order_by("record_seq"),
        # Recorded after the period, but it may have begun inside; it also tells what was shown before it.
        *_one_each(known, of_component.filter(at__gte=end).order_by("record_seq")),
    ]
    changes: defaultdict[int, list[StatusChange]] = defaultdict(list)
    for change in rows:
        changes[change.component_id].append(change)
    later = _written_later(wanted, start, end)
    return {
        component.pk: _within(
            _in_its_history(component, [*_intervals(component, changes[component.pk]), *later[component.pk]]), start, end
        )
        for component in wanted
    }


def _written_later(components: list[Component], start: datetime, end: datetime) -> defaultdict[int, list[Interval]]:
    """What incidents that were backfilled say of components, by primary key."""
    found: defaultdict[int, list[Interval]] = defaultdict(list)
    backfilled = Incident.objects.filter(backfilled=True, withdrawn_at=None, started_at__lt=end, resolved_at__gt=start)
    incidents = list(backfilled.values_list("pk", flat=True))  # few or none: never through all that was ever said
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


def _one_each(components: QuerySet[Component], changes: QuerySet[StatusChange]) -> QuerySet[StatusChange]:
    """The first of these changes of every component."""
    return StatusChange.objects.filter(pk__in=components.values(picked=Subquery(changes.values("pk")[:1])))


def _intervals(component: Component, changes: list[StatusChange]) -> list[Interval]:
    if not changes:
        return [Interval(component.status, component.created_at)]
    starts = _starts(changes)
    before = Interval(changes[0].old_status, min(component.created_at, starts[0]), starts[0])
    spans = pairwise([*starts, None])
    return [before, *(_interval(change, *span) for change, span in zip(changes, spans, strict=True))]


def _interval(change: StatusChange, begin: datetime | None, finish: datetime | None) -> Interval:
    assert begin is not None
    return Interval(change.new_status, begin, finish, planned=change.source == StatusSource.MAINTENANCE)


def _starts(changes: list[StatusChange]) -> list[datetime]:
    """When each change began: as dated, between the moment the one before it was recorded and its own."""
    first, *_ = changes
    starts = [min(first.since, first.at)]
    starts += [max(min(change.since, change.at), earlier.at) for earlier, change in pairwise(changes)]
    return starts


def _within(pieces: list[Interval], start: datetime, end: datetime) -> list[Interval]:
    """Those that reach into the period, cut at its end: what came after it was not looked up."""
    cut = [replace(piece, end=min(piece.end or end, end)) for piece in pieces]
    reaching = [piece for piece in cut if piece.end and piece.end > max(start, piece.start)]
    return sorted(reaching, key=lambda piece: piece.start)
