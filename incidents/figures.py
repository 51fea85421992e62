"""Pure: figures of an incident, computed from its timestamps and its public words; and when its review is due.

No duration is ever typed: what was typed is when things happened, and a figure whose timestamps are missing is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from incidents.words import Impact

FIRST_WORD_TARGET = timedelta(minutes=15)


# --- Timestamps ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moments:
    """What happened when; None: not yet, or not known. In the order in which they usually come."""

    first_customer_impact: datetime | None = None
    detected: datetime | None = None
    aware: datetime | None = None
    executive_informed: datetime | None = None
    classified_major: datetime | None = None
    first_public_update: datetime | None = None
    identified: datetime | None = None
    mitigated: datetime | None = None
    resolved: datetime | None = None
    review_published: datetime | None = None

    def known(self) -> dict[str, datetime]:
        """Those that are known, by name: what the clocks take."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: moment for name, moment in values if moment is not None}


# The earlier one cannot come after the later one.
_IN_ORDER = (
    ("first_customer_impact", "mitigated"),
    ("first_customer_impact", "resolved"),
    ("detected", "aware"),
    ("detected", "identified"),
    ("detected", "resolved"),
    ("aware", "executive_informed"),
    ("aware", "classified_major"),
    ("first_public_update", "resolved"),
    ("mitigated", "resolved"),
    ("resolved", "review_published"),
)


def out_of_order(moments: Moments) -> list[tuple[str, str]]:
    """Pairs (earlier, later) whose typed times say the opposite; a figure made from them would be below zero."""
    known = moments.known()
    return [pair for pair in _IN_ORDER if all(name in known for name in pair) and known[pair[0]] > known[pair[1]]]


# --- Promises and silence ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One public update: when readers saw it, and by when it promised the next one."""

    at: datetime
    next_by: datetime | None = None


class PromiseState(StrEnum):
    KEPT = "kept"
    MISSED = "missed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Promise:
    """A promised next word. `kept_at` is when the next word came, in time or not."""

    made_at: datetime
    due_at: datetime
    kept_at: datetime | None
    state: PromiseState
    late: timedelta


def promises(words: Sequence[Word], *, now: datetime) -> list[Promise]:
    """Every promise of a next word, oldest first, with how late it was; one that is overdue is late until `now`."""
    ordered = sorted(words, key=lambda word: word.at)
    pairs = pairwise([*ordered, None])
    return [_promise(word.at, word.next_by, after.at if after else None, now) for word, after in pairs if word and word.next_by]


def _promise(made_at: datetime, due_at: datetime, kept_at: datetime | None, now: datetime) -> Promise:
    late = max((kept_at or now) - due_at, timedelta())
    in_time = PromiseState.KEPT if kept_at else PromiseState.OPEN
    return Promise(made_at, due_at, kept_at, PromiseState.MISSED if late else in_time, late)


def longest_silence(words: Sequence[Word], *, until: datetime) -> timedelta | None:
    """The longest time without a public word, from the first word until `until`: the end, or now while it is open.

    None before the first word: that time is the time to first word.
    """
    spoken = sorted(word.at for word in words if word.at <= until)
    if not spoken:
        return None
    return max(later - earlier for earlier, later in pairwise([*spoken, until]))


# --- Figures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """None: a timestamp is missing, or two are the wrong way round.

    `to_detect` and `to_restore` count from the first customer impact, `to_first_word` from detection: what we could not know
    nobody can tell. `impact_to_first_word` is what customers went through. `duration` runs on while the incident is open.
    """

    to_detect: timedelta | None
    to_aware: timedelta | None
    to_first_word: timedelta | None
    impact_to_first_word: timedelta | None
    to_identify: timedelta | None
    to_restore: timedelta | None
    duration: timedelta | None
    longest_silence: timedelta | None
    promises_made: int
    promises_kept: int
    promises_missed: int

    @property
    def first_word_in_time(self) -> bool | None:
        return None if self.to_first_word is None else self.to_first_word <= FIRST_WORD_TARGET


def derive(moments: Moments, words: Sequence[Word], *, now: datetime) -> Figures:
    """The figures of an incident, open or over."""
    began, over = moments.first_customer_impact, moments.resolved
    made = promises(words, now=over or now)
    states = [promise.state for promise in made]
    return Figures(
        to_detect=_between(began, moments.detected),
        to_aware=_between(began, moments.aware),
        to_first_word=_between(moments.detected or moments.aware, moments.first_public_update),
        impact_to_first_word=_between(began, moments.first_public_update),
        to_identify=_between(moments.detected, moments.identified),
        to_restore=_between(began, moments.mitigated or over),
        duration=_between(began, over or now),
        longest_silence=longest_silence(words, until=over or now),
        promises_made=len(made),
        promises_kept=states.count(PromiseState.KEPT),
        promises_missed=states.count(PromiseState.MISSED),
    )


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return end - start if start and end and start <= end else None


# --- The review ----------------------------------------------------------------------------------

REVIEW_DAYS: dict[str, int] = {
    Impact.CRITICAL: 3,
    Impact.MAJOR: 3,
    Impact.MINOR: 14,
    Impact.NONE: 14,
}
# Without a published review these are not closed.
REVIEW_REQUIRED = (Impact.CRITICAL.value, Impact.MAJOR.value)


class ReviewState(StrEnum):
    NOT_NEEDED = "not_needed"  # a false alarm
    NOT_STARTED = "not_started"  # not resolved yet
    DUE_BY = "due_by"
    OVERDUE = "overdue"  # said publicly
    CAUSE_DUE_BY = "cause_due_by"  # published with the cause not yet known, and a date for it
    CAUSE_OVERDUE = "cause_overdue"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Review:
    """Where the review of an incident stands. `due_at` is of the review, or of the cause it still owes."""

    state: ReviewState
    due_at: datetime | None


def review_due(*, resolved_at: datetime, impact: str, days: Mapping[str, int] = REVIEW_DAYS) -> datetime:
    """When the review is due: so many days of 24 hours after the end, by impact."""
    return resolved_at + timedelta(days=days[impact])


def review(
    *,
    resolved_at: datetime | None,
    impact: str,
    now: datetime,
    published_at: datetime | None = None,
    cause_known: bool = True,
    cause_due_at: datetime | None = None,
    false_alarm: bool = False,
    days: Mapping[str, int] = REVIEW_DAYS,
) -> Review:
    """The review's state. Published without a cause it owes one by `cause_due_at`, or at once where no date was named."""
    if published_at is not None:
        if cause_known:
            return Review(ReviewState.PUBLISHED, None)
        late = cause_due_at is None or now > cause_due_at
        return Review(ReviewState.CAUSE_OVERDUE if late else ReviewState.CAUSE_DUE_BY, cause_due_at)
    if false_alarm:
        return Review(ReviewState.NOT_NEEDED, None)
    if resolved_at is None:
        return Review(ReviewState.NOT_STARTED, None)
    due_at = review_due(resolved_at=resolved_at, impact=impact, days=days)
    return Review(ReviewState.OVERDUE if now > due_at else ReviewState.DUE_BY, due_at)


def may_close(found: Review, *, impact: str) -> bool:
    """May the incident be closed as to its review? A published one is enough, though it may still owe the cause."""
    published = found.state in (ReviewState.PUBLISHED, ReviewState.CAUSE_DUE_BY, ReviewState.CAUSE_OVERDUE)
    return published or found.state == ReviewState.NOT_NEEDED or impact not in REVIEW_REQUIRED
