"""A whole rehearsal, as `make drill` plays it: a morning in a minute, and its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.copies import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def test_the_ninth_of_january_is_played_seen_spoken_of_and_ended(tmp_path: Path) -> None:
    folder = tmp_path / "drill"
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "outside", "HALI_DATA_DIR": str(tmp_path / "outside")}
    command = [sys.executable, "manage.py", "drill", "jan9", "--folder", str(folder)]
    played = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=550, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    told = json.loads((folder / "report.json").read_text())
    assert told["is_good"]
    assert told["gates"]["signature_missing"] >= 1
    assert told["mails_kept"] >= 2
    home = folder / "snapshot" / "current" / "fresh" / "index.html"
    assert "Exercise. Nothing on this page has happened." in home.read_text()
