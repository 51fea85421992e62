"""Statements on data and funds: who signs what, on what ground, and what takes it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import phrases, statements
from incidents.statements import Cause, Ground, Level, Role, Security, Signed, Statement
from tests.factories import NOON

LANGUAGES = ("en", "sw")
SECURITY, OPERATIONS, DPO, CFO, COMMS = (
    Role.HEAD_OF_SECURITY,
    Role.OPERATIONS,
    Role.DATA_PROTECTION_OFFICER,
    Role.CHIEF_FINANCIAL_SERVICES_OFFICER,
    Role.COMMS_LEAD,
)
# All that any level asks for.
SOLID = Ground(
    is_open=True,
    security=Security.NO,
    triage_logged=True,
    cause_identified=True,
    log_review_filed=True,
    reconciliation="3 of 4 banks agree; the last by 18:00",
)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def filled(level: Level) -> dict[str, str]:
    words = statements.WORDS[level].items()
    return {code: text.replace("{time}", "12:10 EAT").replace("{by}", "18:00 EAT, 24 Nov 2026") for code, text in words}


def statement(level: Level, **fields: Any) -> Statement:
    """Ready to go out: written, signed at noon by all who must, to hold for a day."""
    ready = {
        "texts": filled(level),
        "scope": "incident k2n7",
        "as_of": NOON,
        "author": "asha",
        "signatures": tuple(Signed(role, f"the {role}") for role in statements.SIGNERS[level]),
        "signed_at": NOON,
        "expires_at": statements.expires(level, signed_at=NOON, incident_is_open=True),
    }
    return Statement(level=level, **{**ready, **fields})


def codes(level: Level, ground: Ground, **fields: Any) -> list[str]:
    return [one.code for one in statements.blockers(statement(level, **fields), ground, languages=LANGUAGES)]


# --- The ladder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", list(Level))
def test_every_level_passes_once_all_it_asks_for_is_there(level: Level) -> None:
    assert codes(level, SOLID) == []


@pytest.mark.parametrize(
    ("level", "change", "code"),
    [
        (Level.NO_SIGN, {"triage_logged": False}, "triage_missing"),
        (Level.NO_SIGN, {"security": Security.YES}, "is_security"),
        (Level.NO_SIGN, {"breach_opened_at": NOON}, "breach_open"),
        (Level.NOT_SECURITY, {"cause_identified": False}, "cause_open"),
        (Level.NOT_SECURITY, {"cause_is_an_attacker": True}, "cause_open"),
        (Level.NOT_SECURITY, {"security": Security.UNKNOWN}, "security_open"),
        (Level.NOT_ACCESSED, {"log_review_filed": False}, "log_review_missing"),
        (Level.NOT_ACCESSED, {"security": Security.UNKNOWN}, "security_open"),
        (Level.NOT_ACCESSED, {"breach_opened_at": NOON}, "breach_open"),
        (Level.MONEY, {"reconciliation": " "}, "reconciliation_missing"),
    ],
)
def test_a_level_is_refused_while_its_ground_is_missing(level: Level, change: dict[str, Any], code: str) -> None:
    assert codes(level, replace(SOLID, **change)) == [code]


def test_that_we_are_checking_may_always_be_said() -> None:
    nothing = Ground(is_open=True, security=Security.YES, breach_opened_at=NOON)
    assert codes(Level.CHECKING, nothing) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"texts": {"en": filled(Level.NO_SIGN)["en"], "sw": " "}}, "language_missing"),
        ({"scope": ""}, "scope_missing"),
        ({"as_of": None}, "as_of_missing"),
        ({"signatures": ()}, "signature_missing"),
    ],
)
def test_a_statement_has_both_languages_a_scope_a_time_and_signatures(fields: dict[str, Any], code: str) -> None:
    assert codes(Level.NO_SIGN, SOLID, **fields) == [code]


@pytest.mark.parametrize("level", list(Level))
def test_the_permitted_words_stand_in_both_languages_and_are_no_banned_phrase(level: Level) -> None:
    words = statements.WORDS[level]
    assert set(words) == set(LANGUAGES)
    assert phrases.refused(words, duplicates_open=True) == []
    assert phrases.refused(statements.MONEY_ADVICE, duplicates_open=True) == []


@pytest.mark.parametrize(
    ("level", "text", "found"),
    [
        (Level.NO_SIGN, statements.WORDS[Level.NOT_ACCESSED]["en"], ["words_not_permitted"]),
        (Level.NO_SIGN, filled(Level.NO_SIGN)["en"] + " Trust us.", ["words_not_permitted"]),
        (Level.NO_SIGN, statements.WORDS[Level.NO_SIGN]["en"], ["words_not_permitted"]),  # a slot is left
        (Level.NO_SIGN, "All your data is secure.", ["banned_phrase", "words_not_permitted"]),
        (Level.MONEY, "No money was lost.", ["banned_phrase", "words_not_permitted"]),
        (Level.NO_SIGN, "So far we have seen no sign that personal data  was accessed.\nAs of 12:10 pm EAT.", []),
    ],
)
def test_a_level_says_its_own_words_and_no_more(level: Level, text: str, found: list[str]) -> None:
    texts = {**filled(level), "en": text}
    assert codes(level, replace(SOLID, duplicates_open=True), texts=texts) == found


# --- Who signs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "signatures", "missing"),
    [
        (Level.CHECKING, [], [COMMS]),
        (Level.NO_SIGN, [(SECURITY, "juma")], []),
        (Level.NOT_SECURITY, [(SECURITY, "juma")], [OPERATIONS]),
        (Level.NOT_SECURITY, [(SECURITY, "juma"), (OPERATIONS, "neema")], []),
        (Level.NOT_SECURITY, [(SECURITY, "juma"), (OPERATIONS, "juma")], [OPERATIONS]),
        (Level.NOT_SECURITY, [(SECURITY, "juma"), (OPERATIONS, "juma"), (SECURITY, "neema")], []),
        (Level.NOT_ACCESSED, [(SECURITY, "juma"), (OPERATIONS, "neema")], [DPO]),
        (Level.NOT_ACCESSED, [(SECURITY, "juma"), (DPO, "asha")], [DPO]),  # the author
        (Level.MONEY, [(DPO, "neema")], [CFO]),
        (Level.MONEY, [(CFO, "neema")], []),
    ],
)
def test_each_role_signs_by_a_person_of_its_own_and_never_the_author(
    level: Level, signatures: list[tuple[Role, str]], missing: list[Role]
) -> None:
    given_ = [Signed(role, person) for role, person in signatures]
    assert statements.missing_signers(level, given_, author="asha") == missing
    assert statements.missing_signers(level, given_[::-1], author="asha") == missing


@pytest.mark.parametrize(
    ("level", "role", "person", "reason"),
    [
        (Level.NO_SIGN, SECURITY, "neema", ""),
        (Level.NO_SIGN, COMMS, "neema", "not signed by the comms lead"),
        (Level.NO_SIGN, SECURITY, "asha", "You wrote this statement"),
        (Level.NOT_SECURITY, OPERATIONS, "juma", "signed it in another role"),
    ],
)
def test_a_signature_is_refused_with_the_reason(level: Level, role: Role, person: str, reason: str) -> None:
    refusal = statements.may_sign(level, role=role, person=person, author="asha", signatures=[Signed(SECURITY, "juma")])
    assert reason in refusal
    assert bool(reason) == bool(refusal)


# --- How long it holds, and what takes it back ---------------------------------------------------


def test_it_holds_for_a_day_while_the_incident_is_open() -> None:
    assert statements.expires(Level.NO_SIGN, signed_at=NOON, incident_is_open=True) == at(24)
    assert statements.expires(Level.NO_SIGN, signed_at=NOON, incident_is_open=False) is None
    assert statements.expires(Level.CHECKING, signed_at=NOON, incident_is_open=True) is None


@pytest.mark.parametrize("level", [Level.NO_SIGN, Level.NOT_SECURITY, Level.NOT_ACCESSED, Level.MONEY])
@pytest.mark.parametrize(
    ("change", "now", "cause", "since"),
    [
        ({}, 23, None, 0),
        ({}, 24, Cause.LAPSED, 24),
        ({"is_open": False}, 48, None, 0),
        ({"reopened_at": at(3)}, 4, Cause.REOPENED, 3),
        ({"reopened_at": at(-1)}, 4, None, 0),  # it was signed knowing that
        ({"reopened_at": at(5)}, 4, None, 0),
        ({"breach_opened_at": at(2)}, 4, Cause.BREACH, 2),
        ({"cause_changed_at": at(2)}, 4, Cause.CAUSE_CHANGED, 2),
        ({"security": Security.YES, "security_changed_at": at(2)}, 4, Cause.SECURITY, 2),
        ({"security": Security.UNKNOWN, "security_changed_at": at(2)}, 4, Cause.SECURITY, 2),
        ({"breach_opened_at": at(2), "reopened_at": at(2), "cause_changed_at": at(3)}, 4, Cause.BREACH, 2),
        ({"breach_opened_at": at(3), "reopened_at": at(2)}, 4, Cause.REOPENED, 2),
    ],
)
def test_a_statement_is_withdrawn_by_itself_when_its_ground_shakes(
    level: Level, change: dict[str, Any], now: float, cause: Cause | None, since: float
) -> None:
    found = statements.withdrawal(statement(level), replace(SOLID, **change), now=at(now))
    assert (found.cause if found else None) == cause
    if found:
        assert found.at == at(since)
        assert set(found.note) == set(LANGUAGES)


def test_an_answer_that_gets_better_takes_nothing_back() -> None:
    unsure = statement(Level.NO_SIGN, security=Security.UNKNOWN)
    assert statements.withdrawal(unsure, replace(SOLID, security_changed_at=at(1)), now=at(2)) is None


@pytest.mark.parametrize(
    "gone", [{"signed_at": None}, {"withdrawn_at": at(1)}, {"level": Level.CHECKING}], ids=["draft", "withdrawn", "checking"]
)
def test_what_claims_nothing_is_not_withdrawn(gone: dict[str, Any]) -> None:
    shaken = replace(SOLID, breach_opened_at=at(2))
    assert statements.withdrawal(replace(statement(Level.NO_SIGN), **gone), shaken, now=at(3)) is None


# --- What readers see ----------------------------------------------------------------------------


@pytest.mark.parametrize(("impact", "level"), [("critical", "0"), ("major", "0"), ("minor", None), ("none", None)])
def test_that_we_are_checking_appears_by_itself_on_every_major_incident(impact: str, level: str | None) -> None:
    found, money = statements.standing([], SOLID, impact=impact, now=NOON)
    assert (found, money) == (level, False)
    assert statements.appears_by_itself(impact) == (level == "0")
    assert statements.suffices_for(found, impact=impact)
    assert statements.suffices_for(None, impact=impact) == (level is None)


def test_the_highest_level_that_holds_stands_and_money_beside_it() -> None:
    said = [statement(Level.NO_SIGN), statement(Level.NOT_ACCESSED), statement(Level.MONEY)]
    assert statements.standing(said, SOLID, impact="major", now=at(1)) == (Level.NOT_ACCESSED, True)


def test_a_withdrawn_statement_leaves_that_we_are_checking_even_on_a_minor_incident() -> None:
    shaken = replace(SOLID, breach_opened_at=at(1))
    assert statements.standing([statement(Level.NOT_SECURITY)], shaken, impact="minor", now=at(2)) == (Level.CHECKING, False)


grounds = st.builds(
    Ground,
    is_open=st.booleans(),
    security=st.sampled_from(list(Security)),
    security_changed_at=st.one_of(st.none(), st.floats(-5, 30).map(at)),
    reopened_at=st.one_of(st.none(), st.floats(-5, 30).map(at)),
    breach_opened_at=st.one_of(st.none(), st.floats(-5, 30).map(at)),
    cause_changed_at=st.one_of(st.none(), st.floats(-5, 30).map(at)),
)


@given(ground=grounds, level=st.sampled_from(list(Level)), hours=st.floats(0, 40), later=st.floats(0, 40))
def test_once_withdrawn_it_stays_withdrawn_with_the_same_reason(ground: Ground, level: Level, hours: float, later: float) -> None:
    one = statement(level)
    first = statements.withdrawal(one, ground, now=at(hours))
    again = statements.withdrawal(one, ground, now=at(hours + later))
    if first and first.cause != Cause.SECURITY:
        assert again is not None
        assert again.at <= first.at or again == first


@given(ground=grounds, hours=st.floats(0, 40))
def test_no_level_above_checking_stands_while_a_breach_is_open(ground: Ground, hours: float) -> None:
    said = [statement(level) for level in Level]
    broken = replace(ground, breach_opened_at=at(0.001))
    level, money = statements.standing(said, broken, impact="none", now=at(max(hours, 0.01)))
    assert level == Level.CHECKING
    assert not money
