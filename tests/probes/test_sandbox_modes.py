"""Each way to fail over real HTTP, and the scenarios as faults on a clock."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests

from probes.sandbox import demo, tls
from probes.sandbox.modes import MODES
from probes.sandbox.scenarios import SCENARIOS
from probes.sandbox.server import Server
from tests.probes.conftest import Sandbox
from tests.probes.merchant import A_PUSH, MERCHANT, PUSH, QUERY, Start, get_token, post

A_QUERY = {**MERCHANT, "CheckoutRequestID": demo.PAID}


def seen(sandbox: Sandbox) -> tuple[int, str, bytes]:
    answer = post(sandbox, QUERY, A_QUERY)
    return answer.status_code, answer.headers["Content-Type"], answer.content


JSON, HTML = "application/json", "text/html"


@pytest.mark.parametrize(
    ("mode", "status", "content_type", "says"),
    [
        ("incapsula_html_503", 503, HTML, b"incident ID"),
        ("html_200", 200, HTML, b"<html>"),
        ("empty_500", 500, JSON, b""),
        ("busy", 500, JSON, b'"500.003.02","errorMessage":"System is busy'),
        ("internal", 500, JSON, b'"500.003.1001","errorMessage":"Internal Server Error"'),
        ("quota", 500, JSON, b'"500.003.03","errorMessage":"Quota Violation"'),
        ("spike_429", 429, JSON, b'"errorcode":"policies.ratelimit.SpikeArrestViolation"'),
        ("proxy_timeout", 504, JSON, b'"faultstring":"Gateway Timeout"'),
        ("token_flap", 404, JSON, b'"404.001.03","errorMessage":"Invalid Access Token"'),
        ("token_400_empty", 400, JSON, b""),
        ("soap_fault", 500, JSON, b'"faultcode":"soap:Server"'),
        ("blank_ack", 200, JSON, b'"ResponseCode":""'),
        ("query_pending_4999", 200, JSON, b'"ResultCode":"4999"'),
        ("query_false_failure", 200, JSON, b'"ResultCode":"1032"'),
    ],
)
def test_each_wrong_answer_looks_like_the_real_one(
    sandbox: Sandbox, mode: str, status: int, content_type: str, says: bytes
) -> None:
    sandbox.fault(mode, path="/mpesa/*")
    found_status, found_type, body = seen(sandbox)
    assert (found_status, found_type) == (status, content_type)
    assert (says in body) if says else body == b""


def test_a_flapping_token_leaves_the_token_call_and_bad_tokens_alone(sandbox: Sandbox) -> None:
    sandbox.fault("token_flap")
    assert len(get_token(sandbox)) == 28
    assert post(sandbox, QUERY, A_QUERY, "made up").json()["errorCode"] == "400.003.01"


def test_a_reset_breaks_off_in_the_middle_of_the_answer(sandbox: Sandbox) -> None:
    sandbox.fault("reset", path=QUERY)
    request = f"POST {QUERY} HTTP/1.1\r\nContent-Length: 0\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(request)
        with pytest.raises(ConnectionResetError):
            connection.makefile("rb").read()
    assert sandbox.log()[-1]["modes"] == ["reset"]


def test_a_mix_of_results_decides_how_a_push_ends(start_sandbox: Start) -> None:
    sandbox = start_sandbox(answer_after=1.0)
    sandbox.fault("result_mix", path="/mpesa/stkpush/*", codes={"1037": 1})
    checkout = post(sandbox, PUSH, A_PUSH).json()["CheckoutRequestID"]
    sandbox.clock.now += 1
    assert post(sandbox, QUERY, {**MERCHANT, "CheckoutRequestID": checkout}).json()["ResultCode"] == "1037"


# --- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture
def tls_port(sandbox: Sandbox, tmp_path: Any) -> Any:
    authority = tls.Authority()
    wrap = tls.wrapper(authority, lambda client: sandbox.gateway.faults.is_certificate_expired(client=client))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with Server(sandbox.gateway, 0, wrap) as server:
        server.start()
        yield lambda: requests.post(f"https://127.0.0.1:{server.port}{QUERY}", verify=str(tmp_path / "ca.pem"), timeout=10)
        server.shutdown()


def test_the_tls_port_speaks_with_a_good_certificate_until_told_to_show_one_that_is_over(
    sandbox: Sandbox, tls_port: Callable[[], requests.Response]
) -> None:
    assert tls_port().json()["errorCode"] == "404.001.04"
    sandbox.fault("tls_expired")
    with pytest.raises(requests.exceptions.SSLError, match="expired"):
        tls_port()
    assert sandbox.control("POST", QUERY).status_code == 404  # the plain port knows no certificates
    sandbox.clear()
    assert tls_port().status_code == 404


def test_bytes_that_are_no_handshake_do_not_harm_the_tls_port(
    sandbox: Sandbox, tls_port: Callable[[], requests.Response], capfd: pytest.CaptureFixture[str]
) -> None:
    port = int(tls_port().url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            connection.makefile("rb").read()
    assert tls_port().status_code == 404
    assert capfd.readouterr().err == ""


# --- Scenarios ----------------------------------------------------------------------------------------


def test_the_scenarios_are_those_of_the_book(sandbox: Sandbox) -> None:
    told = sandbox.control("GET", "/_sim/scenario").json()["scenarios"]
    assert list(told) == [
        "jan9", "jan22-paybill", "dec2018", "maintenance-overrun", "sms-lag", "waf-block", "status-flood", "biller-down",
    ]  # fmt: skip
    assert all(one["tells"] and one["lasts_s"] > 0 for one in told.values())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_takes_the_place_of_what_was_set_and_ends_by_itself(sandbox: Sandbox, name: str) -> None:
    sandbox.fault("busy")
    told = sandbox.scenario(name)
    assert (told["scenario"], told["speed"]) == (name, 1)
    rules = sandbox.control("GET", "/_sim/faults").json()["faults"]
    assert [rule["id"] for rule in rules] == list(range(1, len(SCENARIOS[name].rules) + 1))
    assert max(rule["ends_in_s"] for rule in rules) == told["lasts_s"]
    sandbox.clock.now += told["lasts_s"]
    assert sandbox.control("GET", "/_sim/faults").json() == {"faults": []}


def test_a_speed_shortens_the_story_but_no_latency(sandbox: Sandbox) -> None:
    slow, fast = (sandbox.scenario("dec2018", speed=speed)["faults"] for speed in (1, 60))
    for before, after in zip(slow, fast, strict=True):
        assert after["ends_in_s"] == pytest.approx(before["ends_in_s"] / 60, abs=0.1)
        assert after.get("p50_ms") == before.get("p50_ms")
        if "min_s" in before:
            assert (after["min_s"], after["max_s"]) == (before["min_s"] / 60, before["max_s"] / 60)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("jan9", b'{"speed": 0}', 400, "speed: give a number"),
        ("jan9", b'{"speed": "60"}', 400, "speed: give a number"),
        ("jan9", b'{"pace": 60}', 400, "one JSON object with speed"),
        ("jan9", b"fast", 400, "not JSON"),
        ("feb30", b"", 404, "POST /_sim/scenario/jan9"),
    ],
)
def test_a_scenario_that_cannot_be_played_says_what_to_change(
    sandbox: Sandbox, path: str, body: bytes, status: int, says: str
) -> None:
    answer = sandbox.control("POST", f"/_sim/scenario/{path}", data=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_a_body_is_not_needed(sandbox: Sandbox) -> None:
    assert sandbox.control("POST", "/_sim/scenario/waf-block").json()["speed"] == 1


# --- Determinism --------------------------------------------------------------------------------------

REPLAYED = [mode for mode in MODES if mode not in {"hang", "refuse", "reset", "tls_expired", "latency"}]


def a_day(sandbox: Sandbox) -> str:
    """A digest of every answer to a day of calls under all modes and one scenario."""
    digest = hashlib.sha256()
    sandbox.scenario("jan9", speed=60)
    for mode in REPLAYED:
        sandbox.fault(mode, rate=0.1)
    for _ in range(40):
        sandbox.clock.now += 7
        token = sandbox.control("GET", "/oauth/v1/generate?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET)).text
        bearer = json.loads(token)["access_token"] if token.startswith('{"access_token"') else "none"
        for path, fields in ((QUERY, A_QUERY), (PUSH, A_PUSH)):
            answer = post(sandbox, path, fields, bearer)
            digest.update(answer.content)
        digest.update(json.dumps([line.get("callback") for line in sandbox.log()]).encode())
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_sequence_under_every_mode(start_sandbox: Start) -> None:
    first, second, other = (a_day(start_sandbox(seed=seed, by_hand=True)) for seed in (3, 3, 4))
    assert first == second != other
