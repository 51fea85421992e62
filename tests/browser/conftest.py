"""A real Chromium. Playwright's loop runs in our thread, which Django would take for an async one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from statuspage.snapshot import swapping
from tests.servers import binary, found
from tests.serving import SharedApp, publish_incident, rows_for_a_module

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = found("chromium-headless-shell") or binary("chromium")  # the same browser, which draws no windows
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass(frozen=True)
class Site:
    """Public pages as the app serves them; the rows they were made from are gone. `made_at`: epoch seconds, as they say it."""

    url: str
    folder: Path
    incident: str
    made_at: float
    paths: list[str]  # what the module's `add_to_site` answered


@pytest.fixture(scope="module")
def made_site(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    shared_app: SharedApp,
) -> Iterator[Site]:
    """One app and one snapshot for a module, with a public incident and what its `add_to_site` adds."""
    add: Callable[[], list[str]] | None = getattr(request.module, "add_to_site", None)
    folder = tmp_path_factory.mktemp("site")
    with rows_for_a_module(django_db_blocker, SNAPSHOT_DIR=folder / "snapshot"):
        incident = publish_incident()
        paths = add() if add else []
        made = swapping.read_manifest(folder / "snapshot")
    assert made is not None
    with shared_app.over(folder / "snapshot") as url:
        yield Site(url, folder / "snapshot", incident, made.built_at, paths)


@pytest.fixture
def site(made_site: Site) -> Site:
    """It is fresh at the start of each test."""
    swapping.link_ahead(made_site.folder, now=time.time())
    return made_site
