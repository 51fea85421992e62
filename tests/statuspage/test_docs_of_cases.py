"""docs/edge-cases.md: every test that it names is there."""

from __future__ import annotations

import re

from tests.copies import ROOT


def test_every_edge_case_of_the_desk_is_held_by_a_test_that_exists() -> None:
    table = (ROOT / "docs" / "edge-cases.md").read_text()
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| case")]
    written = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    named = [re.findall(r"`(test_\w+)`", row) for row in rows]
    assert len(rows) == 24
    assert all(named)
    assert {name for row in named for name in row} - written == set()
