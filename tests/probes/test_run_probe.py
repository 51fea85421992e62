"""The command run_probe: one probe, now, from here."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from io import StringIO
from threading import Thread
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from probes import recording, scheduling
from probes.models import ProbeSchedule, Result
from probes.probers import tracing
from probes.recording import Report
from tests.copies import wait_for
from tests.factories import ProbeFactory, ProbeScheduleFactory, VantageFactory
from tests.probes.conftest import Sandbox

pytestmark = pytest.mark.django_db


def test_an_ok_outcome_is_printed_and_nothing_is_recorded(sandbox: Sandbox) -> None:
    ProbeFactory(
        code="token",
        kind="payment_flow",
        spec={"base_url": sandbox.url, "recipe": "oauth", "credentials": "SANDBOX"},
    )
    out = StringIO()
    call_command("run_probe", "token", stdout=out)
    assert "token (payment_flow): ok" in out.getvalue()
    assert "ms in all (dns" in out.getvalue()
    assert not Result.objects.exists()


def test_anything_but_ok_exits_with_1(sandbox: Sandbox) -> None:
    ProbeFactory(code="page", spec={"url": sandbox.url + "/nothing"})
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("run_probe", "page", "--json", stdout=out)
    assert end.value.code == 1
    outcome = json.loads(out.getvalue())
    assert (outcome["status"], outcome["error_class"], outcome["http_status"]) == ("down", "status", 404)


def test_an_impossible_target_is_one_clear_line() -> None:
    ProbeFactory(code="odd", spec={"url": "pay.example"})
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("run_probe", "odd", stdout=out)
    assert "odd (http): misconfigured, target" in out.getvalue()
    assert "http:// or https://" in out.getvalue()


def test_an_unknown_code_names_the_known_ones_and_exits_with_2() -> None:
    ProbeFactory(code="page")
    with pytest.raises(CommandError, match=r"no probe 'pages'\. Known: page") as error:
        call_command("run_probe", "pages")
    assert error.value.returncode == 2


def debugged(code: str) -> str:
    out = StringIO()
    with suppress(SystemExit):
        call_command("run_probe", code, "--debug", stdout=out)
    return out.getvalue()


def test_debug_prints_the_request_its_phases_every_assertion_and_what_the_outcome_is_worth(sandbox: Sandbox) -> None:
    spec = {"url": f"{sandbox.url}/_sim/faults?key=planted-9f8a7b", "body_contains": "no such words", "degraded_ms": 2000}
    probe = ProbeFactory(code="page", spec=spec, interval=10)
    for name in ("nairobi", "mombasa", "london"):
        ProbeScheduleFactory(probe=probe, vantage=VantageFactory(name=name))
    lines = debugged("page").splitlines()
    assert lines[0].startswith("probe      page (http) for service-")
    assert lines[1] == "deadline   8 s in all"
    assert f"request    GET {sandbox.url}/_sim/faults?… (127.0.0.1)" in lines
    assert {line.split()[0] for line in lines if line.startswith("  ")} >= {"connect", "ttfb", "in"}
    assert "assertion  status 200-299: holds" in lines
    assert "assertion  body_contains: DOES NOT HOLD" in lines
    assert "outcome    down, assertion: status 200, but the expected text is missing" in lines
    assert lines[-1].startswith("verdict    a vote for “")
    assert lines[-1].endswith("2 of the last 3 at a vantage, 2 of its 3 vantages agreeing, confirm it")


@pytest.mark.parametrize(
    ("vantages", "quorum", "words"),
    [
        ([], 2, "2 of the last 3 at a vantage; it runs at none yet, confirm it"),
        (["nairobi"], 2, "2 of the last 3 at its one vantage, confirm it"),
        (["nairobi", "mombasa"], 3, "2 of the last 3 at a vantage, 2 of its 2 vantages agreeing, confirm it"),
        (["nairobi", "mombasa"], 1, "2 of the last 3 at one of its 2 vantages, confirm it"),
    ],
)
def test_the_verdict_counts_the_vantages_that_there_are(vantages: list[str], quorum: int, words: str, sandbox: Sandbox) -> None:
    probe = ProbeFactory(code="page", quorum=quorum, spec={"url": f"{sandbox.url}/_sim/faults", "body_contains": "no such words"})
    for name in vantages:
        ProbeScheduleFactory(probe=probe, vantage=VantageFactory(name=name))
    ProbeScheduleFactory(probe=probe, vantage=VantageFactory(name="switched-off", enabled=False))
    assert debugged("page").rstrip().endswith(words)


@pytest.mark.parametrize("options", [[], ["--debug"], ["--json"], ["--at", "nairobi"]])
def test_what_is_pushed_is_not_run_and_says_where_to_push(options: list[str]) -> None:
    ProbeFactory(code="nightly", kind="heartbeat", spec={"secret": "SETTLEMENT"})
    with pytest.raises(CommandError) as error:
        call_command("run_probe", "nightly", *options)
    assert error.value.returncode == 1
    assert str(error.value) == (
        "nightly (heartbeat) is pushed to us, nothing is run: POST to http://127.0.0.1:8000/push/nightly, signed with "
        "HALI_SECRET_SETTLEMENT of the web app. docs/pushes.md has the lines."
    )


def test_debug_prints_no_secret(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL", "planted-7c6d5e")
    spec = {
        "url": f"{sandbox.url}/_sim/faults?token=planted-1a2b3c",
        "secret_headers": {"X-Api-Key": "PORTAL"},
        "degraded_ms": 9000,
    }
    ProbeFactory(code="page", spec=spec)
    said = debugged("page")
    assert "assertion  degraded_ms 9000: holds" in said
    assert "planted" not in said


def test_debug_prints_every_request_of_a_recipe(sandbox: Sandbox) -> None:
    spec = {"base_url": sandbox.url, "recipe": "stk-query", "credentials": "SANDBOX"}
    ProbeFactory(code="query", kind="payment_flow", spec=spec)
    said = debugged("query")
    assert said.count("request    ") == 2, "the token and the query"
    assert "outcome    ok: stk-query: " in said
    assert "; 3 in a row end a trouble" in said


def test_debug_of_a_port_shows_its_host_and_phases(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port
    ProbeFactory(code="port", kind="tcp", spec={"host": "127.0.0.1", "port": port})
    lines = debugged("port").splitlines()
    assert lines[2] == f"connection to 127.0.0.1, port {port} (127.0.0.1)"
    assert [line.split()[0] for line in lines[3:6]] == ["dns", "connect", "in"]


def test_debug_of_a_name_shows_the_question_and_the_resolver() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:  # bound, and never answering
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        spec = {"name": "pay.example", "record": "MX", "resolver": "127.0.0.1", "port": port}
        ProbeFactory(code="name", kind="dns", spec=spec, timeout=0.3)
        lines = debugged("name").splitlines()
    assert lines[2] == f"question   pay.example MX, to the resolver 127.0.0.1, port {port}, by udp"
    assert "outcome    down, timeout_read: the resolver does not answer in time" in lines


def test_debug_of_a_certificate_asks_for_nothing(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port
    ProbeFactory(code="certificate", kind="tls", spec={"host": "127.0.0.1", "port": port})
    said = debugged("certificate")
    assert f"handshake  TLS with 127.0.0.1:{port}" in said
    assert "GET" not in said


def test_debug_of_a_flow_names_the_step_of_each_request(sandbox: Sandbox) -> None:
    steps = [{"name": name, "path": "/_sim/faults"} for name in ("first", "second")]
    ProbeFactory(code="flow", kind="flow", spec={"base_url": sandbox.url, "steps": steps})
    asked = [line for line in debugged("flow").splitlines() if line.startswith(("step ", "request "))]
    assert [line.partition("GET")[0].strip() for line in asked] == [
        "step       1 (first)", "request", "step       2 (second)", "request"
    ]  # fmt: skip


def test_nothing_is_noted_while_nobody_looks(sandbox: Sandbox) -> None:
    ProbeFactory(code="page", spec={"url": f"{sandbox.url}/_sim/faults"})
    with tracing.watched() as lines:
        pass
    call_command("run_probe", "page", stdout=StringIO())
    assert lines == []


@pytest.mark.django_db(transaction=True)
def test_the_agents_of_named_vantages_run_it_and_their_outcomes_are_printed() -> None:
    """The tick and the agent's way back, played by a thread."""
    row = ProbeScheduleFactory(probe=ProbeFactory(code="page"))

    def agent() -> None:
        try:
            wait_for("the row asks for a run", lambda: bool(ProbeSchedule.objects.asked()))
            [(_, slot)] = scheduling.claim_asked(now=int(time.time()))
            report = Report(row.probe_id, slot, 1, "down", "refused", "connection refused", None, None, {}, time.time(), 0)
            recording.record(vantage_name="nairobi", reports=[report], now=timezone.now())
        finally:
            connection.close()

    thread = Thread(target=agent)
    thread.start()
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("run_probe", "page", "--at", "nairobi", stdout=out)
    thread.join()
    assert end.value.code == 1
    assert out.getvalue() == "page at nairobi: down; connection refused\n"


def test_a_vantage_where_it_does_not_run_is_one_clear_line() -> None:
    ProbeFactory(code="page")
    with pytest.raises(CommandError, match="It does not run at mombasa: switch on its schedule") as error:
        call_command("run_probe", "page", "--at", "mombasa")
    assert error.value.returncode == 2
