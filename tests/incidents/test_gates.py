"""What forbids publishing: one row a rule, each beside the same facts that pass."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.blockers import standing, waived
from incidents.gates import CLOSING_GATES, GATES, ClosingFacts, StatedComponent, UpdateFacts, blockers, closing_blockers
from incidents.policy import NEVER_OFF, WITHOUT, Gate
from incidents.statements import Level
from tests.factories import NOON

READY = UpdateFacts(
    is_draft=True,
    incident_status=None,
    has_been_monitored=False,
    status="investigating",
    names={"en": "Payments are late", "sw": "Malipo yanachelewa"},
    bodies={"en": "Do not pay again.", "sw": "Usilipe tena."},
    affected=(StatedComponent("paybill", "partial_outage", ""),),
    incident_has_components=True,
    next_update_by=NOON + timedelta(minutes=20),
    now=NOON,
    signature="valid",
)
RESOLVING = replace(
    READY,
    incident_status="monitoring",
    has_been_monitored=True,
    status="resolved",
    next_update_by=None,
    affected=(StatedComponent("paybill", "operational", "operational"),),
)


@pytest.mark.parametrize("facts", [READY, RESOLVING])
def test_facts_in_order_pass(facts: UpdateFacts) -> None:
    assert blockers(facts) == []


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"is_draft": False}, "not_a_draft", "publication"),
        ({"incident_status": "resolved"}, "incident_closed", "incident"),
        ({"status": "resolved", "next_update_by": None}, "not_monitored", "status"),
        ({"bodies": {"en": "Do not pay again.", "sw": " "}}, "language_missing", "body.sw"),
        ({"names": {"en": "", "sw": "Malipo"}}, "language_missing", "name.en"),
        ({"bodies": {"en": "Since {since}.", "sw": "Tangu 12:00."}}, "slot_left", "body.en"),
        ({"affected": (), "incident_has_components": False}, "no_components", "affected"),
        ({"next_update_by": None}, "promise_missing", "next_update_by"),
        ({"next_update_by": NOON}, "promise_past", "next_update_by"),
        ({"signature": "none"}, "signature_missing", "signature"),
        ({"signature": "void"}, "signature_void", "signature"),
        ({"affected": (StatedComponent("paybill", "delayed", "major_outage"),)}, "probes_disagree", "reason"),
        ({"affected": (StatedComponent("paybill", "operational", "unknown"),)}, "probes_disagree", "reason"),
        ({"affected": (StatedComponent("paybill", "under_maintenance", ""),)}, "maintenance_state", "affected"),
        ({"bodies": {"en": "Your data is safe.", "sw": "Subiri."}, "ticked": {"safe"}}, "banned_phrase", "body.en"),
        ({"bodies": {"en": "You get a refund.", "sw": "Subiri."}}, "phrase_unticked", "body.en"),
        ({"bodies": {"en": "Wait.", "sw": "Inafanyiwa matengenezo."}}, "maintenance_word", "body.sw"),
        ({"more": {"what_to_do": {"en": "It cannot be hacked.", "sw": "Subiri."}}}, "banned_phrase", "what_to_do.en"),
        (
            {"more": {"who_affected": {"en": "No money was lost.", "sw": "Subiri."}}, "duplicates_open": True},
            "banned_phrase",
            "who_affected.en",
        ),
        (
            {"affected": (StatedComponent("paybill", "under_maintenance", "major_outage", expected="delayed"),)},
            "probes_disagree",
            "reason",
        ),
    ],
)
def test_one_fact_out_of_order_blocks_and_names_where_to_mend_it(change: dict[str, Any], code: str, field: str) -> None:
    found = blockers(replace(READY, **change))
    assert [(blocker.code, blocker.field) for blocker in found] == [(code, field)]
    assert found[0].message


@pytest.mark.parametrize(
    "change",
    [
        {"bodies": {"en": "You get a refund.", "sw": "Subiri."}, "ticked": {"refund"}},
        {"bodies": {"en": "You get a refund.", "sw": "Subiri."}, "ticked": None},
        {"bodies": {"en": "Maintenance goes on.", "sw": "Matengenezo yanaendelea."}, "window_published": True},
        {"bodies": {"en": "No money was lost.", "sw": "Subiri."}},
        {"affected": (StatedComponent("paybill", "under_maintenance", "delayed", expected="partial_outage"),)},
    ],
)
def test_the_same_words_pass_once_they_are_confirmed(change: dict[str, Any]) -> None:
    assert blockers(replace(READY, **change)) == []


def test_a_typed_reason_overrules_probes_that_disagree() -> None:
    facts = replace(
        READY, affected=(StatedComponent("paybill", "delayed", "major_outage"),), reason="The probe's network is down."
    )
    assert blockers(facts) == []


def test_people_may_say_worse_than_probes() -> None:
    assert blockers(replace(READY, affected=(StatedComponent("paybill", "major_outage", "operational"),))) == []


def test_an_incident_closes_only_when_every_component_is_stated_as_operational() -> None:
    found = blockers(replace(RESOLVING, still_stated=("till",)))
    assert [blocker.code for blocker in found] == ["not_operational"]
    assert "till" in found[0].message


def test_all_that_blocks_is_said_at_once() -> None:
    facts = replace(READY, bodies={"en": "", "sw": ""}, next_update_by=None, signature="none")
    assert [blocker.code for blocker in blockers(facts)] == [
        "language_missing",
        "language_missing",
        "promise_missing",
        "signature_missing",
    ]


@pytest.mark.parametrize(
    ("impact", "level", "found"),
    [
        ("major", None, ["statement_missing"]),
        ("critical", None, ["statement_missing"]),
        ("major", Level.CHECKING, []),
        ("critical", Level.NOT_ACCESSED, []),
        ("minor", None, []),
    ],
)
def test_a_major_incident_closes_only_when_something_is_said_of_data(impact: str, level: Level | None, found: list[str]) -> None:
    facts = ClosingFacts(impact=impact, level=level, reviewed=True)
    assert [blocker.code for blocker in closing_blockers(facts)] == found


def test_an_incident_closes_only_when_its_review_is_public() -> None:
    facts = ClosingFacts(impact="major", level=Level.CHECKING, reviewed=False)
    [found] = closing_blockers(facts)
    assert (found.code, found.field, found.gate) == ("review_missing", "review", Gate.REVIEW)
    assert closing_blockers(replace(facts, reviewed=True)) == []


def test_resolved_never_waits_for_statement_or_review() -> None:
    assert not [one for one in blockers(RESOLVING) if one.field in ("statement", "review")]


def test_a_gate_that_is_switched_off_forbids_nothing_and_is_named() -> None:
    found = blockers(replace(READY, next_update_by=None, signature="none"))
    off = {Gate.PROMISE, Gate.MONITORING}
    assert [blocker.code for blocker in standing(found, off=off)] == ["signature_missing"]
    assert waived(found, off=off) == ["promise"]


def test_what_makes_no_sense_cannot_be_switched_off() -> None:
    nonsense = replace(
        READY, bodies={"en": "Since {since}.", "sw": "Tangu {since}."}, incident_status="resolved", may_reopen=False
    )
    assert {blocker.code for blocker in standing(blockers(nonsense), off=set(Gate))} == {"incident_closed", "slot_left"}


def test_every_gate_of_updates_and_closing_is_one_function_and_each_says_what_is_lost_without_it() -> None:
    named = (
        "languages banned_phrases locked_phrases maintenance_word components monitoring probes promise signature statement review"
    )
    assert {ask.__name__ for ask in (*GATES, *CLOSING_GATES)} == set(named.split()) < set(Gate)
    assert set(WITHOUT) == set(Gate)
    assert _first_column("gate") == list(Gate)


ROOT = Path(__file__).parents[2]


def test_every_blocker_has_a_gate_or_is_named_among_those_that_are_never_off() -> None:
    """Read from the code: whoever writes a new one decides, and the tables say so."""
    found = [call for path in sorted(ROOT.glob("incidents/*.py")) for call in _blockers_in(path)]
    found += [call for path in sorted(ROOT.glob("statuspage/**/*.py")) for call in _blockers_in(path)]
    gated = {code for code, has_gate in found if has_gate}
    never = {code for code, has_gate in found if not has_gate}
    assert never == set(NEVER_OFF) - {"not_approved"}  # which has the gate on signatures once the lawyers have read it
    assert not gated & never
    assert _first_column("code") == list(NEVER_OFF)


def _blockers_in(path: Path) -> list[tuple[str, bool]]:
    """(code, is a gate given?) of each Blocker a module makes; a code that is no literal is told as its source."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Blocker"]
    codes = [call.args[0].value if isinstance(call.args[0], ast.Constant) else ast.unparse(call.args[0]) for call in made]
    return [(str(code), len(call.args) > 3) for code, call in zip(codes, made, strict=True)]


def _first_column(head: str) -> list[str]:
    """The first column of the table under that head in docs/gates.md."""
    rows = (ROOT / "docs" / "gates.md").read_text().partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()
    return [row.split("`")[1] for row in rows if row.startswith("| `")]
