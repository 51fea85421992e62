"""What a deployment may choose about the rules of publishing: the names of the gates, read before anything else is.

No Django here: it is read while Django is being set up.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Gate(StrEnum):
    """A rule that a deployment may switch off. Whatever passes where it would have blocked says so in the record."""

    LANGUAGES = "languages"
    BANNED_PHRASES = "banned_phrases"
    LOCKED_PHRASES = "locked_phrases"
    MAINTENANCE_WORD = "maintenance_word"
    COMPONENTS = "components"
    MONITORING = "monitoring"
    PROBES = "probes"
    PROMISE = "promise"
    SIGNATURE = "signature"
    STATEMENT = "statement"
    REVIEW = "review"
    STATEMENT_WORDS = "statement_words"
    STATEMENT_SCOPE = "statement_scope"
    STATEMENT_GROUND = "statement_ground"
    CLAIM = "claim"
    PRIVATE_NUMBERS = "private_numbers"
    FACT_FIRST = "fact_first"
    LENGTHS = "lengths"
    EVIDENCE = "evidence"
    LAWYERS = "lawyers"
    SPOKESPERSON = "spokesperson"
    ANSWER_REVIEW = "answer_review"
    CAUSE = "cause"
    PREVENTION = "prevention"


# What is lost with each, for the people who switch it off.
WITHOUT: dict[Gate, str] = {
    Gate.LANGUAGES: "words may go out in one language only",
    Gate.BANNED_PHRASES: "promises that nobody can keep may go out",
    Gate.LOCKED_PHRASES: "promises about money may go out without an engineer's tick",
    Gate.MAINTENANCE_WORD: "an outage may be called maintenance",
    Gate.COMPONENTS: "words may go out that name no service",
    Gate.MONITORING: "an incident may be called resolved without having been watched",
    Gate.PROBES: "better may be said than probes see, without a reason",
    Gate.PROMISE: "words may go out that promise no next time",
    Gate.SIGNATURE: "one person may publish any words alone",
    Gate.STATEMENT: "an incident may be closed without a word on data and funds",
    Gate.REVIEW: "an incident may be closed without cause and measures",
    Gate.STATEMENT_WORDS: "a statement on data or funds may say more than its level permits",
    Gate.STATEMENT_SCOPE: "a statement on data or funds need not say what it is about",
    Gate.STATEMENT_GROUND: "a statement on data or funds may claim what nobody checked",
    Gate.CLAIM: "a claim may be answered without its words, or where and when it was seen",
    Gate.PRIVATE_NUMBERS: "a claim may be quoted with people's numbers in it",
    Gate.FACT_FIRST: "an answer's headline may repeat the claim, or only deny it",
    Gate.LENGTHS: "headlines and short forms may be cut off where they are read",
    Gate.EVIDENCE: "claims may be answered without whole evidence",
    Gate.LAWYERS: "an answer may speak of laws that no lawyer has read",
    Gate.SPOKESPERSON: "an answer may name nobody who speaks for us, or somebody who may not",
    Gate.ANSWER_REVIEW: "nobody need look at an answer again within 90 days",
    Gate.CAUSE: "a review may leave out the cause without a date for it",
    Gate.PREVENTION: "a review may name nothing that keeps it from coming back, or no day for it",
}

# What no policy switches off, by its blocker's code: the words could not be shown, or the record would hold nonsense.
NEVER_OFF: dict[str, str] = {
    "not_a_draft": "it is public already, or discarded",
    "slot_left": "a slot like {since} was not filled",
    "internal_component": "an internal service is never public",
    "incident_closed": "a closed incident speaks no more, but within a day of its end",
    "not_operational": "the last word leaves a service in trouble",
    "not_resolved": "the incident goes on: it has no end to review, and is not closed",
    "not_public": "what it speaks of is not public",
    "gone": "the incident was merged or withdrawn",
    "withdrawn": "it is withdrawn already",
    "nothing_to_correct": "a correction changes nothing, or what was never said",
    "not_approved": "an answer has not been by the lawyers yet",
    "verdict_missing": "an answer has no verdict to show",
    "short_form_unknown": "an answer has a short form that nothing sends",
    "as_of_missing": "a statement has no time at which it was true",
    "not_announced": "work was not announced beforehand: the database refuses it too",
    "maintenance_over": "the work is over",
    "phase_order": "work does not go from this phase to that",
    "outside_window": "this is not the announced time",
    "not_scheduled": "work that has begun gets no new date",
    "start_past": "the start has passed",
    "end_before_start": "the end lies before the start",
    "end_past": "the end has passed: nobody would see it",
    "rule_form": "the rule of recurring work cannot be read",
    "rule_never": "the rule never comes about",
    "rule_overlaps": "the next window would begin before this one ends",
    "notice_is_statement": "the notice is no update: it appears by itself",
    "notice_unsigned": "the notice is not signed",
    "record_held": "the record ends before what readers have seen: docs/operations.md",
}


def parse_gates(names: Iterable[str]) -> frozenset[Gate]:
    """Gates by their names. Raises ValueError for a name that is none of them."""
    wanted = {name.strip() for name in names} - {""}
    if unknown := sorted(wanted - set(Gate)):
        raise ValueError(f"there is no gate {', '.join(unknown)}: give names of {', '.join(Gate)}")
    return frozenset(Gate(name) for name in wanted)
