"""The log: a click or a batch can be followed to what readers and subscribers got of it; errors reach Sentry without secrets."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import brotli
import pytest
from celery.app.log import Logging
from django.db import transaction
from django.test import Client

from incidents import record, timeline, tracing
from incidents.models import Incident
from statuspage import logs, snapshot
from statuspage.celery import app
from tests.copies import ROOT
from tests.factories import NOON, ComponentFactory


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as JSON."""
    kept: list[dict[str, Any]] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(json.loads(self.format(record)))

    keeper, root = Keeper(), logging.getLogger()
    keeper.setFormatter(logs.JsonFormatter())
    before = root.level
    root.addHandler(keeper)
    root.setLevel(logging.INFO)
    yield kept
    root.removeHandler(keeper)
    root.setLevel(before)


@pytest.mark.django_db(transaction=True)
def test_a_click_is_followed_to_its_entry_and_the_entry_to_the_page(lines: list[dict[str, Any]]) -> None:
    with tracing.since("click-1234abcd"), transaction.atomic():
        entry = record.append(kind="announcement", data={}, texts={}, now=NOON)
    snapshot.refresh(now=NOON)
    [said] = [line for line in lines if line["logger"] == "incidents.record"]
    assert (said["origin"], said["entry"], said["kind"]) == ("click-1234abcd", entry.seq, "announcement")
    [shown] = [line for line in lines if line["logger"] == "statuspage.snapshot" and "entry" in line]
    assert shown["entry"] == entry.seq


@pytest.mark.django_db(transaction=True)
def test_a_batch_of_outcomes_is_followed_to_the_draft_that_it_opened(lines: list[dict[str, Any]]) -> None:
    service = ComponentFactory(code="stk-push")
    with tracing.since("batch-1234abcd"):
        timeline.observe(component=service, status="major_outage", since=NOON, now=NOON)
    [said] = [line for line in lines if line["logger"] == "incidents.timeline"]
    assert said["origin"] == "batch-1234abcd"
    assert Incident.objects.get().public_id in said["message"]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(lines: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        record.append(kind="announcement", data={}, texts={}, now=NOON)
        transaction.set_rollback(True)
    assert not [line for line in lines if line["logger"] == "incidents.record"]


def test_a_worker_tells_what_is_followed_and_not_each_task(lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MP_FORK_LOGLEVEL_", "_MP_FORK_LOGFILE_", "_MP_FORK_LOGFORMAT_"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(Logging, "_setup", False)
    app.log.setup_logging_subsystem("WARNING")
    logging.getLogger("subscribers.leases").info("Sent: 1 of [7].")
    logging.getLogger("celery.app.trace").info("Task succeeded.")
    logging.getLogger("multiprocessing").error("A process exited.")
    assert [line["message"] for line in lines] == ["Sent: 1 of [7].", "A process exited."]


@pytest.mark.parametrize(("asked", "kept"), [("abcdef-123456", True), ("short", False), ("a b; DROP", False), ("", False)])
def test_an_answer_tells_the_name_of_its_request(client: Client, asked: str, kept: bool) -> None:
    name = client.get("/readyz", headers={"X-Request-ID": asked}).headers["X-Request-ID"]
    assert (name == asked) is kept
    assert len(name) >= 12


def test_a_line_of_json_holds_no_secret_and_no_field_that_nobody_named() -> None:
    made = logging.LogRecord("x", logging.ERROR, "", 0, "cannot reach %s", ("smtp://me:hunter2@mail",), None)
    made.entry, made.address = 7, "asha@customer.example"
    try:
        raise ValueError("https://status.example.org/manage/hunter2")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = logs.JsonFormatter().format(made)
    assert "hunter2" not in line
    assert "asha" not in line
    said = json.loads(line)
    assert (said["level"], said["entry"], "origin" in said) == ("ERROR", 7, False)
    assert said["at"].endswith("Z")


FAILS = """
import logging
import django
django.setup()
import sentry_sdk
from django.conf import settings
from incidents import tracing
logging.getLogger("x").warning("asked smtp://me:hunter2@mail.example.org")
with tracing.since("click-1234abcd"):
    try:
        planted = "hunter2"
        raise ValueError(f"no: {settings.SECRET_KEY} /manage/hunter2 {settings.METRICS_TOKEN}")
    except ValueError:
        logging.getLogger("x").exception("it failed with redis://:hunter2@broker")
sentry_sdk.flush(5)
"""


class FakeSentry(HTTPServer):
    """Takes what a client of Sentry sends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Taking(BaseHTTPRequestHandler):
    server: FakeSentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        unpack = {"gzip": gzip.decompress, "br": brotli.decompress}.get(str(self.headers.get("Content-Encoding")), bytes)
        self.server.taken.append(unpack(body).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"DJANGO_SETTINGS_MODULE": "statuspage.settings", "HALI_DATA_DIR": str(folder), "SECRET_KEY": "the-secret-key" * 4}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_errors_reach_sentry_with_their_origin_and_without_secrets(tmp_path: Path) -> None:
    with FakeSentry() as sentry:
        dsn = f"http://public@127.0.0.1:{sentry.server_port}/1"
        done = run(FAILS, tmp_path, HALI_SENTRY_DSN=dsn, HALI_METRICS_TOKEN="of-the-metrics-alone")
        sentry.shutdown()
    assert done.returncode == 0, done.stderr
    sent = "\n".join(sentry.taken)
    assert "it failed with" in sent
    assert "click-1234abcd" in sent
    for secret in ("hunter2", "the-secret-key", "of-the-metrics-alone"):
        assert secret not in sent


def test_an_address_of_sentry_that_is_none_is_one_line(tmp_path: Path) -> None:
    done = run("import django; django.setup()", tmp_path, HALI_SENTRY_DSN="sentry")
    assert "HALI_SENTRY_DSN: give an address as https://<key>@sentry.example.org/<number>." in done.stderr


def test_nobody_loads_sentry_who_did_not_ask_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import statuspage.settings, sys; sys.exit('sentry_sdk' in sys.modules)"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "HALI_DATA_DIR": "/nonexistent"},
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
