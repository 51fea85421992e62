"""A whole rehearsal, as `make drill` plays it: a morning in a minute, and its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from statuspage.drills.house import READERS
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
    _nothing_secret_is_in_a_log(folder)
    home = folder / "snapshot" / "current" / "fresh" / "index.html"
    assert "Exercise. Nothing on this page has happened." in home.read_text()


OPENS = (
    "SECRET_KEY",
    "HALI_ADDRESS_KEYS",
    "HALI_ADDRESS_HASH_KEY",
    "HALI_CALLBACK_TOKEN",
    "HALI_SMS_CALLBACK_TOKEN",
    "HALI_PUSH_KEY",
)


def _nothing_secret_is_in_a_log(folder: Path) -> None:
    """What opens something, and whom mails went to, in all that its processes wrote while they did their work."""
    lines = (line.partition("=") for line in (folder / "env").read_text().splitlines())
    planted = {name: value.strip("\"'") for name, _, value in lines if name in OPENS} | {
        "key": (folder / "agent.key").read_text().strip()
    }
    assert len(planted) == len(OPENS) + 1
    written = {path.name: path.read_text(errors="replace") for path in (*folder.glob("log/*.log"), *folder.glob("*.out"))}
    assert set(written) >= {"web.log", "worker.log", "agent.log", "publisher.log"}
    readers = {address: address for address, _ in READERS}
    found = [(name, log) for name, value in (planted | readers).items() for log, text in written.items() if value in text]
    assert found == []
