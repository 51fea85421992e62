"""Pure: our answers to false claims, from the first sight of a claim to its last review.

The fact comes first, the claim is named once, beneath it. What is true is said beside what is false: a bare “no” leaves the story
in place. A claim that few have seen is logged and prepared for, not answered: answering would carry it further.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from incidents import phrases
from incidents.blockers import Blocker
from incidents.policy import Gate

HEADLINE_LENGTH = 90
REVIEW_WITHIN = timedelta(days=90)
REVIEW_SOON = timedelta(days=7)
# The same answer in fewer letters, each with what it may hold: SMS, USSD menu, post, card to forward, the call centre's script.
SHORT_FORMS: dict[str, int] = {"sms": 160, "ussd": 160, "post": 280, "card": 500, "script": 2000}
MEDIA = ("statement", "interview", "broadcast", "post")  # where the spokesperson said it
Text = Mapping[str, str]


class Verdict(StrEnum):
    FALSE = "false"
    MISLEADING = "misleading"
    PARTLY_TRUE = "partly_true"
    UNPROVEN = "unproven"
    TRUE = "true"


VERDICTS: dict[Verdict, tuple[Text, Text]] = {
    Verdict.FALSE: (
        {"en": "False", "sw": "Si kweli"},
        {"en": "What it says did not happen or is not so.", "sw": "Yanayosemwa hayakutokea au si hivyo."},
    ),
    Verdict.MISLEADING: (
        {"en": "Misleading", "sw": "Inapotosha"},
        {
            "en": "It uses something true to suggest something that is not.",
            "sw": "Inatumia jambo la kweli kuonyesha jambo lisilo kweli.",
        },
    ),
    Verdict.PARTLY_TRUE: (
        {"en": "Partly true", "sw": "Ni kweli kwa sehemu"},
        {"en": "Some of it is so, some of it is not.", "sw": "Sehemu ni kweli, sehemu si kweli."},
    ),
    Verdict.UNPROVEN: (
        {"en": "Unproven", "sw": "Haijathibitishwa"},
        {"en": "Nobody has shown that it is so, nor that it is not.", "sw": "Hakuna aliyethibitisha kuwa ni kweli au si kweli."},
    ),
    Verdict.TRUE: (
        {"en": "True", "sw": "Ni kweli"},
        {"en": "It is so.", "sw": "Ni hivyo."},
    ),
}
_NEEDS_BOTH_SIDES = (Verdict.FALSE, Verdict.MISLEADING)


class State(StrEnum):
    LOGGED = "logged"
    ASSESSING = "assessing"
    DRAFTING = "drafting"
    LEGAL = "legal"
    APPROVED = "approved"
    PUBLISHED = "published"
    UNDER_REVIEW = "under_review"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    DROPPED = "dropped"  # never published: too little reach, or nothing to answer


# From each state to the next. A public answer is never unmade: it is updated (a new version) or withdrawn, visibly.
STEPS: dict[State, tuple[State, ...]] = {
    State.LOGGED: (State.ASSESSING, State.DROPPED),
    State.ASSESSING: (State.DRAFTING, State.LOGGED, State.DROPPED),
    State.DRAFTING: (State.LEGAL, State.ASSESSING, State.DROPPED),
    State.LEGAL: (State.APPROVED, State.DRAFTING),
    State.APPROVED: (State.PUBLISHED, State.DRAFTING),
    State.PUBLISHED: (State.UNDER_REVIEW, State.WITHDRAWN),
    State.UPDATED: (State.UNDER_REVIEW, State.WITHDRAWN),
    State.UNDER_REVIEW: (State.UPDATED, State.PUBLISHED, State.WITHDRAWN),
    State.WITHDRAWN: (),
    State.DROPPED: (State.LOGGED,),
}
PUBLIC = (State.PUBLISHED, State.UPDATED, State.UNDER_REVIEW, State.WITHDRAWN)


# --- What an answer is made of -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim as it circulates: word for word, in its own language, with where and when it was first seen."""

    quote: str
    language: str
    where: Text
    first_seen: date | None
    copies: tuple[str, ...] = ()
    reach: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document, an extract of a log, a page of a supervisor: what it is, from when, and who of us verified it."""

    what: Text
    dated: date | None
    verified_by: str


@dataclass(frozen=True, slots=True)
class Corroboration:
    """Another body that says the same: who, what they said, when, where to read it, and when we last looked.

    `reachable` False: the page is gone; the quote stays, marked so.
    """

    body: str
    said: Text
    dated: date | None
    link: str
    checked_on: date | None
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """An act and section, what it forbids or requires, and the lawyer who read our words about it."""

    act: str
    section: str
    says: Text
    link: str
    read_by: str


@dataclass(frozen=True, slots=True)
class Rebuttal:
    """Our answer. Texts hold every configured language, the missing ones as ""."""

    fact_headline: Text
    claim: Claim
    verdict: Verdict | None
    what_is_false: Text
    what_is_true: Text
    why_it_spread: Text
    evidence: tuple[Evidence, ...] = ()
    corroborations: tuple[Corroboration, ...] = ()
    spokesperson: str = ""
    spokesperson_role: Text = field(default_factory=dict)
    spoke_at: date | None = None
    spoke_in: str = ""
    legal_basis: tuple[LegalBasis, ...] = ()
    short_forms: Mapping[str, Text] = field(default_factory=dict)
    review_date: date | None = None
    author: str = ""
    approver: str = ""


# --- Steps ---------------------------------------------------------------------------------------


def may_step(before: State, after: State) -> bool:
    return after in STEPS[before]


def blockers(
    rebuttal: Rebuttal, *, to: State, today: date, languages: Sequence[str], signatories: Sequence[str] = ()
) -> list[Blocker]:
    """What forbids the step to `to`; empty: it may be taken. `signatories`: who may speak for us (empty: not checked).

    Logging needs the claim only; legal needs the answer; approval and all that is public need everything.
    """
    if to in (State.LOGGED, State.DROPPED, State.WITHDRAWN):
        return []
    found = _claim(rebuttal.claim, languages)
    if to in (State.LEGAL, State.APPROVED, State.PUBLISHED, State.UPDATED):
        found += [
            *_headline(rebuttal, languages),
            *_answer(rebuttal, languages),
            *_wording(rebuttal),
            *_proof(rebuttal, languages),
            *_short_forms(rebuttal, languages),
        ]
    if to in (State.APPROVED, State.PUBLISHED, State.UPDATED):
        found += [*_law(rebuttal), *_people(rebuttal, signatories, languages), *_review(rebuttal, today)]
    return found


def _claim(claim: Claim, languages: Sequence[str]) -> list[Blocker]:
    found = []
    if not claim.quote.strip():
        found.append(Blocker("quote_missing", "claim.quote", "Copy the claim word for word.", Gate.CLAIM))
    if not re.fullmatch("[a-z]{2,3}", claim.language) or not _in_all(claim.where, languages) or claim.first_seen is None:
        message = "Say in which language (its code: en, sw, luo), where and when it was first seen."
        found.append(Blocker("sighting_missing", "claim.where", message, Gate.CLAIM))
    if _PRIVATE_NUMBER.search(claim.quote):
        message = "Take out the private number: the claim is quoted, not the person who passed it on."
        found.append(Blocker("private_number", "claim.quote", message, Gate.PRIVATE_NUMBERS))
    return found


def _in_all(text: Text, languages: Sequence[str]) -> bool:
    return all(text.get(code, "").strip() for code in languages)


# Seven digits or more with their usual spaces, hyphens and brackets: a telephone, card or identity number.
_PRIVATE_NUMBER = re.compile(r"(?:\d[\s().\-]{0,2}){6,}\d")


def _headline(rebuttal: Rebuttal, languages: Sequence[str]) -> list[Blocker]:
    found = []
    for code in languages:
        headline, where = rebuttal.fact_headline.get(code, "").strip(), f"fact_headline.{code}"
        if not headline:
            found.append(Blocker("language_missing", where, f"The headline is missing in “{code}”: write it.", Gate.LANGUAGES))
        elif len(headline) > HEADLINE_LENGTH:
            found.append(Blocker("headline_long", where, f"{len(headline)} characters: at most {HEADLINE_LENGTH}.", Gate.LENGTHS))
        elif _denies(headline):
            message = "State the fact, not the claim with a “no” before it: readers remember the claim."
            found.append(Blocker("headline_denies", where, message, Gate.FACT_FIRST))
        elif _repeats(headline, rebuttal.claim.quote):
            found.append(
                Blocker(
                    "headline_repeats_claim", where, "The claim has no place in the headline: state the fact.", Gate.FACT_FIRST
                )
            )
    return found


_DENIAL = re.compile(
    r"(?<!\w)(?:false|fake|rumou?rs?|hoax|myth|untrue|not true|no truth|si kweli|uongo|uwongo|uvumi)(?!\w)|^(?:no|hapana)[,: ]"
)


def _denies(headline: str) -> bool:
    return _DENIAL.search(headline.casefold()) is not None


def _repeats(headline: str, quote: str) -> bool:
    """Does the headline hold five words of the claim in a row, or all of a shorter one?"""
    said, claimed = _words(headline), _words(quote)
    length = min(5, len(claimed))
    runs = {tuple(said[place : place + length]) for place in range(len(said) - length + 1)}
    return length >= 3 and any(tuple(claimed[place : place + length]) in runs for place in range(len(claimed) - length + 1))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _answer(rebuttal: Rebuttal, languages: Sequence[str]) -> list[Blocker]:
    if rebuttal.verdict is None:
        return [Blocker("verdict_missing", "verdict", "Choose the verdict; its definition is published with it.")]
    required = {"what_is_true": rebuttal.what_is_true}
    if rebuttal.verdict in _NEEDS_BOTH_SIDES:
        required |= {"what_is_false": rebuttal.what_is_false, "why_it_spread": rebuttal.why_it_spread}
    if rebuttal.verdict == Verdict.PARTLY_TRUE:
        required["what_is_false"] = rebuttal.what_is_false
    return [
        Blocker(
            "language_missing",
            f"{name}.{code}",
            f"{name.replace('_', ' ').capitalize()} is missing in “{code}”: write it.",
            Gate.LANGUAGES,
        )
        for name, texts in required.items()
        for code in languages
        if not texts.get(code, "").strip()
    ]


def _wording(rebuttal: Rebuttal) -> list[Blocker]:
    """Our own words, not the claim's: a slogan about safety, or a law without the deed, feeds the next rumour."""
    ours = {
        "fact_headline": rebuttal.fact_headline,
        "what_is_true": rebuttal.what_is_true,
        "what_is_false": rebuttal.what_is_false,
        "why_it_spread": rebuttal.why_it_spread,
        **{f"short_forms.{name}": text for name, text in rebuttal.short_forms.items()},
    }
    return [
        Blocker("banned_phrase", f"{name}.{one.language}", f"“{one.phrase}”: {one.reason}", Gate.BANNED_PHRASES)
        for name, texts in ours.items()
        for one in phrases.refused(texts)
    ]


