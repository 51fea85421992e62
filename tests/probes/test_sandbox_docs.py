"""docs/sandbox.md cannot rot: its tables are compared with the code."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from probes.sandbox import answers, demo
from probes.sandbox.answers import Fault
from probes.sandbox.endpoints import ENDPOINTS
from probes.sandbox.faults import RULE_KEYS
from probes.sandbox.modes import MODES
from probes.sandbox.scenarios import SCENARIOS
from tests.probes.conftest import Sandbox

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text()
ROWS = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", TEXT, re.MULTILINE)]


def table(first_column: str) -> list[list[str]]:
    """The rows below the header that begins with `first_column`."""
    start = next(number for number, row in enumerate(ROWS) if row[0] == first_column) + 2
    found = []
    for row in ROWS[start:]:
        if row[0] in {"option", "call", "status", "key", "mode", "scenario"}:
            break
        found.append(row)
    return found


def spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_endpoint_is_listed() -> None:
    listed = {call for row in table("call") for call in spans(row[0])}
    assert listed == {f"{method} {path}" for path, (method, _) in ENDPOINTS.items()}


def test_every_mode_is_listed_with_what_it_does_and_its_options() -> None:
    rows = {spans(row[0])[0]: row for row in table("mode")}
    assert list(rows) == list(MODES)
    for name, mode in MODES.items():
        assert rows[name][1] == mode.says
        assert spans(rows[name][2]) == list(mode.options)


def test_every_scenario_is_listed_with_its_hours() -> None:
    rows = {spans(row[0])[0]: row for row in table("scenario")}
    assert list(rows) == list(SCENARIOS)
    for name, scenario in SCENARIOS.items():
        hours, minutes = divmod(round(scenario.lasts_s / 60), 60)
        assert rows[name][1:] == [scenario.begins, f"{hours} h {minutes:02d} min", scenario.tells]


def test_every_key_of_a_fault_is_listed() -> None:
    assert [key for row in table("key") for key in spans(row[0])] == [*RULE_KEYS]


def test_every_envelope_is_listed_with_its_status_and_text() -> None:
    faults = [value for value in vars(answers).values() if isinstance(value, Fault)] + [answers.invalid_field("…")]
    listed = table("status")
    for fault in faults:
        texts = [row[2] for row in listed if row[0] == str(fault.status) and spans(row[1]) == [fault.code]]
        words = [text.rstrip("…") for row in texts for text in row.split("; ")]
        assert any(word and fault.message.startswith(word) for word in words), fault


def test_the_well_known_values_are_named() -> None:
    for value in (
        *demo.CHECKOUTS,
        demo.PROCESSING,
        demo.KEY,
        demo.SECRET,
        demo.PASSKEY,
        demo.INITIATOR,
        *demo.SHORTCODES,
        demo.PAYER,
    ):
        assert f"`{value}`" in TEXT


CURLS = [line.strip().split("  #")[0] for line in TEXT.splitlines() if line.strip().startswith("curl ")]


@pytest.mark.parametrize("line", CURLS)
def test_every_line_with_curl_works(sandbox: Sandbox, line: str) -> None:
    words = shlex.split(line.replace("$SIM", f"{sandbox.url}/_sim"))
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    data = words[words.index("-d") + 1] if "-d" in words else None
    url = next(word for word in words if word.startswith("http"))
    answer = sandbox.control(method, url.removeprefix(sandbox.url), data=data)
    assert answer.ok, answer.text
    assert data is None or json.loads(data)
