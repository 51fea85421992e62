"""PostgreSQL, broker, agent, workers, web app and publisher die for good, in an order drawn by lot. The page stands, and says so.

Everything is read through nginx and through a caching proxy that takes `stale-if-error` at its word; at last nginx dies, too.
"""

from __future__ import annotations

import logging
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from tests import servers
from tests.copies import RunningCopy, wait_for
from tests.servers import Server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
log = logging.getLogger(__name__)

ENGLISH, SWAHILI = "We can’t confirm", "Hatuwezi kuthibitisha"
PAGE = 'data-freshness="stale"'
# What each file about now says when nobody reads the record any more, and never while somebody does.
ABOUT_NOW = {
    "/": PAGE,
    "/sw/": PAGE,
    "/text/": "WE CAN’T CONFIRM",
    "/poster": PAGE,
    "/components/stk-push": PAGE,
    "/sw/components/stk-push": PAGE,
    "/embed/frame": ENGLISH,
    "/history.atom": ENGLISH,
    "/history.rss": ENGLISH,
    "/updates.atom": ENGLISH,
    "/updates.rss": ENGLISH,
    "/feed.json": ENGLISH,
    "/cap.atom": ENGLISH,
    "/sw/history.atom": SWAHILI,
    "/sw/updates.atom": SWAHILI,
    "/badge.svg": ENGLISH,
    "/badge.json": ENGLISH,
    "/components/stk-push/badge.svg": ENGLISH,
    "/api/v1/status.json": '"freshness":"stale"',
    "/api/v2/summary.json": "We cannot confirm the current status",
    "/api/v2/status.json": "We cannot confirm the current status",
}
FOR_MACHINES = (
    "/api/v2/components.json",
    "/api/v2/incidents.json",
    "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json",
    "/api/v2/scheduled-maintenances/upcoming.json",
    "/api/v2/scheduled-maintenances/active.json",
    "/components/stk-push/updates.atom",
    "/history.json",
    "/maintenance.ics",
    "/record.jsonl",
    "/uptime.csv",
    "/sitemap.xml",
    "/robots.txt",
    "/embed/script.js",
    "/picture.png",
    "/favicon.ico",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Server]:
    """A PostgreSQL that is ours to kill."""
    folder = tmp_path / "postgresql"
    folder.mkdir()
    server = servers.start_postgresql(folder)
    yield server
    server.stop()


@pytest.fixture
def copy(tmp_path: Path, database: Server, valkey_process: Server) -> Iterator[RunningCopy]:
    """A copy with an open problem in its record."""
    named = {"DATABASE_URL": servers.make_database(database.url, "copy"), "REDIS_URL": valkey_process.url}
    running = RunningCopy(tmp_path / "copy", named)
    running.start()
    running.wait_until_green()
    assert running.manage("publish_notice", "paybill", "down").returncode == 0
    yield running
    assert running.process is not None
    running.process.send_signal(signal.SIGCONT)
    running.process.kill()  # what it started dies with it
    running.process.wait()


@pytest.fixture
def nginx(tmp_path: Path, copy: RunningCopy) -> Iterator[Server]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    server = servers.start_nginx(folder, snapshot=copy.folder / "snapshot", app_port=copy.port)
    yield server
    server.stop()


@pytest.fixture
def proxy(tmp_path: Path, nginx: Server) -> Iterator[Server]:
    folder = tmp_path / "proxy"
    folder.mkdir()
    server = servers.start_caching_proxy(folder, origin=nginx.url)
    yield server
    server.stop()


def every_address(origin: str) -> list[str]:
    """What the site map lists, and what programs read."""
    listed = ElementTree.fromstring(requests.get(f"{origin}/sitemap.xml", timeout=5).content).iter()
    pages = ["/" + node.text.split("/", 3)[3] for node in listed if node.tag.endswith("}loc") and node.text]
    return [*dict.fromkeys([*pages, *ABOUT_NOW, *FOR_MACHINES])]


def not_served(origin: str, paths: Sequence[str]) -> list[tuple[str, int]]:
    with requests.Session() as session:
        return [(path, code) for path in paths if (code := session.get(origin + path, timeout=5).status_code) != 200]


def still_confirmed(origin: str) -> list[str]:
    """The files about now that do not say that they cannot confirm."""
    with requests.Session() as session:
        said = {path: session.get(origin + path, timeout=5) for path in ABOUT_NOW}
    assert all(answer.status_code == 200 for answer in said.values()), origin
    return [path for path, answer in said.items() if ABOUT_NOW[path] not in answer.content.decode()]


def kill_all(copy: RunningCopy, servers_of_ours: dict[str, Server]) -> list[str]:
    """In an order drawn by lot; whoever would start them again is held still."""
    assert copy.process is not None
    copy.process.send_signal(signal.SIGSTOP)
    acts: dict[str, Callable[[], Any]] = {name: server.kill for name, server in servers_of_ours.items()}
    for name in ("agent", "worker", "beat", "web", "publisher"):
        for process in copy.running(name):
            acts[f"{name} {process.pid}"] = process.kill
    order = random.sample(sorted(acts), len(acts))
    for name in order:
        acts[name]()
    return order


def test_everything_dies_and_the_page_stands_and_says_that_it_cannot_confirm(
    copy: RunningCopy, database: Server, valkey_process: Server, nginx: Server, proxy: Server
) -> None:
    origins = (nginx.url, proxy.url)
    paths = every_address(nginx.url)
    assert [not_served(origin, paths) for origin in origins] == [[], []]
    assert set(still_confirmed(nginx.url)) == set(ABOUT_NOW)
    order = kill_all(copy, {"PostgreSQL": database, "broker": valkey_process})
    log.info("killed: %s", ", ".join(order))
    for origin in origins:
        assert not_served(origin, paths) == []
    wait_for("all about now cannot confirm", partial(none_confirms, origins), seconds=90)
    assert [not_served(origin, paths) for origin in origins] == [[], []]
    nginx.kill()
    assert not_served(proxy.url, paths) == []
    assert still_confirmed(proxy.url) == []


def none_confirms(origins: Sequence[str]) -> bool:
    return not any(still_confirmed(origin) for origin in origins)
