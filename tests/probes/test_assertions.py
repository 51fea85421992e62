"""Assertions: what holds, what its failure means, and specs that are refused with what to change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from probes.outcome import TargetError
from probes.probers import assertions, jsonpaths, patterns
from probes.probers.assertions import Answer, judge, value_at

DOCUMENT = {
    "status": "UP",
    "depth": 17,
    "ratio": 0.5,
    "on": True,
    "nothing": None,
    "count": "42",
    "items": [{"name": "db", "state": "ok"}, {"name": "queue", "state": "late"}],
}
ANSWER = Answer(json.dumps(DOCUMENT).encode(), {"content-type": ["application/json; charset=utf-8"], "x-lag": ["12"]})


@pytest.mark.parametrize(
    "assertion",
    [
        {"contains": '"UP"'},
        {"not_contains": "maintenance"},
        {"matches": r'"depth": \d+'},
        {"matches": "(?i)up"},
        {"not_matches": "^<html"},
        {"header": "Content-Type", "contains": "json"},
        {"header": "content-type", "matches": "^application/"},
        {"header": "X-Lag", "at_most": 60},
        {"header": "X-Debug", "exists": False},
        {"header": "X-Debug", "not_contains": "on"},
        {"json": "$.status", "equals": "UP"},
        {"json": "$.status", "one_of": ["UP", "WARN"]},
        {"json": "$.status", "not_equals": "DOWN"},
        {"json": "$.depth", "at_most": 17},
        {"json": "$.depth", "at_least": 17},
        {"json": "$.depth", "equals": 17.0},
        {"json": "$.count", "at_least": 40},
        {"json": "$.on", "equals": True},
        {"json": "$.nothing", "equals": None},
        {"json": "$.nothing", "exists": True},
        {"json": "$.gone", "exists": False},
        {"json": "$.items[?@.name == 'queue'].state", "equals": "late"},
        {"json": "$..name", "equals": "db"},
        {"json": "$.items[*].state", "not_equals": "down"},
        {"json": "$.items[-1].name", "matches": "^que"},
    ],
)
def test_what_holds_is_no_finding(assertion: dict[str, Any]) -> None:
    assertions.validate([assertion])
    assert judge([assertion], ANSWER) is None


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        ({"contains": "Karibu"}, "the expected text is missing"),
        ({"not_contains": "UP"}, "the unwanted text is in the answer"),
        ({"matches": "^<html"}, "the expected pattern is missing"),
        ({"not_matches": "depth"}, "the unwanted pattern is in the answer"),
        ({"header": "X-Debug", "contains": "on"}, "header X-Debug is missing"),
        ({"header": "X-Lag", "at_most": 10}, "header X-Lag is above 10: it is 12"),
        ({"header": "X-Lag", "equals": "13"}, "header X-Lag is not the expected value: it is 12"),
        ({"header": "X-Lag", "not_matches": "1"}, "header X-Lag is what it must not be"),
        ({"json": "$.status", "equals": "DOWN"}, "$.status is not the expected value"),
        (
            {"json": "$.depth", "equals": "17"},
            "$.depth is not the expected value: it is 17; one is a text, the other a number",
        ),
        ({"json": "$.on", "equals": 1}, "$.on is not the expected value: it is true"),
        ({"json": "$.depth", "at_least": 18}, "$.depth is below 18: it is 17"),
        ({"json": "$.status", "at_least": 1}, "$.status is below 1"),
        ({"json": "$.gone", "equals": "UP"}, "$.gone is missing"),
        ({"json": "$.gone", "exists": True}, "$.gone is missing"),
        ({"json": "$.status", "exists": False}, "$.status is there and should not be"),
        ({"json": "$.items[*].state", "not_equals": "late"}, "$.items[*].state is what it must not be"),
        ({"json": "$.items[*].state", "one_of": ["down"]}, "$.items[*].state is none of the expected values"),
    ],
)
def test_what_does_not_hold_names_the_place_and_no_text_of_the_answer(assertion: dict[str, Any], words: str) -> None:
    assertions.validate([assertion])
    finding = judge([assertion], ANSWER)
    assert finding is not None
    assert (finding.status, finding.error_class, finding.words) == ("down", "assertion", f"assertion 1: {words}")


def test_the_worst_finding_is_the_outcome_and_the_first_of_its_kind() -> None:
    late: dict[str, Any] = {"json": "$.depth", "at_most": 1, "otherwise": "delayed"}
    slow: dict[str, Any] = {"contains": "fast", "otherwise": "degraded"}
    gone, broken = {"contains": "Karibu"}, {"json": "$.status", "equals": "DOWN"}
    found = [judge(given, ANSWER) for given in ([late], [late, slow], [slow, late], [late, gone, slow, broken])]
    assert [finding and (finding.status.value, finding.words[:11]) for finding in found] == [
        ("delayed", "assertion 1"),
        ("degraded", "assertion 2"),
        ("degraded", "assertion 1"),
        ("down", "assertion 2"),
    ]


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"a": ', b"[" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_not_json_fails_what_looks_into_it(body: bytes) -> None:
    finding = judge([{"json": "$.a", "exists": False}], Answer(body))
    assert finding is not None
    assert finding.words == "assertion 1: the answer is not JSON"


def test_json_nested_too_deep_to_look_into_holds_nothing() -> None:
    body = b'{"a":' * 300 + b"1" + b"}" * 300
    assert value_at("$..a", body) == []


@pytest.mark.parametrize(
    ("assertion", "status"),
    [
        ({"contains": "UP"}, None),
        ({"contains": "Karibu"}, "misconfigured"),
        ({"not_contains": "UP"}, "down"),
        ({"not_contains": "Karibu"}, "misconfigured"),
        ({"json": "$.status", "equals": "UP"}, "misconfigured"),
        ({"header": "X-Lag", "equals": "12"}, None),
    ],
)
def test_what_a_cut_answer_cannot_tell_has_no_vote(assertion: dict[str, Any], status: str | None) -> None:
    finding = judge([assertion], Answer(ANSWER.body, ANSWER.headers, is_whole=False))
    assert (finding and finding.status) == status


def test_a_pattern_is_looked_for_in_the_first_64k_and_what_lies_beyond_has_no_vote() -> None:
    body = b"x" * patterns.LOOKED_AT + b"Karibu"
    finding = judge([{"matches": "Karibu"}], Answer(body))
    assert finding is not None
    assert (finding.status, finding.error_class) == ("misconfigured", "body_too_big")
    assert judge([{"contains": "Karibu"}], Answer(body)) is None


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){12}x", "^(a?){40}a{30}$"])
def test_a_pattern_that_would_backtrack_for_ages_is_answered(pattern: str) -> None:
    assertions.validate([{"matches": pattern}])
    assert judge([{"matches": pattern}], Answer(b"a" * 60_000 + b"!")) is not None


def test_value_at_finds_all_that_a_path_names() -> None:
    assert value_at("$.items[*].name", ANSWER.body) == ["db", "queue"]
    assert value_at("$.gone", ANSWER.body) == []
    assert value_at("$.status", b"not json") == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"contains": "x"}, "assertions: give a list of at most 20 assertions"),
        ([{"contains": "x"}] * 21, "assertions: give a list of at most 20 assertions"),
        (["x"], "assertions, number 1: give an object"),
        ([{}], "assertions, number 1: has 0 tests"),
        ([{"contains": "x"}, {"contains": "x", "matches": "x"}], "assertions, number 2: has 2 tests"),
        ([{"includes": "x"}], "'includes' is not known; did you mean contains? Use header, json, contains"),
        ([{"header": "A", "json": "$", "contains": "x"}], "looks at a header and at JSON"),
        ([{"contains": "x", "otherwise": "ok"}], "otherwise: give one of down, degraded, delayed"),
        ([{"contains": "x", "otherwise": []}], "otherwise: give one of"),
        ([{"header": "a b", "contains": "x"}], "give a header's name"),
        ([{"equals": "x"}], "equals needs a place; add header or json"),
        ([{"exists": True}], "exists needs a place"),
        ([{"contains": ""}], "contains: give a text of 1 to 1000 characters"),
        ([{"contains": 1}], "contains: give a text"),
        ([{"matches": "(?=x)"}], "is not a pattern (invalid perl operator: (?=); RE2 has no look-around"),
        ([{"matches": "("}], "matches: is not a pattern"),
        ([{"matches": "(.{100}){100}"}], "matches: "),
        ([{"matches": "[ab]{400}"}], "the pattern is too large"),
        ([{"matches": "x" * 201}], "give a pattern of 1 to 200"),
        ([{"matches": "a\nb"}], "give a pattern of 1 to 200 printable characters"),
        ([{"json": "status", "equals": 1}], "json: is not a JSONPath"),
        ([{"json": "$.a[", "equals": 1}], "json: is not a JSONPath"),
        ([{"json": 7, "equals": 1}], "json: give a JSONPath"),
        ([{"json": "$..a..b", "equals": 1}], "uses .. more than once"),
        ([{"json": "$[0,1]", "equals": 1}], "takes several things in one step"),
        ([{"json": "$[?@..a]", "equals": 1}], "a filter may look at single values only"),
        ([{"json": "$[?match(@.a, 'x')]", "equals": 1}], "json: is not a JSONPath: it has no functions here"),
        ([{"json": "$.a", "at_least": "1"}], "at_least: give a number"),
        ([{"json": "$.a", "at_least": True}], "at_least: give a number"),
        ([{"json": "$.a", "exists": "yes"}], "exists: give true or false"),
        ([{"json": "$.a", "equals": {}}], "equals: give a text, a number, true, false or null"),
        ([{"json": "$.a", "one_of": []}], "one_of: give a list of 1 to 50 values"),
        ([{"json": "$.a", "one_of": "UP"}], "one_of: give a list"),
        ([{"header": "A", "equals": 1}], "equals: give a text; a header's value is one"),
    ],
)
def test_an_assertion_that_cannot_be_judged_is_refused_with_what_to_change(value: Any, says: str) -> None:
    with pytest.raises(TargetError) as caught:
        assertions.validate(value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_jsonpath_never_calls_a_function() -> None:
    with pytest.raises(TargetError):
        jsonpaths.validate("$[?length(@.a) > 1]", "json")
