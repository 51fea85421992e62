"""The sandbox gateway over real HTTP: its answers, its faults, its control address, and what it never tells."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from probes.sandbox import demo
from probes.sandbox.endpoints import ENDPOINTS
from probes.sandbox.modes import MODES
from probes.sandbox.scenarios import SCENARIOS
from tests.probes.conftest import Sandbox
from tests.probes.merchant import (
    A_PUSH,
    MERCHANT,
    PASSWORD,
    PAYER,
    PUSH,
    QUERY,
    TOKEN,
    Merchant,
    Start,
    code_of,
    get_token,
    post,
)

ROOT = Path(__file__).resolve().parents[2]
# --- Endpoints --------------------------------------------------------------------------------------


def test_right_keys_get_a_token_for_3599_seconds(sandbox: Sandbox) -> None:
    answer = sandbox.control("GET", f"{TOKEN}?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["expires_in"] == "3599"
    assert len(answer.json()["access_token"]) == 28


def test_wrong_keys_get_400_with_an_empty_body(sandbox: Sandbox) -> None:
    answer = sandbox.control("GET", f"{TOKEN}?grant_type=client_credentials", auth=(demo.KEY, "wrong"))
    assert (answer.status_code, answer.content) == (400, b"")


def test_another_grant_type_is_named(sandbox: Sandbox) -> None:
    answer = sandbox.control("GET", f"{TOKEN}?grant_type=password", auth=(demo.KEY, demo.SECRET))
    assert code_of(answer) == (400, "400.008.02", "Invalid grant type passed")


def test_a_new_token_voids_the_one_before(sandbox: Sandbox) -> None:
    first, second = get_token(sandbox), get_token(sandbox)
    query = {**MERCHANT, "CheckoutRequestID": demo.PAID}
    assert code_of(post(sandbox, QUERY, query, first)) == (404, "404.001.03", "Invalid Access Token")
    assert post(sandbox, QUERY, query, second).status_code == 200


def test_a_token_ends_after_3599_seconds(sandbox: Sandbox) -> None:
    token = get_token(sandbox)
    query = {**MERCHANT, "CheckoutRequestID": demo.PAID}
    sandbox.clock.now += 3598
    assert post(sandbox, QUERY, query, token).status_code == 200
    sandbox.clock.now += 1
    assert code_of(post(sandbox, QUERY, query, token))[:2] == (401, "401.002.01")
    assert code_of(post(sandbox, QUERY, query, "made up"))[:2] == (400, "400.003.01")


@pytest.mark.parametrize("path", [PUSH, QUERY])
def test_a_call_without_a_bearer_token_is_refused(sandbox: Sandbox, path: str) -> None:
    assert code_of(sandbox.control("POST", path, json={})) == (404, "404.001.04", "Invalid Authentication Header")


def test_a_push_is_acknowledged_with_its_ids(sandbox: Sandbox) -> None:
    answer = post(sandbox, PUSH, A_PUSH).json()
    assert answer["ResponseCode"] == "0"
    assert answer["ResponseDescription"] == "Success. Request accepted for processing"
    assert answer["CheckoutRequestID"].startswith("ws_CO_")
    assert answer["CheckoutRequestID"].endswith(PAYER[-9:])
    assert set(answer) == {
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResponseCode",
        "ResponseDescription",
        "CustomerMessage",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("BusinessShortCode", "12"),
        ("BusinessShortCode", None),
        ("Timestamp", "today"),
        ("TransactionType", "Gift"),
        ("Amount", 0),
        ("Amount", "1.5"),
        ("Amount", "²"),
        ("Amount", "9" * 5000),
        ("Amount", True),
        ("PartyA", "0708374149"),
        ("PartyB", ""),
        ("PhoneNumber", "254208374149"),
        ("CallBackURL", "merchant.example"),
        ("CallBackURL", "http://127.0.0.1/\r\nX: 1"),
        ("AccountReference", ""),
        ("TransactionDesc", None),
        ("TransactionDesc", "longer than thirteen"),
    ],
)
def test_a_push_with_a_wrong_field_names_it(sandbox: Sandbox, field: str, value: Any) -> None:
    answer = post(sandbox, PUSH, {**A_PUSH, field: value})
    assert code_of(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"[" * 60_000, b'{"a": 1' + b"0" * 5000 + b"}", b"\xff\xfe"])
@pytest.mark.parametrize("path", [PUSH, QUERY])
def test_a_body_that_is_no_object_is_an_invalid_payload(sandbox: Sandbox, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {get_token(sandbox)}", "Content-Type": "application/json"}
    answer = sandbox.control("POST", path, data=body, headers=headers)
    assert code_of(answer) == (400, "400.002.05", "Invalid Request Payload")


def test_an_unknown_short_code_and_a_wrong_password_share_one_code(sandbox: Sandbox) -> None:
    answer = post(sandbox, PUSH, {**A_PUSH, "BusinessShortCode": "600000"})
    assert code_of(answer) == (500, "500.001.1001", "Merchant does not exist")
    answer = post(sandbox, PUSH, {**A_PUSH, "Password": "bm8="})
    assert code_of(answer) == (500, "500.001.1001", "Wrong credentials")


def test_a_query_is_pending_until_the_payer_has_answered(start_sandbox: Start) -> None:
    sandbox = start_sandbox(answer_after=30.0)
    query = {**MERCHANT, "CheckoutRequestID": post(sandbox, PUSH, A_PUSH).json()["CheckoutRequestID"]}
    answer = post(sandbox, QUERY, query)
    assert (answer.status_code, answer.json()["ResultCode"]) == (200, "4999")
    assert answer.json()["ResultDesc"] == "The transaction is still under processing"
    sandbox.clock.now += 30
    assert post(sandbox, QUERY, query).json()["ResultCode"] == "0"


@pytest.mark.parametrize(("checkout", "code"), list(demo.CHECKOUTS.items()))
def test_well_known_requests_always_get_their_answer(sandbox: Sandbox, checkout: str, code: str) -> None:
    answer = post(sandbox, QUERY, {**MERCHANT, "CheckoutRequestID": checkout}).json()
    assert (answer["ResponseCode"], answer["ResultCode"], answer["CheckoutRequestID"]) == ("0", code, checkout)


def test_an_unknown_request_is_refused(sandbox: Sandbox) -> None:
    answer = post(sandbox, QUERY, {**MERCHANT, "CheckoutRequestID": "ws_CO_NOBODY"})
    assert code_of(answer) == (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")


def test_unknown_paths_and_wrong_methods_get_the_gateways_envelopes(sandbox: Sandbox) -> None:
    assert code_of(sandbox.control("GET", "/mpesa/nothing")) == (404, "404.001.01", "Resource not found")
    assert code_of(sandbox.control("POST", PUSH + "/more")) == (404, "404.002.01", "Resource not found")
    assert code_of(sandbox.control("GET", PUSH)) == (405, "405.001", "Method Not Allowed")


# --- Callbacks ----------------------------------------------------------------------------------------


def test_the_callback_tells_the_merchant_how_it_ended(start_sandbox: Start, merchant: Merchant) -> None:
    sandbox = start_sandbox(answer_after=0.0)
    ids = post(sandbox, PUSH, {**A_PUSH, "CallBackURL": merchant.url}).json()
    path, body = merchant.posted.get(timeout=10)
    callback = body["Body"]["stkCallback"]
    assert path == "/hook/planted-token?a=b"
    assert callback["CheckoutRequestID"] == ids["CheckoutRequestID"]
    assert callback["MerchantRequestID"] == ids["MerchantRequestID"]
    assert (callback["ResultCode"], callback["ResultDesc"]) == (0, "The service request is processed successfully.")
    items = {item["Name"]: item.get("Value") for item in callback["CallbackMetadata"]["Item"]}
    assert (items["Amount"], items["PhoneNumber"], items["Balance"]) == (1.0, int(PAYER), None)
    assert len(items["MpesaReceiptNumber"]) == 10
    assert len(str(items["TransactionDate"])) == 14


def test_a_late_callback_leaves_the_acknowledgement_in_time(start_sandbox: Start, merchant: Merchant) -> None:
    sandbox = start_sandbox(answer_after=0.0)
    sandbox.fault("callback_delay", path="/mpesa/stkpush/*", min_s=3600, max_s=3600)
    late = post(sandbox, PUSH, {**A_PUSH, "CallBackURL": merchant.url}).json()
    sandbox.clear()
    in_time = post(sandbox, PUSH, {**A_PUSH, "CallBackURL": merchant.url}).json()
    _, body = merchant.posted.get(timeout=10)
    assert body["Body"]["stkCallback"]["CheckoutRequestID"] == in_time["CheckoutRequestID"] != late["CheckoutRequestID"]
    assert merchant.posted.empty()


@pytest.mark.parametrize(
    "url",
    [
        "https://merchant.example/hook",
        "http://192.0.2.1/hook",
        "https://127.0.0.1/hook",
        "http://127.0.0.1.merchant.example/hook",
        "http://[::1/hook",
        "http://127.0.0.1:99999/hook",
    ],
)
def test_no_callback_leaves_this_machine(start_sandbox: Start, url: str) -> None:
    sandbox = start_sandbox(answer_after=0.0)
    assert post(sandbox, PUSH, {**A_PUSH, "CallBackURL": url}).status_code == 200
    assert [line["callback"] for line in sandbox.log() if "callback" in line] == [
        "not sent: only http:// on a loopback address is called"
    ]


# --- Faults -------------------------------------------------------------------------------------------


def test_busy_refuses_with_the_gateways_own_words(sandbox: Sandbox) -> None:
    sandbox.fault("busy", path="/mpesa/stkpush*")
    assert code_of(sandbox.control("POST", QUERY)) == (
        500,
        "500.003.02",
        "System is busy. Please try again in few minutes.",
    )
    assert sandbox.control("GET", f"{TOKEN}?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET)).ok


def test_empty_500_has_no_body(sandbox: Sandbox) -> None:
    sandbox.fault("empty_500")
    answer = sandbox.control("POST", QUERY)
    assert (answer.status_code, answer.content) == (500, b"")


def test_refuse_resets_the_connection(sandbox: Sandbox) -> None:
    sandbox.fault("refuse")
    with pytest.raises(requests.ConnectionError):
        sandbox.control("POST", QUERY)


def test_a_hanging_request_goes_on_when_the_faults_are_cleared(sandbox: Sandbox) -> None:
    sandbox.fault("hang", seconds=600)
    ended = threading.Event()

    def ask() -> None:
        with pytest.raises(requests.ConnectionError):
            sandbox.control("POST", QUERY)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    while not sandbox.control("GET", "/_sim/faults").json()["faults"][0]["applied"]:
        pass
    assert not ended.is_set()
    sandbox.clear()
    thread.join(10)
    assert ended.is_set()


def test_a_fault_waits_for_its_beginning_and_ends_by_itself(sandbox: Sandbox) -> None:
    sandbox.fault("empty_500", after_s=60, for_s=120)
    seen = []
    for _ in range(7):
        seen.append(sandbox.control("POST", QUERY).status_code)
        sandbox.clock.now += 30
    assert seen == [404, 404, 500, 500, 500, 500, 404]
    assert sandbox.control("GET", "/_sim/faults").json() == {"faults": []}


def test_a_rate_of_half_hits_about_half(sandbox: Sandbox) -> None:
    sandbox.fault("empty_500", rate=0.5)
    hits = sum(sandbox.control("POST", QUERY).status_code == 500 for _ in range(200))
    assert 70 <= hits <= 130


def test_a_rate_of_zero_never_hits(sandbox: Sandbox) -> None:
    sandbox.fault("empty_500", rate=0)
    assert {sandbox.control("POST", QUERY).status_code for _ in range(20)} == {404}


def test_faults_add_up_and_the_first_with_an_answer_gives_it(sandbox: Sandbox) -> None:
    sandbox.fault("latency", p50_ms=1, p95_ms=1)
    sandbox.fault("empty_500")
    sandbox.fault("busy")
    assert sandbox.control("POST", QUERY).content == b""
    assert sandbox.log()[-1]["modes"] == ["latency", "empty_500", "busy"]


def a_session(sandbox: Sandbox) -> list[tuple[int, bytes]]:
    sandbox.fault("busy", path="/mpesa/stkpushquery*", rate=0.5)
    sandbox.fault("empty_500", path="/mpesa/stkpush/*", rate=0.3)
    seen = []
    for _ in range(30):
        sandbox.clock.now += 1
        token = get_token(sandbox)
        for path, fields in ((QUERY, {**MERCHANT, "CheckoutRequestID": demo.PAID}), (PUSH, A_PUSH), (PUSH, {})):
            answer = post(sandbox, path, fields, token)
            seen.append((answer.status_code, answer.content))
    return seen


def test_the_same_seed_and_requests_give_the_same_answers_byte_for_byte(start_sandbox: Start) -> None:
    first, second, other = (a_session(start_sandbox(seed=seed, answer_after=600.0)) for seed in (7, 7, 8))
    assert first == second
    assert [status for status, _ in first] != [status for status, _ in other]


def test_traffic_on_another_path_does_not_change_what_a_fault_hits(start_sandbox: Start) -> None:
    def hits(sandbox: Sandbox, noise: int) -> list[int]:
        sandbox.fault("empty_500", path=QUERY, rate=0.5)
        seen = []
        for _ in range(20):
            for _ in range(noise):
                get_token(sandbox)
            seen.append(sandbox.control("POST", QUERY).status_code)
        return seen

    assert hits(start_sandbox(seed=3), 0) == hits(start_sandbox(seed=3), 2)


def test_the_same_faults_set_again_hit_the_same_requests(sandbox: Sandbox) -> None:
    def hits() -> list[int]:
        sandbox.clear()
        sandbox.fault("empty_500", rate=0.5)
        return [sandbox.control("POST", QUERY).status_code for _ in range(20)]

    assert hits() == hits()


# --- Control ------------------------------------------------------------------------------------------


def test_the_control_address_lists_endpoints_and_modes(sandbox: Sandbox) -> None:
    told = sandbox.control("GET", "/_sim").json()
    assert len(told["endpoints"]) == len(ENDPOINTS)
    assert set(told["modes"]) == set(MODES)
    assert set(told["scenarios"]) == set(SCENARIOS)


def test_faults_are_set_listed_and_cleared(sandbox: Sandbox) -> None:
    sandbox.fault("busy", path="/mpesa/*", rate=0.7, after_s=5, for_s=60)
    [rule] = sandbox.control("GET", "/_sim/faults").json()["faults"]
    assert rule == {
        "id": 1,
        "path": "/mpesa/*",
        "mode": "busy",
        "rate": 0.7,
        "active": False,
        "starts_in_s": 5.0,
        "ends_in_s": 65.0,
        "applied": 0,
    }
    assert sandbox.clear() == 1
    assert sandbox.clear() == 0


def test_faults_never_hit_the_control_address(sandbox: Sandbox) -> None:
    sandbox.fault("refuse", path="*")
    assert sandbox.control("GET", "/_sim/faults").ok
    assert sandbox.clear() == 1


@pytest.mark.parametrize(
    ("request_body", "says"),
    [
        (b"not json", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"[]", "one JSON object"),
        (b"{}", "mode: give one of latency, hang"),
        (b'{"mode": "explode", "path": "/x"}', "mode: give one of"),
        (b'{"mode": ["busy"], "path": "/x"}', "mode: give one of"),
        (b'{"mode": "busy"}', "path: give a glob"),
        (b'{"mode": "busy", "path": "mpesa"}', "path: give a glob"),
        (b'{"mode": "busy", "path": 5}', "path: give a glob"),
        (b'{"mode": "busy", "path": "/x", "rate": 1.5}', "rate: give a number from 0 to 1"),
        (b'{"mode": "busy", "path": "/x", "rate": "1"}', "rate: give a number"),
        (b'{"mode": "busy", "path": "/x", "rate": true}', "rate: give a number"),
        (b'{"mode": "busy", "path": "/x", "rate": NaN}', "rate: give a number"),
        (b'{"mode": "busy", "path": "/x", "after_s": -1}', "after_s: give a number"),
        (b'{"mode": "busy", "path": "/x", "for_s": Infinity}', "for_s: give a number"),
        (b'{"mode": "busy", "path": "/x", "p50_ms": 5}', "'p50_ms' is not known for mode busy"),
        (b'{"mode": "latency", "path": "/x", "p50_ms": 10, "p95_ms": 5}', "swap them"),
        (b'{"mode": "hang", "path": "/x", "seconds": 100000}', "seconds: give a number from 0 to 600"),
        (b'{"mode": "busy", "path": "/x", "client": 5}', "client: give a glob"),
        (b'{"mode": "busy", "path": "/x", "shortcode": ""}', "shortcode: give the short code"),
        (b'{"mode": "result_mix", "path": "/x", "codes": []}', "codes: give each result code its share"),
        (b'{"mode": "result_mix", "path": "/x", "codes": {}}', "codes: give each result code its share"),
        (b'{"mode": "result_mix", "path": "/x", "codes": {"no": 1}}', "codes: give each result code its share"),
        (b'{"mode": "result_mix", "path": "/x", "codes": {"0": 0}}', "codes: give each result code its share"),
        (b'{"mode": "result_mix", "path": "/x", "codes": {"0": "1"}}', "codes: give each result code its share"),
    ],
)
def test_a_control_request_that_cannot_be_obeyed_says_what_to_change(sandbox: Sandbox, request_body: bytes, says: str) -> None:
    answer = sandbox.control("POST", "/_sim/faults", data=request_body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert sandbox.control("GET", "/_sim/faults").json() == {"faults": []}


def test_one_percentile_alone_takes_the_other_along(sandbox: Sandbox) -> None:
    sandbox.fault("latency", path="/x", p50_ms=9000)
    sandbox.fault("latency", path="/x", p95_ms=100)
    rules = sandbox.control("GET", "/_sim/faults").json()["faults"]
    assert [(rule["p50_ms"], rule["p95_ms"]) for rule in rules] == [(9000, 9000), (100, 100)]


def test_unknown_control_addresses_and_methods_name_the_known_ones(sandbox: Sandbox) -> None:
    unknown, wrong = sandbox.control("GET", "/_sim/nothing"), sandbox.control("PUT", "/_sim/faults")
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    for answer in (unknown, wrong):
        assert "POST /_sim/faults" in answer.json()["error"]


def test_the_log_tells_what_came_and_what_was_done_to_it(sandbox: Sandbox) -> None:
    sandbox.fault("empty_500", path=QUERY)
    sandbox.control("POST", QUERY)
    get_token(sandbox)
    query, token = sandbox.log()
    assert (query["method"], query["path"], query["modes"], query["status"]) == ("POST", QUERY, ["empty_500"], 500)
    assert (token["path"], token["modes"], token["status"]) == (TOKEN, [], 200)
    assert query["time"].endswith("Z")
    assert len(sandbox.control("GET", "/_sim/log?last=1").json()["log"]) == 1
    for last in ("0", "many", "1001", "-1"):
        assert sandbox.control("GET", f"/_sim/log?last={last}").status_code == 400


def test_the_log_holds_no_number_no_secret_and_no_address_of_a_merchant(start_sandbox: Start, merchant: Merchant) -> None:
    sandbox = start_sandbox(answer_after=0.0)
    token = get_token(sandbox)
    post(sandbox, PUSH, {**A_PUSH, "CallBackURL": merchant.url}, token)
    merchant.posted.get(timeout=10)
    sandbox.control("GET", f"/{PAYER}/planted?key=planted", headers={"Authorization": "Basic planted"})
    sandbox.control("PLANTED", "/planted")
    told = json.dumps(sandbox.log())
    for secret in (PAYER[-9:], token, PASSWORD, demo.PASSKEY, "planted", "ws_CO"):
        assert secret not in told


# --- The server ----------------------------------------------------------------------------------------


def talk(sandbox: Sandbox, data: bytes) -> bytes:
    """Send raw bytes, then read until the server closes."""
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def test_a_connection_is_kept_for_further_requests(sandbox: Sandbox) -> None:
    one = b"GET /_sim/faults HTTP/1.1\r\nHost: x\r\n\r\n"
    assert talk(sandbox, one * 3).count(b"HTTP/1.1 200 OK") == 3


def test_a_connection_is_closed_on_request(sandbox: Sandbox) -> None:
    one = b"GET /_sim/faults HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert talk(sandbox, one * 3).count(b"HTTP/1.1 200 OK") == 1
    assert talk(sandbox, one.replace(b"1.1", b"1.0").replace(b"Connection: close\r\n", b"") * 3).count(b"200 OK") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400 "),
        (b"GET /\r\n\r\n", b"400 "),
        (b"GET / HTTP/2\r\n\r\n", b"400 "),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400 "),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400 "),
        (b"POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", b"413 "),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", b"413 "),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411 "),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"431 "),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n", b"431 "),
    ],
)
def test_bytes_that_are_no_request_are_refused_and_the_server_lives_on(sandbox: Sandbox, data: bytes, status: bytes) -> None:
    answer = talk(sandbox, data)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert sandbox.control("GET", "/_sim/faults").ok


# --- The process ---------------------------------------------------------------------------------------


@pytest.fixture
def start_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "probes.sandbox", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_process_tells_its_address_and_ends_at_once_on_sigterm_even_while_a_request_hangs(
    start_process: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start_process("--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    url = next(word for word in line.split() if word.startswith("http")).rstrip(",")
    assert url.startswith("http://127.0.0.1:")
    assert requests.post(f"{url}/_sim/faults", json={"path": "*", "mode": "hang"}, timeout=10).status_code == 201
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as hanging:
        hanging.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while not requests.get(f"{url}/_sim/faults", timeout=10).json()["faults"][0]["applied"]:
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_taken_port_is_one_line_that_names_the_variable(start_process: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start_process(HALI_SANDBOX_PORT=port)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert (out, err) == ("", f"Port {port} is taken: set HALI_SANDBOX_PORT to a free port.\n")


def test_an_impossible_port_names_the_variable(start_process: Callable[..., subprocess.Popen[str]]) -> None:
    process = start_process(HALI_SANDBOX_PORT="many")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "HALI_SANDBOX_PORT" in err


def test_the_sandbox_loads_neither_django_nor_anything_of_ours() -> None:
    code = (
        "import sys, probes.sandbox.__main__;"
        "heavy = ('django', 'celery', 'incidents', 'statuspage', 'subscribers', 'ssl', 'http.client', 'requests', 'pycurl');"
        "print([name for name in heavy if name in sys.modules],"
        " [name for name in sys.modules if name.startswith('probes.') and not name.startswith('probes.sandbox')])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] []"
