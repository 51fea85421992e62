"""Answers to false claims: the fact first, what is true beside what is false, and who stands for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import rebuttals
from incidents.rebuttals import Claim, Corroboration, Evidence, LegalBasis, Rebuttal, State, Triage, Verdict

TODAY = date(2026, 11, 24)
LANGUAGES = ("en", "sw")


def both(text: str) -> dict[str, str]:
    return {"en": text, "sw": f"{text} (sw)"}


WHOLE = Rebuttal(
    fact_headline={"en": "A technical fault stopped payments on 24 November", "sw": "Hitilafu ya kiufundi ilisimamisha malipo"},
    claim=Claim(
        quote="Government has shut down payments to integrate them with the tax system",
        language="en",
        where=both("forwarded messages"),
        first_seen=TODAY,
        reach=40_000,
    ),
    verdict=Verdict.FALSE,
    what_is_false=both("No link to the tax authority was made during the outage."),
    what_is_true=both("You can pay tax from your account, and the authority sees those payments, as any payee does."),
    why_it_spread=both("Phones showed a wrong text about maintenance, and we gave no cause for hours."),
    evidence=(Evidence(both("Change log of the payment core, 24 November"), TODAY, "neema"),),
    corroborations=(Corroboration("Tax authority", both("This is fake news."), TODAY, "https://tax.example/statement", TODAY),),
    spokesperson="grace",
    spokesperson_role=both("Chief Financial Services Officer"),
    legal_basis=(
        LegalBasis(
            "Data Protection Act 2019", "s.25", both("Data is used for its purpose only."), "https://law.example", "otieno"
        ),
    ),
    review_date=TODAY + timedelta(days=90),
    author="asha",
    approver="juma",
)


def codes(rebuttal: Rebuttal, to: State = State.PUBLISHED, **options: Any) -> list[str]:
    return [one.code for one in rebuttals.blockers(rebuttal, to=to, today=TODAY, languages=LANGUAGES, **options)]


def test_a_whole_answer_may_be_published() -> None:
    assert codes(WHOLE, signatories=["grace"]) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fact_headline": {"en": "Payments work", "sw": ""}}, "language_missing"),
        ({"fact_headline": {"en": "x" * 91, "sw": "y"}}, "headline_long"),
        ({"fact_headline": {"en": "No, payments were not shut down", "sw": "Malipo yanafanya kazi"}}, "headline_denies"),
        ({"fact_headline": {"en": "It is FALSE that we closed", "sw": "Malipo yanafanya kazi"}}, "headline_denies"),
        ({"fact_headline": {"en": "Payments work", "sw": "Habari hizo si kweli"}}, "headline_denies"),
        (
            {"fact_headline": {"en": "“Government has shut down payments” on 9 May", "sw": "Malipo yanafanya kazi"}},
            "headline_repeats_claim",
        ),
        ({"verdict": None}, "verdict_missing"),
        ({"what_is_true": {"en": "", "sw": " "}}, "language_missing"),
        ({"what_is_false": {"en": "It is not so.", "sw": " "}}, "language_missing"),
        ({"why_it_spread": {}}, "language_missing"),
        ({"what_is_false": both("Sharing of data is not permissible.")}, "banned_phrase"),
        ({"what_is_true": both("All your data is secure.")}, "banned_phrase"),
        ({"evidence": ()}, "evidence_missing"),
        ({"evidence": (Evidence(both("Log"), None, "neema"),)}, "evidence_incomplete"),
        ({"evidence": (Evidence(both("Log"), TODAY, ""),)}, "evidence_incomplete"),
        ({"corroborations": (Corroboration("Tax authority", both("Fake."), TODAY, "", TODAY),)}, "corroboration_incomplete"),
        (
            {"corroborations": (Corroboration("Tax authority", {"en": "Fake."}, TODAY, "https://tax.example", TODAY),)},
            "corroboration_incomplete",
        ),
        (
            {"corroborations": (Corroboration("Tax authority", both("Fake."), TODAY, "https://tax.example", None),)},
            "corroboration_incomplete",
        ),
        ({"legal_basis": (LegalBasis("Act", "s.1", both("x"), "https://law.example", ""),)}, "law_unread"),
        ({"spokesperson_role": {"en": "Chief"}}, "spokesperson_missing"),
        ({"short_forms": {"fax": both("x")}}, "short_form_unknown"),
        ({"short_forms": {"sms": {"en": "A fault."}}}, "language_missing"),
        ({"short_forms": {"sms": both("x" * 161)}}, "short_form_long"),
        ({"short_forms": {"post": both("All your data is secure.")}}, "banned_phrase"),
        ({"approver": ""}, "approval_missing"),
        ({"approver": "asha"}, "approval_by_author"),
        ({"review_date": None}, "review_missing"),
        ({"review_date": TODAY}, "review_out_of_range"),
        ({"review_date": TODAY + timedelta(days=91)}, "review_out_of_range"),
        ({"claim": replace(WHOLE.claim, quote=" ")}, "quote_missing"),
        ({"claim": replace(WHOLE.claim, first_seen=None)}, "sighting_missing"),
        ({"claim": replace(WHOLE.claim, language="in Sheng")}, "sighting_missing"),
        ({"claim": replace(WHOLE.claim, quote="Call +254 (0)712-345 678 to get your money back")}, "private_number"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, Any], code: str) -> None:
    assert set(codes(replace(WHOLE, **change))) == {code}


def test_only_a_listed_person_speaks_for_us() -> None:
    assert codes(WHOLE, signatories=["otieno"]) == ["spokesperson_unknown"]


def test_an_answer_stands_without_corroboration_or_law() -> None:
    assert codes(replace(WHOLE, corroborations=(), legal_basis=())) == []


@pytest.mark.parametrize(
    ("verdict", "fields", "blocked"),
    [
        (Verdict.FALSE, {"what_is_true", "what_is_false", "why_it_spread"}, {"what_is_true", "what_is_false", "why_it_spread"}),
        (Verdict.MISLEADING, {"why_it_spread"}, {"why_it_spread"}),
        (Verdict.PARTLY_TRUE, {"what_is_true", "what_is_false", "why_it_spread"}, {"what_is_true", "what_is_false"}),
        (Verdict.UNPROVEN, {"what_is_false", "why_it_spread"}, set()),
        (Verdict.TRUE, {"what_is_true", "what_is_false", "why_it_spread"}, {"what_is_true"}),
    ],
)
def test_what_is_true_is_always_said_and_what_is_false_where_something_is(
    verdict: Verdict, fields: set[str], blocked: set[str]
) -> None:
    emptied: dict[str, Any] = {name: {} for name in fields}
    bare = replace(WHOLE, verdict=verdict, **emptied)
    found = rebuttals.blockers(bare, to=State.LEGAL, today=TODAY, languages=LANGUAGES)
    assert {one.field.partition(".")[0] for one in found} == blocked


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_name_and_a_definition_in_both_languages(verdict: Verdict) -> None:
    name, definition = rebuttals.VERDICTS[verdict]
    assert set(name) == set(definition) == set(LANGUAGES)


# --- Steps ---------------------------------------------------------------------------------------

WAY = [
    State.LOGGED,
    State.ASSESSING,
    State.DRAFTING,
    State.LEGAL,
    State.APPROVED,
    State.PUBLISHED,
    State.UNDER_REVIEW,
    State.UPDATED,
]


def test_a_claim_goes_its_way_step_by_step() -> None:
    for before, after in pairwise(WAY):
        assert rebuttals.may_step(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.LOGGED, State.PUBLISHED),
        (State.DRAFTING, State.APPROVED),  # past the lawyers
        (State.LEGAL, State.PUBLISHED),  # past the second person
        (State.PUBLISHED, State.DRAFTING),  # what is public stays public
        (State.PUBLISHED, State.DROPPED),
        (State.WITHDRAWN, State.PUBLISHED),
    ],
)
def test_no_step_is_skipped_and_nothing_public_is_unmade(before: State, after: State) -> None:
    assert not rebuttals.may_step(before, after)


@given(st.lists(st.sampled_from(list(State)), max_size=30))
def test_what_was_public_once_is_public_for_ever(wishes: list[State]) -> None:
    state, was_public = State.LOGGED, False
    for wish in wishes:
        if rebuttals.may_step(state, wish):
            state = wish
        was_public = was_public or state in rebuttals.PUBLIC
        assert (state in rebuttals.PUBLIC) == was_public


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (State.LOGGED, []),
        (State.ASSESSING, []),
        (State.DRAFTING, []),
        (State.LEGAL, ["language_missing", "language_missing", "verdict_missing", "evidence_missing"]),
        (State.DROPPED, []),
        (State.WITHDRAWN, []),
    ],
)
def test_each_step_asks_for_what_it_needs_and_no_more(to: State, found: list[str]) -> None:
    bare = Rebuttal(fact_headline={}, claim=WHOLE.claim, verdict=None, what_is_false={}, what_is_true={}, why_it_spread={})
    assert codes(bare, to) == found


# --- What is published ---------------------------------------------------------------------------


def test_the_fact_stands_first_and_last_and_the_claim_once_between() -> None:
    order = [section.value for section in rebuttals.ORDER]
    assert (order[0], order[-1]) == ("fact_headline", "fact_headline_again")
    assert order.count("claim") == 1
    assert order.index("what_is_true") < order.index("claim") < order.index("what_is_false")


def test_the_address_is_made_of_the_fact() -> None:
    assert rebuttals.slug(WHOLE.fact_headline["en"]) == "a-technical-fault-stopped-payments-on-24-november"
    assert rebuttals.slug("Ünïcode – and, so on!") == "unicode-and-so-on"


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (-1, "overdue"),
        (0, "soon"),
        (7, "soon"),
        (8, "current"),
        (None, "overdue"),
    ],
)
def test_an_answer_past_its_review_date_says_so(days: int | None, state: str) -> None:
    due = None if days is None else TODAY + timedelta(days=days)
    assert rebuttals.review_state(due, today=TODAY) == state


@pytest.mark.parametrize(
    ("reach", "options", "expected"),
    [
        (10, {}, Triage.LOG),
        (999, {}, Triage.LOG),
        (1_000, {}, Triage.PREPARE),
        (9_999, {}, Triage.PREPARE),
        (10_000, {}, Triage.ANSWER),
        (10, {"harmful": True}, Triage.ANSWER),
        (10, {"asked_by_press": True}, Triage.ANSWER),
    ],
)
def test_a_claim_that_few_have_seen_is_not_carried_further(reach: int, options: dict[str, bool], expected: Triage) -> None:
    assert rebuttals.triage(reach=reach, threshold=10_000, **options) == expected
