"""The script for scripts, against a real server; and the API behind nginx and behind the app's own server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from incidents.models import Incident
from tests.copies import ROOT, free_port
from tests.factories import ComponentFactory
from tests.incidents.helpers import all_notices
from tests.statuspage.api import machine


def run(url: str, secret: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "hali.py"), *arguments],
        env={"HALI_URL": url, "HALI_TOKEN": secret, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.usefixtures("pages_unwritten")
def test_it_says_opens_updates_resolves_and_tells_refusals_in_one_line(live_server: LiveServer) -> None:
    cache.clear()
    all_notices()
    ComponentFactory(code="stk-push")
    ComponentFactory(code="payouts")
    secret = machine().secret
    said = run(live_server.url, secret, "say", "delayed", "stk-push")
    assert (said.returncode, said.stderr) == (0, ""), said
    assert "published" in said.stdout
    opened = run(
        live_server.url, secret, "--key", "batch-17", "open", "payouts", "delayed",
        "--name", "en=Late", "sw=Imechelewa", "--body", "en=Wait.", "sw=Subiri.", "--next", "30",
    )  # fmt: skip
    update = opened.stdout.split()[-1]
    assert Incident.objects.get(name__contains="Imechelewa").updates.get().public_id == update
    refused = run(live_server.url, secret, "publish", update)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("hali: ")
    assert refused.stderr.count("\n") == 1
    over = run(live_server.url, secret, "resolve", "stk-push")
    assert over.returncode in (0, 1)
    shown = run(live_server.url, secret, "show")
    assert len(shown.stdout.splitlines()) >= 1
    assert run(live_server.url, "hali_nobody", "show").returncode == 1
    assert run(live_server.url, "", "show").returncode == 2
    assert run(live_server.url, secret, "update", "bcdfghjklmnp", "--body", "Wait.").returncode == 2
    away = run(f"http://127.0.0.1:{free_port()}", secret, "show")
    assert away.returncode == 3
    assert "did not answer" in away.stderr


@pytest.mark.django_db(transaction=True)
def test_both_servers_hand_the_api_on_and_keep_its_public_file(
    app_url: str, snapshot_dir: Path, nginx_for: Callable[[Path, int], str]
) -> None:
    nginx = nginx_for(snapshot_dir, int(app_url.rpartition(":")[2]))
    away = nginx_for(snapshot_dir, free_port())
    for base in (app_url, nginx):
        assert requests.get(f"{base}/api/v1/status.json", timeout=60).headers["Access-Control-Allow-Origin"] == "*"
        assert requests.get(f"{base}/API/V1/Status.JSON", timeout=60).status_code == 200
        told = [
            requests.get(f"{base}/api/v1/incidents", timeout=60),
            requests.post(f"{base}/api/v1/incidents", json={}, timeout=60),
            requests.get(f"{base}/api/v1/nothing", timeout=60),
        ]
        assert [answer.status_code for answer in told] == [401, 401, 404]
        assert {answer.headers["Content-Type"] for answer in told} == {"application/problem+json"}
        assert requests.get(f"{base}/api/v1/openapi.json", timeout=60).json()["info"]["title"] == "Hali"
        assert requests.get(f"{base}/api/v2/nothing.json", timeout=60).json() == {"error": "not found"}
    gone: Any = requests.get(f"{away}/api/v1/incidents", timeout=60)
    assert (gone.status_code, gone.json()["type"]) == (503, "urn:hali:problem:try_again")
    assert requests.get(f"{away}/api/v1/status.json", timeout=60).status_code == 200
