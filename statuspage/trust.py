"""Pure: what our own words were worth: how soon the first one came, and how many promised ones came in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from incidents import figures
from incidents.facts import IncidentFacts
from incidents.figures import PromiseState, Word


@dataclass(frozen=True, slots=True)
class Spoken:
    """One problem: when customers first noticed it, our words, when it was over. Of one written down later no word was late."""

    began_at: datetime
    first_word_at: datetime
    over_at: datetime | None
    backfilled: bool
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """`first_word` is the median from the first customer impact; None where there was no problem."""

    problems: int
    first_word: timedelta | None
    promises_made: int
    promises_kept: int
    reviews_overdue: int


def spoken_in(incident: IncidentFacts) -> Spoken:
    words = tuple(Word(update.display_at, update.next_update_by) for update in incident.updates)
    over_at = None if incident.is_open else incident.resolved_at
    return Spoken(incident.started_at, incident.first_word_at, over_at, incident.backfilled, words)


def measure(spoken: Iterable[Spoken], *, now: datetime, reviews_overdue: int) -> Trust:
    """A promise that is still open counts neither as kept nor as made."""
    every = list(spoken)
    at_the_time = [one for one in every if not one.backfilled]
    first_words = [max((one.first_word_at - one.began_at).total_seconds(), 0.0) for one in at_the_time]
    states = [promise.state for one in at_the_time for promise in figures.promises(one.words, now=one.over_at or now)]
    return Trust(
        problems=len(every),
        first_word=timedelta(seconds=median(first_words)) if first_words else None,
        promises_made=sum(state != PromiseState.OPEN for state in states),
        promises_kept=states.count(PromiseState.KEPT),
        reviews_overdue=reviews_overdue,
    )
