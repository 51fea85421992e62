"""A few faults of `make faults-table` in each run; all of them with TEST_FAULTS=full. And how its rows are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.copies import ROOT
from tests.faults import table
from tests.faults.acts import FAULTS

FULL = os.environ.get("TEST_FAULTS") == "full"
SOME = ["database-refused", "page-disk-full", "connections"]


@pytest.mark.long
@pytest.mark.faults
@pytest.mark.timeout(3 * 3600 if FULL else 900)
def test_readers_see_neither_errors_nor_false_green_and_all_is_whole_again() -> None:
    servers.binary("nginx", "/usr/sbin/nginx")
    names = list(FAULTS) if FULL else SOME
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.table", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    assert f"{len(names)} faults, 0 failed" in ran.stdout


def test_every_fault_is_in_one_lane_and_those_of_the_clock_together() -> None:
    lanes = table.lanes_of(list(FAULTS), 3)
    assert sorted(name for lane in lanes for name in lane) == sorted(FAULTS)
    assert sum(any(FAULTS[name].clock for name in lane) for lane in lanes) == 1


def test_a_row_that_is_run_anew_leaves_the_others_with_their_day_and_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, docs = table.DOCS.read_text(), tmp_path / "faults.md"
    docs.write_text(before)
    monkeypatch.setattr(table, "DOCS", docs)
    row = [FAULTS["two-beats"].tells, "20 s", "fresh throughout", "fresh throughout", "nothing", "0 s", "1", "2030-01-02 1a2b3c4"]
    table._write([table.Row("two-beats", row)])
    changed = set(docs.read_text().splitlines()) - set(before.splitlines())
    assert {line for line in changed if line.startswith("|")} == {"| " + " | ".join(row) + " |"}
