"""The app as production runs it, over a snapshot with one public incident: fixtures of tests/conftest.py."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone

from incidents import timeline
from incidents.models import IncidentUpdate
from statuspage import publishing, snapshot
from statuspage.processes import die_with_parent
from tests.copies import ROOT, free_port, wait_for
from tests.factories import ComponentFactory
from tests.incidents.helpers import signed_notice


@pytest.fixture
def public_incident(snapshot_dir: Path) -> str:
    """A fresh snapshot with one public incident; its id."""
    now = timezone.now()
    component = ComponentFactory(code="stk-push")
    signed_notice()
    timeline.observe(component=component, status="partial_outage", since=now, now=now)
    update = publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=None, now=now)
    snapshot.extend_freshness(now=now)
    return str(update.incident.public_id)


@pytest.fixture
def app_url(public_incident: str, snapshot_dir: Path, settings: Any, tmp_path: Path) -> Iterator[str]:
    """The app as production runs it, over the test's snapshot."""
    port = free_port()
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "warning"]
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "granian", *options, "statuspage.wsgi:application"],
            cwd=ROOT,
            env={**os.environ, "HALI_SNAPSHOT_DIR": str(snapshot_dir)},
            stdout=log,
            stderr=log,
            preexec_fn=functools.partial(die_with_parent),
        )
    wait_for("the app answers", lambda: answers(f"http://127.0.0.1:{port}/"))
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=10)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
