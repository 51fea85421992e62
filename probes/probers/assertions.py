"""Assertions: what an answer must hold, as data, and what it means when it does not.

One assertion is an object. It looks at the body, at a header (`"header": NAME`) or at a place in a JSON body (`"json": PATH`),
has one test, and says what its failure means (`"otherwise"`: down, which is the default, degraded or delayed):

    {"contains": "Karibu"}
    {"header": "Content-Type", "matches": "^application/json"}
    {"json": "$.queue.depth", "at_most": 1000, "otherwise": "delayed"}

Words of a failure name the place and never what was found there, which could be anybody's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from probes.outcome import OutcomeStatus, TargetError
from probes.probers import jsonpaths, patterns, specs, tracing

Assertion = Mapping[str, Any]

AT_MOST = 20
LONGEST_TEXT = 1000
OTHERWISE = {"down": OutcomeStatus.DOWN, "degraded": OutcomeStatus.DEGRADED, "delayed": OutcomeStatus.DELAYED}
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}", re.ASCII)

TEXT_TESTS = ("contains", "not_contains", "matches", "not_matches")
VALUE_TESTS = ("equals", "not_equals", "one_of", "at_least", "at_most")
PLACE_TESTS = ("exists",)
TESTS = TEXT_TESTS + VALUE_TESTS + PLACE_TESTS
PLACES = ("header", "json")
KEYS = (*PLACES, *TESTS, "otherwise")

_SEVERITY = (OutcomeStatus.OK, OutcomeStatus.DELAYED, OutcomeStatus.DEGRADED, OutcomeStatus.MISCONFIGURED, OutcomeStatus.DOWN)


@dataclass(frozen=True)
class Answer:
    """What assertions look at. `headers`: names in small letters, each with all its values. `is_whole`: nothing was cut off."""

    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    is_whole: bool = True


class Extracted(str):
    """What a flow took out of an answer: a text to put into others, and the JSON value that it was there."""

    __slots__ = ("value",)

    def __new__(cls, value: str | float | bool) -> Extracted:
        made = super().__new__(cls, _as_text(value))
        made.value = value
        return made

    value: str | float | bool


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Finding:
    """An assertion that does not hold: what it means, and one line for staff."""

    status: OutcomeStatus
    error_class: str
    words: str


# --- Specs ----------------------------------------------------------------------------------------


def validate(value: Any, key: str = "assertions") -> list[Assertion]:
    """The assertions under `key`; raises TargetError with what to change."""
    if not isinstance(value, list) or len(value) > AT_MOST:
        return specs.refuse(f'{key}: give a list of at most {AT_MOST} assertions, for example [{{"contains": "OK"}}].', [])
    for number, assertion in enumerate(value, start=1):
        with specs.part():
            _validate_one(assertion, f"{key}, number {number}")
    return [one for one in value if isinstance(one, dict)]


def _validate_one(assertion: Any, where: str) -> None:
    if not isinstance(assertion, dict):
        raise TargetError(f'{where}: give an object, for example {{"contains": "OK"}}.')
    specs.only_known(assertion, KEYS, where)
    if "header" in assertion and "json" in assertion:
        raise TargetError(f"{where}: looks at a header and at JSON; make two of it.")
    tests = [name for name in TESTS if name in assertion]
    if len(tests) != 1:
        raise TargetError(f"{where}: has {len(tests)} tests; give one of {', '.join(TESTS)}.")
    test = tests[0]
    if assertion.get("otherwise", "down") not in list(OTHERWISE):
        raise TargetError(f"{where}: otherwise: give one of {', '.join(OTHERWISE)}.")
    if "json" in assertion:
        jsonpaths.validate(assertion["json"], f"{where}: json")
    elif "header" in assertion:
        if not isinstance(assertion["header"], str) or not HEADER_NAME.fullmatch(assertion["header"]):
            raise TargetError(f"{where}: header: give a header's name, for example Content-Type.")
    elif test not in TEXT_TESTS:
        raise TargetError(f"{where}: {test} needs a place; add header or json, or use one of {', '.join(TEXT_TESTS)}.")
    _expected(test, assertion[test], f"{where}: {test}", is_json="json" in assertion)


def _expected(test: str, value: Any, key: str, *, is_json: bool) -> None:
    """The other side of a test."""
    if test in {"matches", "not_matches"}:
        patterns.compile_pattern(value, key)
    elif test in {"contains", "not_contains"}:
        _text(value, key)
    elif test in {"at_least", "at_most"}:
        if isinstance(value, Extracted):
            return  # what it is comes with the run
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
            raise TargetError(f"{key}: give a number.")
    elif test == "exists":
        if not isinstance(value, bool):
            raise TargetError(f"{key}: give true or false.")
    else:
        values = value if test == "one_of" else [value]
        if not isinstance(values, list) or not 1 <= len(values) <= 50:
            raise TargetError(f"{key}: give a list of 1 to 50 values.")
        for one in values:
            if isinstance(one, str):
                _text(one, key)
            elif not is_json:
                raise TargetError(f"{key}: give a text; a header's value is one.")
            elif one is not None and not isinstance(one, (bool, int, float)):
                raise TargetError(f"{key}: give a text, a number, true, false or null.")


def _text(value: Any, key: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT:
        raise TargetError(f"{key}: give a text of 1 to {LONGEST_TEXT} characters.")


# --- Judging --------------------------------------------------------------------------------------


def judge(assertions: Sequence[Assertion], answer: Answer) -> Finding | None:
    """The worst of what does not hold, the first of its kind; None when all hold. The assertions have been validated."""
    if not assertions:
        return None
    document = _Document(answer)
    findings = []
    for number, assertion in enumerate(assertions, start=1):
        finding = _judge_one(assertion, number, answer, document)
        holds = None if finding and finding.status is OutcomeStatus.MISCONFIGURED else finding is None
        tracing.asserted(f"{number}, {_named(assertion)}", holds)
        findings += [finding] if finding else []
    return max(findings, key=lambda finding: severity(finding.status), default=None)


def _named(assertion: Assertion) -> str:
    """What an assertion is about, without what it wants, which may be anything."""
    place = next((f"{name} {assertion[name]}" for name in PLACES if name in assertion), "body")
    return f"{place} {next(name for name in TESTS if name in assertion)}"


def severity(status: OutcomeStatus) -> int:
    """The higher, the worse: what cannot be judged is above what is only late, and below what is down."""
    return _SEVERITY.index(status)


def value_at(path: str, body: bytes) -> list[Any]:
    """All that a validated JSONPath finds in a JSON body; [] where there is nothing, or no JSON."""
    document = _Document(Answer(body))
    return jsonpaths.find(path, document.value) if document.is_json else []


class _Document:
    """The body as JSON, read when the first assertion asks and once only."""

    def __init__(self, answer: Answer) -> None:
        self._body = answer.body
        self._loaded: tuple[bool, Any] | None = None

    @property
    def is_json(self) -> bool:
        return self._load()[0]

    @property
    def value(self) -> Any:
        return self._load()[1]

    def _load(self) -> tuple[bool, Any]:
        if self._loaded is None:
            try:
                self._loaded = (True, json.loads(self._body))
            except (ValueError, RecursionError):  # a number of too many digits is a ValueError too
                self._loaded = (False, None)
        return self._loaded


def _judge_one(assertion: Assertion, number: int, answer: Answer, document: _Document) -> Finding | None:
    test = next(name for name in TESTS if name in assertion)
    wanted, otherwise = assertion[test], OTHERWISE[assertion.get("otherwise", "down")]

    def fails(words: str) -> Finding:
        return Finding(otherwise, "assertion", f"assertion {number}: {words}")

    if "header" in assertion:
        values = list(answer.headers.get(assertion["header"].lower(), ()))
        return _judge_values(test, wanted, values, f"header {assertion['header']}", fails)
    if "json" in assertion:
        if not answer.is_whole:
            return _undecided(number, "the answer is too large to be read as JSON")
        if not document.is_json:
            return fails("the answer is not JSON")
        return _judge_values(test, wanted, jsonpaths.find(assertion["json"], document.value), assertion["json"], fails)
    text = answer.body.decode("utf-8", "replace")
    is_found = wanted in text if test in {"contains", "not_contains"} else patterns.is_found(wanted, text)
    is_seen_whole = answer.is_whole and ("contains" in test or len(text) <= patterns.LOOKED_AT)
    if not is_found and not is_seen_whole:
        return _undecided(number, "the answer is too large to be searched to its end")
    if is_found == test.startswith("not_"):
        thing = "text" if "contains" in test else "pattern"
        return fails(f"the unwanted {thing} is in the answer" if is_found else f"the expected {thing} is missing")
    return None


def _undecided(number: int, words: str) -> Finding:
    return Finding(OutcomeStatus.MISCONFIGURED, "body_too_big", f"assertion {number}: {words}")


def _judge_values(test: str, wanted: Any, values: list[Any], place: str, fails: Callable[[str], Finding]) -> Finding | None:
    """One value suffices; what must not be, must not be in any."""
    if test == "exists":
        if bool(values) == wanted:
            return None
        return fails(f"{place} {'is missing' if wanted else 'is there and should not be'}")
    if test.startswith("not_"):
        holds = not any(_holds(test.removeprefix("not_"), wanted, value) for value in values)
        return None if holds else fails(f"{place} is what it must not be")
    if not values:
        return fails(f"{place} is missing")
    if any(_holds(test, wanted, value) for value in values):
        return None
    limit = _shown(wanted) if test in {"at_least", "at_most"} else ""
    return fails(f"{place} {_NOT[test]}{limit}{_found(values)}{_kind(test, wanted, values)}")


_NOT = {
    "contains": "does not hold the expected text",
    "matches": "does not match the pattern",
    "equals": "is not the expected value",
    "one_of": "is none of the expected values",
    "at_least": "is below ",
    "at_most": "is above ",
}


def _holds(test: str, wanted: Any, value: Any) -> bool:
    if test == "contains":
        return isinstance(value, str) and wanted in value
    if test == "matches":
        return isinstance(value, str) and patterns.is_found(wanted, value)
    if test == "equals":
        return _is_same(wanted, value)
    if test == "one_of":
        return any(_is_same(one, value) for one in wanted)
    number, limit = _number(value), _number(wanted.value if isinstance(wanted, Extracted) else wanted)
    if number is None or limit is None:
        return False
    return number >= limit if test == "at_least" else number <= limit


def _is_same(wanted: Any, value: Any) -> bool:
    """Equal as JSON has it: true is not 1, 1 is 1.0. What was extracted is equal to what reads the same, too: 17 to "17"."""
    if isinstance(wanted, Extracted):
        return _is_same(wanted.value, value) or (isinstance(value, (str, int, float)) and _as_text(value) == wanted)
    return isinstance(wanted, bool) == isinstance(value, bool) and bool(wanted == value)


def _number(value: Any) -> float | None:
    """A number, or a text that is one, as gateways and headers have them."""
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,15}(\.\d{1,15})?\s*", value, re.ASCII):
        return float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _shown(wanted: float | Extracted) -> str:
    return "what was extracted" if isinstance(wanted, Extracted) else f"{wanted:g}"


def _kind(test: str, wanted: Any, values: list[Any]) -> str:
    """Said where only the kind differs: 7 is not "7"."""
    others = {"equals": [wanted], "one_of": wanted}.get(test, [])
    is_alike = any(
        isinstance(one, str) != isinstance(value, str) and str(one) == str(value) for one in others for value in values
    )
    return "; one is a text, the other a number" if is_alike else ""


def _found(values: list[Any]) -> str:
    """What was found, where it can be nobody's: one small number, true, false or null."""
    if len(values) != 1:
        return ""
    value = values[0]
    if value is None or isinstance(value, bool):
        return f": it is {json.dumps(value)}"
    number = _number(value)
    return f": it is {number:.6g}" if number is not None and abs(number) < 1e6 else ""
