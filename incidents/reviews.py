"""Pure: what a review must hold before it is public. When it is due: incidents.figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from incidents import gates
from incidents.blockers import Blocker
from incidents.policy import Gate
from incidents.words import IncidentStatus


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that will keep it from coming back: what, who answers for it, by when ("" or not a day: not said)."""

    what: Mapping[str, str]
    owner: Mapping[str, str]
    by: str


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """All that is looked at. Texts hold every configured language, the missing ones as "".

    `cause_due_at`: when more is said of a cause that is not yet known. `is_public`: its incident has public words.
    """

    incident_status: str
    is_public: bool
    cause_known: bool
    cause_due_at: datetime | None
    cause: Mapping[str, str]
    measures: Mapping[str, str]
    apology: Mapping[str, str]
    now: datetime
    compensation: Mapping[str, str] = field(default_factory=dict)
    prevention: Sequence[Measure] = ()


def blockers(facts: ReviewFacts) -> list[Blocker]:
    """Everything that its own content still lacks; signature and draft are asked of every document alike."""
    return [
        *_incident(facts),
        *_cause(facts),
        *gates.language_blockers({"measures": facts.measures, "apology": facts.apology, **_if_begun(facts)}),
        *_prevention(facts.prevention),
    ]


def _incident(facts: ReviewFacts) -> list[Blocker]:
    if not facts.is_public:
        return [Blocker("not_public", "incident", "The incident is not public: there is nothing to review in public.")]
    if facts.incident_status not in IncidentStatus.closed():
        return [Blocker("not_resolved", "incident", "The incident is not resolved yet: publish its review afterwards.")]
    return []


def _cause(facts: ReviewFacts) -> list[Blocker]:
    """The cause, or that it is not yet known and when more is said of it."""
    if facts.cause_known:
        return gates.language_blockers({"cause": facts.cause})
    if facts.cause_due_at is None:
        return [
            Blocker(
                "cause_date_missing", "cause_due_at", "The cause is not yet known: say by when you will say more.", Gate.CAUSE
            )
        ]
    if facts.cause_due_at <= facts.now:
        return [Blocker("cause_date_past", "cause_due_at", "That time has passed: name a later one, or the cause.", Gate.CAUSE)]
    return []


def _if_begun(facts: ReviewFacts) -> dict[str, Mapping[str, str]]:
    """Texts that may be left out, but not half written."""
    return {
        name: text
        for name, text in (("compensation", facts.compensation), ("cause", {} if facts.cause_known else facts.cause))
        if any(words.strip() for words in text.values())
    }


def _prevention(items: Sequence[Measure]) -> Iterable[Blocker]:
    if not items:
        yield Blocker(
            "prevention_missing", "prevention", "Name at least one thing that will keep it from coming back.", Gate.PREVENTION
        )
    for number, item in enumerate(items, 1):
        where = f"prevention.{number}"
        yield from gates.language_blockers({f"{where}.what": item.what, f"{where}.owner": item.owner})
        if not _is_day(item.by):
            yield Blocker(
                "prevention_date_missing",
                f"{where}.by",
                f"Say by which day number {number} is done, as 2026-12-01.",
                Gate.PREVENTION,
            )


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
