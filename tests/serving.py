"""The app as production runs it, over a snapshot with one public incident: fixtures of tests/conftest.py."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from incidents import timeline
from incidents.models import IncidentUpdate
from statuspage import publishing, snapshot
from statuspage.processes import die_with_parent
from tests.copies import ROOT, free_port, wait_for
from tests.factories import ComponentFactory
from tests.incidents.helpers import signed_notice


@contextmanager
def rows_for_a_module(blocker: DjangoDbBlocker, **settings: Any) -> Iterator[None]:
    """What is written inside is taken back afterwards; tests that run inside see it. `settings` hold while it is entered."""
    rows = transaction.atomic()
    rows._from_testcase = True  # type: ignore[attr-defined]  # as Django's own test case says that durable blocks may lie inside
    with blocker.unblock(), override_settings(**settings), rows:
        yield
        transaction.set_rollback(True)


@pytest.fixture
def public_incident(snapshot_dir: Path) -> str:
    """A fresh snapshot with one public incident; its id."""
    return publish_incident()


def publish_incident() -> str:
    now = timezone.now()
    component = ComponentFactory(code="stk-push")
    signed_notice()
    timeline.observe(component=component, status="partial_outage", since=now, now=now)
    update = publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=None, now=now)
    snapshot.extend_freshness(now=now)
    return str(update.incident.public_id)


@pytest.fixture
def app_url(public_incident: str, snapshot_dir: Path, tmp_path: Path) -> Iterator[str]:
    """The app as production runs it, over the test's snapshot."""
    with app_over(snapshot_dir, tmp_path / "web.log") as url:
        yield url


@contextmanager
def app_over(snapshot_dir: Path, written: Path) -> Iterator[str]:
    port = free_port()
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "warning"]
    with written.open("wb") as log:
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