def _proof(rebuttal: Rebuttal, languages: Sequence[str]) -> list[Blocker]:
    found = []
    if not rebuttal.evidence:
        found.append(Blocker("evidence_missing", "evidence", "Name at least one piece of evidence.", Gate.EVIDENCE))
    for number, piece in enumerate(rebuttal.evidence):
        if not _in_all(piece.what, languages) or piece.dated is None or not piece.verified_by:
            message = "Say what it is (in every language), from when, and who verified it."
            found.append(Blocker("evidence_incomplete", f"evidence.{number}", message, Gate.EVIDENCE))
    for number, body in enumerate(rebuttal.corroborations):
        if not _is_whole(body, languages):
            message = "Name the body, what it said (in every language), when, the link, and when the link was checked."
            found.append(Blocker("corroboration_incomplete", f"corroborations.{number}", message, Gate.EVIDENCE))
    return found


def _is_whole(one: Corroboration, languages: Sequence[str]) -> bool:
    linked = one.link.startswith(("https://", "http://")) and one.checked_on is not None
    return bool(one.body.strip()) and _in_all(one.said, languages) and one.dated is not None and linked


def _short_forms(rebuttal: Rebuttal, languages: Sequence[str]) -> list[Blocker]:
    found = []
    for name, text in rebuttal.short_forms.items():
        if name not in SHORT_FORMS:
            found.append(Blocker("short_form_unknown", f"short_forms.{name}", f"Use {', '.join(SHORT_FORMS)}."))
            continue
        for code in languages:
            where, length = f"short_forms.{name}.{code}", len(text.get(code, "").strip())
            if not length:
                found.append(Blocker("language_missing", where, f"The {name} is missing in “{code}”: write it.", Gate.LANGUAGES))
            elif length > SHORT_FORMS[name]:
                found.append(
                    Blocker("short_form_long", where, f"{length} characters: at most {SHORT_FORMS[name]}.", Gate.LENGTHS)
                )
    return found


