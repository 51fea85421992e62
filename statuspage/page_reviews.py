"""The review of an incident as the public may know it: where it stands, and each version that was published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from incidents import closing, figures
from incidents.facts import Text
from incidents.figures import ReviewState
from incidents.languages import to_read
from incidents.models import Incident, Review
from incidents.words import Publication

LATE = (ReviewState.OVERDUE, ReviewState.CAUSE_OVERDUE)


@dataclass(frozen=True, slots=True)
class Prevention:
    """One thing that will keep it from coming back. `by` None: no day was named."""

    what: Text
    owner: Text
    by: date | None


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """One version. `cause_due_at`: when more is said of a cause that is not yet known."""

    public_id: str
    published_at: datetime
    record_seq: int
    cause_known: bool
    cause_due_at: datetime | None
    cause: Text
    measures: Text
    prevention: tuple[Prevention, ...]
    apology: Text
    compensation: Text
    deliver_notifications: bool


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Where an incident's review stands; `due_at` is of the review, or of the cause it still owes. Versions: newest first.
    `first_by_hand`: when it was first public, where a person set that."""

    state: ReviewState
    due_at: datetime | None
    versions: tuple[ReviewFacts, ...]
    first_by_hand: datetime | None = None

    @property
    def now(self) -> ReviewFacts | None:
        return self.versions[0] if self.versions else None

    @property
    def earlier(self) -> tuple[ReviewFacts, ...]:
        return self.versions[1:]

    @property
    def is_late(self) -> bool:
        return self.state in LATE


NOTHING_OWED = Reviewed(ReviewState.NOT_NEEDED, None, ())


def reviewed(incidents: Iterable[Incident], *, now: datetime) -> dict[str, Reviewed]:
    """By public id. What was closed for good without a review owes none. Two queries."""
    rows = list(incidents)
    versions: defaultdict[int, list[ReviewFacts]] = defaultdict(list)
    published = Review.objects.filter(incident__in=rows, publication=Publication.PUBLISHED)
    for row in published.order_by("-record_seq"):
        versions[row.incident_id].append(_facts(row))
    states = closing.review_states(rows, now=now)
    return {
        incident.public_id: NOTHING_OWED
        if _is_settled(incident, states[incident.pk])
        else Reviewed(
            states[incident.pk].state,
            states[incident.pk].due_at,
            tuple(versions[incident.pk]),
            incident.review_published_at if versions[incident.pk] else None,
        )
        for incident in rows
    }


def published_of(incidents: Iterable[str]) -> set[str]:
    """Those of these incidents (public ids) whose review is public. One query."""
    published = Review.objects.filter(incident__public_id__in=list(incidents), publication=Publication.PUBLISHED)
    return set(published.values_list("incident__public_id", flat=True))


def count_late(incidents: Iterable[Incident], *, now: datetime) -> int:
    """Of how many of these a review, or the cause it owes, is overdue. One query."""
    rows = list(incidents)
    states = closing.review_states(rows, now=now)
    return sum(not _is_settled(incident, states[incident.pk]) and states[incident.pk].state in LATE for incident in rows)


def _is_settled(incident: Incident, found: figures.Review) -> bool:
    return incident.closed_at is not None and found.state in (ReviewState.DUE_BY, ReviewState.OVERDUE)


def _facts(row: Review) -> ReviewFacts:
    assert row.published_at is not None
    assert row.record_seq is not None
    return ReviewFacts(
        public_id=row.public_id,
        published_at=row.published_at,
        record_seq=row.record_seq,
        cause_known=row.cause_known,
        cause_due_at=row.cause_due_at,
        cause=to_read(row.cause),
        measures=to_read(row.measures),
        prevention=tuple(map(_prevention, row.prevention)),
        apology=to_read(row.apology),
        compensation=to_read(row.compensation),
        deliver_notifications=row.deliver_notifications,
    )


def _prevention(item: Mapping[str, Any]) -> Prevention:
    by = item.get("by")
    return Prevention(
        what=to_read(item.get("what", {})),
        owner=to_read(item.get("owner", {})),
        by=date.fromisoformat(by) if by else None,
    )
