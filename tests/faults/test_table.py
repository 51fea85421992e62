"""A few faults of `make faults-table` in each run; all of them with TEST_FAULTS=full."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import servers
from tests.copies import ROOT
from tests.faults.acts import FAULTS

FULL = os.environ.get("TEST_FAULTS") == "full"
SOME = ["database-refused", "page-disk-full", "connections"]
pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.timeout(3 * 3600 if FULL else 900)]


def test_readers_see_neither_errors_nor_false_green_and_all_is_whole_again() -> None:
    servers.binary("nginx", "/usr/sbin/nginx")
    names = list(FAULTS) if FULL else SOME
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.table", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    assert f"{len(names)} faults, 0 failed" in ran.stdout