def _law(rebuttal: Rebuttal) -> list[Blocker]:
    unread = [number for number, basis in enumerate(rebuttal.legal_basis) if not basis.read_by or not basis.section.strip()]
    message = "Name the section, and have a lawyer read what we say of it."
    return [Blocker("law_unread", f"legal_basis.{number}", message, Gate.LAWYERS) for number in unread]


def _people(rebuttal: Rebuttal, signatories: Sequence[str], languages: Sequence[str]) -> list[Blocker]:
    found = []
    if not rebuttal.spokesperson or not _in_all(rebuttal.spokesperson_role, languages):
        message = "Say who speaks, and in which role (in every language)."
        found.append(Blocker("spokesperson_missing", "spokesperson", message, Gate.SPOKESPERSON))
    elif signatories and rebuttal.spokesperson not in signatories:
        found.append(Blocker("spokesperson_unknown", "spokesperson", "This person may not speak for us.", Gate.SPOKESPERSON))
    if not rebuttal.approver:
        found.append(Blocker("approval_missing", "approver", "Another person must approve it.", Gate.SIGNATURE))
    elif rebuttal.approver == rebuttal.author:
        found.append(
            Blocker("approval_by_author", "approver", "You wrote this answer. Another person must approve it.", Gate.SIGNATURE)
        )
    return found


