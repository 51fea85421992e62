"""The pages of our answers to claims: one each, and the list of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents import corrections, rebuttals
from incidents.facts import Text
from incidents.languages import to_read
from incidents.models import Incident
from incidents.rebuttals import ReviewState
from statuspage import answers, clock_words
from statuspage.answers import Answer


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """One answer with its earlier versions. `incident`: (public id, name) of the problem it is about. `is_overdue`: the day on
    which we wanted to look at it again has passed."""

    answer: Answer
    incident: tuple[str, Text] | None
    is_overdue: bool


def build_answers(now: datetime, found: Sequence[Answer] | None = None) -> tuple[AnswerPage, ...]:
    """Every public answer, the one that changed last first. Four queries; fewer where they are `found` already."""
    found = answers.answers() if found is None else found
    if not found:
        return ()
    about = {answer.now.incident for answer in found if answer.now.incident}
    named = Incident.objects.published().filter(public_id__in=about).values_list("public_id", "name")
    names = dict(named) | corrections.names(about)
    today = now.astimezone(clock_words.zone()).date()
    return tuple(
        AnswerPage(
            answer=answer,
            incident=(answer.now.incident, to_read(names[answer.now.incident])) if answer.now.incident in names else None,
            is_overdue=answer.taken_back is None
            and rebuttals.review_state(answer.now.review_date, today=today) == ReviewState.OVERDUE,
        )
        for answer in found
    )
