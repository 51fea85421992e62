"""Changes of status since a moment, kept in this process: each is appended with its entry of the record, and never edited.

The page tells 90 days of all services each time it is made; kept here, only what the record added is read. One reading is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern

from django.db.models import OuterRef, QuerySet, Subquery

from incidents.models import Component, RecordEntry, RecordHead, StatusChange


@dataclass(frozen=True, slots=True)
class Change:
    """What a row of StatusChange tells, in a tenth of its room."""

    old_status: str
    new_status: str
    source: str
    at: datetime
    since: datetime


Changes = Mapping[int, tuple[Change, ...]]  # of each component, by primary key, in the order of the record


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was true at this entry of the record."""

    start: datetime
    seq: int
    hash: str
    changes: Changes


_last: list[_Reading] = []


def since(start: datetime, *, head: RecordHead) -> Changes:
    """Of every component: the change in force when `start` came, and all after it up to the record's `head`. A component's are
    the same object until one is added. Two queries."""
    known = _last[0] if _last else None
    changes = _gone_on(known, head) if known and known.start == start else None
    if changes is None:
        rows = StatusChange.objects.filter(record_seq__lte=head.seq)
        begun = one_each(Component.objects.all(), rows.filter(at__lt=start).order_by("-record_seq"))
        changes = by_component(begun, rows.filter(at__gte=start))
    _last[:] = [_Reading(start, head.seq, head.hash, changes)]
    return changes


def _gone_on(known: _Reading, head: RecordHead) -> Changes | None:
    """What was read, with what was added; None where this is another record, or a clock went back to before the start."""
    if known.seq == head.seq:
        return known.changes if known.hash == head.hash else None
    if not RecordEntry.objects.filter(seq=known.seq, hash=known.hash, seq__lte=head.seq).exists():
        return None
    added = by_component(StatusChange.objects.filter(record_seq__gt=known.seq, record_seq__lte=head.seq))
    if any(change.at < known.start for changes in added.values() for change in changes):
        return None
    return {**known.changes, **{pk: (*known.changes.get(pk, ()), *new) for pk, new in added.items()}}


def one_each(components: QuerySet[Component], changes: QuerySet[StatusChange]) -> QuerySet[StatusChange]:
    """The first of these changes of every component."""
    picked = changes.filter(component=OuterRef("pk")).values("pk")[:1]
    return StatusChange.objects.filter(pk__in=components.values(picked=Subquery(picked)))


def by_component(*rows: QuerySet[StatusChange]) -> Changes:
    """These rows, in the order of the record within each of them."""
    found: defaultdict[int, list[Change]] = defaultdict(list)
    for some in rows:
        told = some.order_by("record_seq").values_list("component_id", "old_status", "new_status", "source", "at", "since")
        for pk, old, new, source, at, since in told:
            found[pk].append(Change(intern(old), intern(new), intern(source), at, since))
    return {pk: tuple(changes) for pk, changes in found.items()}