def _review(rebuttal: Rebuttal, today: date) -> list[Blocker]:
    if rebuttal.review_date is None:
        return [Blocker("review_missing", "review_date", "Say when it is looked at again.", Gate.ANSWER_REVIEW)]
    if not today < rebuttal.review_date <= today + REVIEW_WITHIN:
        return [
            Blocker(
                "review_out_of_range", "review_date", f"From tomorrow, and within {REVIEW_WITHIN.days} days.", Gate.ANSWER_REVIEW
            )
        ]
    return []


# --- What is published ---------------------------------------------------------------------------


class Section(StrEnum):
    """The parts of the public answer, in their order: fact, claim once, why it misleads, fact again."""

    FACT = "fact_headline"
    VERDICT = "verdict"
    TRUE = "what_is_true"
    CLAIM = "claim"
    FALSE = "what_is_false"
    WHY = "why_it_spread"
    EVIDENCE = "evidence"
    CORROBORATIONS = "corroborations"
    LAW = "legal_basis"
    FACT_AGAIN = "fact_headline_again"


ORDER = tuple(Section)


def slug(headline: str) -> str:
    """The address, made of the fact and never of the claim: a-technical-fault-stopped-payments."""
    plain = unicodedata.normalize("NFKD", headline).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:HEADLINE_LENGTH].strip("-")


class ReviewState(StrEnum):
    CURRENT = "current"
    SOON = "soon"  # for staff
    OVERDUE = "overdue"  # shown to readers as a banner


def review_state(review_date: date | None, *, today: date) -> ReviewState:
    """Is a public answer still looked after? On its review date it is still current; without one it is overdue."""
    if review_date is None or today > review_date:
        return ReviewState.OVERDUE
    return ReviewState.SOON if review_date - today <= REVIEW_SOON else ReviewState.CURRENT


OVERDUE_BANNER = {
    "en": "This answer was due to be looked at again on {day}. It may be out of date.",
    "sw": "Jibu hili lilipaswa kuangaliwa tena tarehe {day}. Huenda limepitwa na wakati.",
}


# --- Triage --------------------------------------------------------------------------------------


class Triage(StrEnum):
    LOG = "log"  # watch it
    PREPARE = "prepare"  # write the answer, keep it in the drawer
    ANSWER = "answer"


def triage(*, reach: int, threshold: int, harmful: bool = False, asked_by_press: bool = False) -> Triage:
    """What to do about a claim that so many have seen. Below a tenth of the threshold it is only logged.

    One that makes people lose money or share a PIN (`harmful`), or that the press asks about, is answered whatever its reach.
    """
    if harmful or asked_by_press or reach >= threshold:
        return Triage.ANSWER
    return Triage.PREPARE if reach * 10 >= threshold else Triage.LOG
