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


class SharedApp:
    """The app as production runs it, started once: each test puts its own snapshot behind it."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._served = folder / "served"
        options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "warning"]
        with (folder / "web.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "granian", *options, "statuspage.wsgi:application"],
                cwd=ROOT,
                env={**os.environ, "HALI_SNAPSHOT_DIR": str(self._served)},
                stdout=log,
                stderr=log,
                preexec_fn=functools.partial(die_with_parent),
            )
        wait_for("the app is up", self.has_nothing)

    @contextmanager
    def over(self, snapshot_dir: Path) -> Iterator[str]:
        """Its address while it serves this folder. Then it sees that there is none, so that nothing stays on its shelf."""
        self._served.symlink_to(snapshot_dir)
        try:
            assert answers(f"{self.url}/")
            yield self.url
        finally:
            self._served.unlink()
        assert self.has_nothing()

    def has_nothing(self) -> bool:
        try:
            return requests.get(f"{self.url}/", timeout=30).status_code == 503
        except requests.RequestException:
            return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedApp]:
    app = SharedApp(tmp_path_factory.mktemp("app"))
    yield app
    app.stop()


@pytest.fixture
def app_url(public_incident: str, snapshot_dir: Path, shared_app: SharedApp) -> Iterator[str]:
    """The app's address, over the test's snapshot."""
    with shared_app.over(snapshot_dir) as url:
        yield url


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=30).ok
    except requests.RequestException:
        return False
