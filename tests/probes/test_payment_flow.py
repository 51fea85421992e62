"""The recipes against the real sandbox, and the class table against answers as they were met."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from probes.gateway_callbacks import CORRELATION
from probes.outcome import Outcome, TargetError, Task
from probes.probers import run, validate
from probes.probers.engine import Reply
from probes.probers.gateway_answers import Verdict, read
from probes.probers.never_scheduled import NEVER
from probes.probers.tokens import NotInTime, TokenCache
from probes.sandbox import demo
from tests.probes.conftest import Listener, Sandbox, http_answer
from tests.probes.merchant import Merchant, post

RECIPES = ("oauth", "gateway", "stk-query", "qr")
TOKEN_PATH = "/oauth/v1/generate"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"


def asked(sandbox: Sandbox) -> list[str]:
    return [line["path"] for line in sandbox.log() if "path" in line]


def summary(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_healthy_gateway_is_ok_with_its_measures(sandbox: Sandbox, recipe: str) -> None:
    outcome = sandbox.run(recipe)
    assert summary(outcome) == ("ok", "")
    assert outcome.total_us is not None
    assert outcome.phases["ttfb"] > 0


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("mode", "error_class"), [("busy", "busy"), ("empty_500", "status"), ("refuse", "refused"), ("hang", "timeout_read")]
)
def test_each_fault_is_down_with_its_own_class(sandbox: Sandbox, recipe: str, mode: str, error_class: str) -> None:
    sandbox.fault(mode)
    outcome = sandbox.run(recipe, timeout=0.4)
    assert summary(outcome) == ("down", error_class)
    assert outcome.evidence.startswith(f"{recipe}: ")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_slow_gateway_is_degraded(sandbox: Sandbox, recipe: str) -> None:
    sandbox.fault("latency", p50_ms=60, p95_ms=60)
    assert summary(sandbox.run(recipe, degraded_ms=20)) == ("degraded", "")
    assert summary(sandbox.run(recipe)) == ("ok", "")


def test_a_fault_on_the_query_leaves_the_token_well(sandbox: Sandbox) -> None:
    sandbox.fault("busy", path=QUERY_PATH)
    assert [sandbox.run(recipe).status.value for recipe in RECIPES] == ["ok", "down", "down", "ok"]


def test_a_fault_on_the_token_is_named_by_the_query_that_needs_it(sandbox: Sandbox) -> None:
    sandbox.fault("busy", path=TOKEN_PATH)
    outcome = sandbox.run("stk-query")
    assert summary(outcome) == ("down", "busy")
    assert "no token" in outcome.evidence


def test_pending_counts_as_healthy(sandbox: Sandbox) -> None:
    outcome = sandbox.run("stk-query", checkout_request_id="ws_CO_DEMO_PENDING")
    assert summary(outcome) == ("ok", "")
    assert "pending" in outcome.evidence


def test_a_request_the_gateway_does_not_know_still_shows_that_it_lives(sandbox: Sandbox) -> None:
    assert summary(sandbox.run("stk-query", checkout_request_id="ws_CO_NEVER_SENT")) == ("ok", "")


def test_wrong_keys_are_misconfigured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_KEY", "planted")
    for recipe in ("oauth", "stk-query"):
        outcome = sandbox.run(recipe)
        assert summary(outcome) == ("misconfigured", "credentials")
        assert "planted" not in repr(outcome)


def test_a_key_bound_to_other_hosts_is_not_sent(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_HOSTS", "api.example")
    for recipe in ("oauth", "stk-query"):
        assert summary(sandbox.run(recipe)) == ("misconfigured", "credentials")
    assert asked(sandbox) == []
    monkeypatch.setenv("HALI_SECRET_SANDBOX_HOSTS", "api.example, 127.0.0.1")
    assert summary(sandbox.run("stk-query")) == ("ok", "")


def test_a_wrong_pass_key_is_misconfigured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_PASSKEY", "planted")
    assert summary(sandbox.run("stk-query")) == ("misconfigured", "credentials")


def test_an_unknown_short_code_is_misconfigured(sandbox: Sandbox) -> None:
    assert summary(sandbox.run("stk-query", shortcode="600000")) == ("misconfigured", "credentials")


def test_a_wrong_base_address_is_misconfigured(sandbox: Sandbox) -> None:
    for recipe in RECIPES:
        outcome = sandbox.run(recipe, base_url=sandbox.url + "/v9")
        assert summary(outcome) == ("misconfigured", "target")


def test_a_query_that_is_fine_on_the_second_try_is_degraded_and_three_refusals_are_down(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = start_sandbox(seed=1)
    sandbox.fault("busy", path=QUERY_PATH, rate=0.5)
    outcomes = [sandbox.run("stk-query") for _ in range(30)]
    assert {summary(outcome) for outcome in outcomes} == {("ok", ""), ("degraded", ""), ("down", "busy")}
    assert len(asked(sandbox)) < 1 + 30 * 3
    for outcome in outcomes:
        assert ("on the second try" in outcome.evidence) is (outcome.status == "degraded")


def test_our_own_rate_is_not_asked_again(sandbox: Sandbox) -> None:
    sandbox.fault("spike_429", path=QUERY_PATH)
    assert summary(sandbox.run("stk-query")) == ("misconfigured", "rate")
    assert asked(sandbox).count(QUERY_PATH) == 1


@pytest.mark.parametrize(
    ("mode", "status", "error_class"),
    [
        ("incapsula_html_503", "down", "blocked"),
        ("html_200", "down", "assertion"),
        ("internal", "down", "internal"),
        ("quota", "misconfigured", "rate"),
        ("proxy_timeout", "down", "internal"),
        ("soap_fault", "down", "internal"),
        ("blank_ack", "down", "assertion"),
        ("token_flap", "down", "assertion"),
        ("reset", "down", "refused"),
    ],
)
@pytest.mark.parametrize("recipe", ["stk-query", "qr", "status-rt"])
def test_each_way_to_fail_has_its_class(
    sandbox: Sandbox, recipe: str, mode: str, status: str, error_class: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CALLBACK", "http://127.0.0.1:9/callbacks/planted")
    sandbox.fault(mode, path="/mpesa/*")
    assert summary(sandbox.run(recipe)) == (status, error_class)


@pytest.mark.parametrize("mode", ["query_pending_4999", "query_false_failure"])
def test_a_query_that_answers_wrongly_still_answers(sandbox: Sandbox, mode: str) -> None:
    sandbox.fault(mode)
    assert summary(sandbox.run("stk-query")) == ("ok", "")


@pytest.mark.parametrize("picture", [b"", b"bm90IGEgcGljdHVyZQ==", b"%%%"])
def test_a_qr_code_that_is_no_picture_is_down(listen: Callable[..., Listener], picture: bytes) -> None:
    said = http_answer("200 OK", b'{"ResponseCode":"00","QRCode":"' + picture + b'"}')
    gateway = gateway_that_says(listen, token=GOOD_TOKEN, query=said)
    assert summary(ask(gateway.url, "qr")) == ("down", "assertion")


def test_the_address_a_vantage_asks_from_can_be_chosen(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.fault("incapsula_html_503", client="127.0.0.2")
    assert summary(sandbox.run("gateway")) == ("ok", "")
    monkeypatch.setenv("HALI_SOURCE_ADDRESS", "127.0.0.2")
    assert summary(sandbox.run("gateway")) == ("down", "blocked")


# --- Answers that come later --------------------------------------------------------------------------

LATER = ("status-rt", "balance-rt", "c2b-sim")


@pytest.fixture
def callback_url(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CALLBACK", "http://127.0.0.1:9/callbacks/planted-token")
    return "http://127.0.0.1:9/callbacks/planted-token"


@pytest.mark.parametrize("recipe", LATER)
def test_a_round_trip_ends_as_accepted_with_what_its_answer_will_name(sandbox: Sandbox, callback_url: str, recipe: str) -> None:
    outcome = sandbox.run(recipe)
    assert summary(outcome) == ("accepted", "")
    assert outcome.accepted is not None
    assert (outcome.accepted.late_s, outcome.accepted.lost_s, outcome.accepted.slow) == (30.0, 180.0, False)
    assert CORRELATION.fullmatch(outcome.accepted.correlation)
    assert sandbox.run(recipe).accepted != outcome.accepted
    assert "planted" not in repr(outcome)


def test_a_slow_acknowledgement_is_remembered(sandbox: Sandbox, callback_url: str) -> None:
    sandbox.fault("latency", path="/mpesa/*", p50_ms=50, p95_ms=50)
    outcome = sandbox.run("balance-rt", degraded_ms=20, late_s=5, lost_s=9)
    assert outcome.accepted is not None
    assert (outcome.accepted.slow, outcome.accepted.late_s, outcome.accepted.lost_s) == (True, 5, 9)


def test_the_result_comes_to_an_address_that_names_the_run(
    start_sandbox: Callable[..., Sandbox], merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start_sandbox(by_hand=True)
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CALLBACK", f"{merchant.base}/callbacks/t/")
    for mode, end in (("latency", ""), ("queue_timeout", "/timeout")):
        sandbox.fault(mode, path="/mpesa/*", **({"p50_ms": 0} if mode == "latency" else {}))
        accepted = sandbox.run("status-rt").accepted
        assert accepted is not None
        sandbox.pass_time(2)
        [(where, _)] = merchant.heard()
        assert where == f"/callbacks/t/{accepted.correlation}{end}"


def test_a_payment_names_the_run_as_its_account(start_sandbox: Callable[..., Sandbox], merchant: Merchant) -> None:
    sandbox = start_sandbox(by_hand=True)
    urls = {"ConfirmationURL": f"{merchant.base}/callbacks/t", "ValidationURL": f"{merchant.base}/callbacks/t/validation"}
    registered = post(sandbox, "/mpesa/c2b/v2/registerurl", {"ShortCode": demo.SHORTCODE, "ResponseType": "Completed", **urls})
    assert registered.ok
    accepted = sandbox.run("c2b-sim").accepted
    assert accepted is not None
    sandbox.pass_time(2)
    assert [body["BillRefNumber"] for _, body in merchant.heard()] == [accepted.correlation] * 2


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "HALI_SECRET_SANDBOX_CALLBACK is not set"),
        ("http://status.example/callbacks/planted", "give https://"),
        ("https://status.example/query/planted", "holds a word the gateway refuses"),
        ("https://[planted", "is not an address"),
    ],
)
def test_a_callback_address_that_cannot_be_used_is_misconfigured(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CALLBACK", address)
    outcome = sandbox.run("status-rt")
    assert outcome.status == "misconfigured"
    assert says in outcome.evidence
    assert "planted" not in outcome.evidence


def test_the_demos_agent_finds_the_web_app_beside_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_CALLBACK_TOKEN", "0123456789abcdef")
    assert sandbox.run("status-rt").status == "accepted"


@pytest.mark.parametrize(
    "spec",
    [
        {"url": "https://gateway.example/mpesa/b2c/v3/paymentrequest", "method": "POST"},
        {"url": "https://gateway.example/mpesa/stkpush/v1/processrequest"},
        {"url": "https://gateway.example/mpesa//%72eversal/v1/request"},
        {"url": "https://gateway.example/MPESA/./B2B/v1/remittax"},
        {"url": "https://gateway.example/", "method": "POST", "body": {"next": ["/mpesa/c2b/v2/registerurl"]}},
    ],
)
def test_no_kind_of_probe_makes_a_call_that_is_never_scheduled(spec: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="never scheduled"):
        validate("http", spec)


def test_asking_how_a_push_ended_is_allowed() -> None:
    validate("http", {"url": "https://gateway.example/mpesa/stkpushquery/v1/query", "method": "POST"})


# --- Tokens -----------------------------------------------------------------------------------------


def test_the_token_is_fetched_once_and_shared(sandbox: Sandbox) -> None:
    for _ in range(3):
        assert sandbox.run("stk-query").status == "ok"
    assert asked(sandbox) == [TOKEN_PATH, QUERY_PATH, QUERY_PATH, QUERY_PATH]


def test_the_oauth_probes_token_replaces_the_one_in_use(sandbox: Sandbox) -> None:
    for recipe in ("stk-query", "oauth", "stk-query"):
        assert sandbox.run(recipe).status == "ok"
    assert asked(sandbox) == [TOKEN_PATH, QUERY_PATH, TOKEN_PATH, QUERY_PATH]


def test_a_token_that_somebody_else_voided_is_fetched_anew_once(sandbox: Sandbox) -> None:
    assert sandbox.run("stk-query").status == "ok"
    sandbox.control("GET", TOKEN_PATH + "?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET))
    assert sandbox.run("stk-query").status == "ok"
    assert asked(sandbox)[-3:] == [QUERY_PATH, TOKEN_PATH, QUERY_PATH]


def test_many_probes_at_once_fetch_one_token(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: sandbox.run("stk-query"), range(24)))
    assert {outcome.status.value for outcome in outcomes} == {"ok"}
    assert asked(sandbox).count(TOKEN_PATH) == 1


def gateway_that_says(listen: Callable[..., Listener], *, token: bytes, query: bytes) -> Listener:
    """A gateway of which only two answers are known."""
    heard: list[Listener] = []

    def act(connection: Any, over: object) -> None:
        connection.sendall(token if heard[0].heard[-1].startswith(b"GET /oauth") else query)

    heard.append(listen(act))
    return heard[0]


GOOD_TOKEN = http_answer("200 OK", b'{"access_token":"abc","expires_in":3599}')


def ask(base_url: str, recipe: str, **spec: Any) -> Outcome:
    whole = {"base_url": base_url.rstrip("/"), "recipe": recipe, "credentials": "SANDBOX", **spec}
    return run(Task(1, "flow", "payment_flow", whole, 5, 5.0, 0), now=0.0)


def test_a_fresh_token_that_is_refused_is_the_gateways_fault(listen: Callable[..., Listener]) -> None:
    refusal = http_answer("404 Not Found", b'{"requestId":"1","errorCode":"404.001.03","errorMessage":"Invalid Access Token"}')
    gateway = gateway_that_says(listen, token=GOOD_TOKEN, query=refusal)
    assert summary(ask(gateway.url, "stk-query")) == ("down", "assertion")
    assert len(gateway.heard) == 4


def test_a_gateway_that_takes_any_token_is_not_healthy(listen: Callable[..., Listener]) -> None:
    accepted = http_answer("200 OK", b'{"ResponseCode":"0","ResultCode":"0"}')
    assert summary(ask(listen(answer=accepted).url, "gateway")) == ("down", "assertion")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"access_token": "abc", "expires_in": "3599"}, "ok"),
        ({"access_token": "abc", "expires_in": 3599}, "ok"),
        ({"access_token": "abc", "expires_in": 3601}, "down"),
        ({"access_token": "abc", "expires_in": 0}, "down"),
        ({"access_token": "abc", "expires_in": "soon"}, "down"),
        ({"access_token": "abc"}, "down"),
        ({"access_token": "", "expires_in": 3599}, "down"),
        ({"access_token": "a\r\nb", "expires_in": 3599}, "down"),
        ({"access_token": None, "expires_in": 3599}, "down"),
        ({"ResultCode": "4999"}, "down"),
        ({}, "down"),
    ],
)
def test_a_token_answer_must_hold_a_token_for_at_most_an_hour(
    listen: Callable[..., Listener], body: dict[str, Any], status: str
) -> None:
    outcome = ask(listen(answer=http_answer("200 OK", json.dumps(body).encode())).url, "oauth")
    assert outcome.status == status
    assert "abc" not in repr(outcome)


def test_a_token_that_comes_on_the_second_try_is_degraded(listen: Callable[..., Listener]) -> None:
    tries: list[Listener] = []

    def act(connection: Any, over: object) -> None:
        connection.sendall(GOOD_TOKEN if len(tries[0].heard) > 1 else http_answer("503 Service Unavailable"))

    tries.append(listen(act))
    outcome = ask(tries[0].url, "oauth")
    assert summary(outcome) == ("degraded", "")
    assert "second try" in outcome.evidence


def test_our_own_mistakes_are_not_tried_twice(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_SANDBOX_SECRET", "planted")
    sandbox.run("oauth")
    assert asked(sandbox) == [TOKEN_PATH]


def test_a_cached_token_ends_a_minute_before_the_gateway_ends_it() -> None:
    now = [0.0]
    cache = TokenCache(clock=lambda: now[0])
    cache.put(("a", "B"), "token", 3599)
    now[0] = 3538.9
    assert cache.get(("a", "B")) == "token"
    now[0] = 3539.1
    assert cache.get(("a", "B")) == ""
    assert cache.get(("b", "B")) == ""


def test_waiting_for_another_probes_token_ends_at_our_own_deadline() -> None:
    cache = TokenCache()
    with cache.fetching(("a", "B"), timeout=1):
        with cache.fetching(("a", "C"), timeout=0):
            pass
        with pytest.raises(NotInTime), cache.fetching(("a", "B"), timeout=0.01):
            pass


# --- The class table --------------------------------------------------------------------------------


def envelope(code: str, message: str) -> bytes:
    return json.dumps({"requestId": "26324-120939857-1", "errorCode": code, "errorMessage": message}).encode()


FAULTS = [
    (404, envelope("404.001.03", "Invalid Access Token"), Verdict.TOKEN),
    (400, envelope("400.003.01", "Invalid Access Token"), Verdict.TOKEN),
    (401, envelope("401.002.01", "Error Occurred - Invalid Access Token"), Verdict.TOKEN),
    (404, envelope("404.001.04", "Invalid Authentication Header"), Verdict.TARGET),
    (404, envelope("404.001.01", "Resource not found"), Verdict.TARGET),
    (405, envelope("405.001", "Method Not Allowed"), Verdict.TARGET),
    (400, envelope("400.002.02", "Bad Request - Invalid Amount"), Verdict.ALIVE),
    (400, envelope("400.002.05", "Invalid Request Payload"), Verdict.ALIVE),
    (400, envelope("400.999.99", "Something new"), Verdict.ALIVE),
    (500, envelope("500.001.1001", "Merchant does not exist"), Verdict.CREDENTIALS),
    (500, envelope("500.001.1001", "Wrong credentials"), Verdict.CREDENTIALS),
    (500, envelope("500.001.1001", "Unable to lock subscriber, a transaction is already in process"), Verdict.PENDING),
    (500, envelope("500.001.1001", "The transaction is being processed"), Verdict.PENDING),
    (500, envelope("500.001.1001", "A text nobody has met"), Verdict.INTERNAL),
    (500, envelope("500.003.02", "System is busy. Please try again in few minutes."), Verdict.BUSY),
    (500, envelope("500.003.02", "Spike arrest violation"), Verdict.RATE),
    (500, envelope("500.003.03", "Quota Violation"), Verdict.RATE),
    (500, envelope("500.003.1001", "Internal Server Error"), Verdict.INTERNAL),
    (500, envelope("500.003.1001", "Urls are already registered"), Verdict.ALIVE),
    (500, envelope("500.002.1001", "Duplicate OriginatorConversationID"), Verdict.ALIVE),
    (500, envelope("500.999.99", "Something new"), Verdict.STATUS),
    (429, b'{"fault":{"faultstring":"Spike arrest violation. Allowed rate : MessageRate{}"}}', Verdict.RATE),
    (429, b"", Verdict.RATE),
    (500, b'{"fault":{"faultstring":"x","detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}', Verdict.RATE),
    (504, b'{"fault":{"faultstring":"Gateway Timeout","detail":{}}}', Verdict.INTERNAL),
    (500, b'{"Envelope":{"Body":{"Fault":{"faultcode":"soap:Server","faultstring":"503"}}}}', Verdict.INTERNAL),
    (200, b'{"ResponseCode":"","ResponseDescription":""}', Verdict.ASSERTION),
    (200, b"{}", Verdict.ASSERTION),
    (200, b'{"ResponseCode":"1"}', Verdict.ASSERTION),
    (200, b"[]", Verdict.ASSERTION),
    (200, b"", Verdict.ASSERTION),
    (200, b'{"ResponseCode":"0","ResultCode":"1032"}', Verdict.ACCEPTED),
    (200, b'{"ResponseCode":0,"ResultCode":0}', Verdict.ACCEPTED),
    (200, b'{"ResponseCode":"00000000"}', Verdict.ACCEPTED),
    (200, b'{"ResponseCode":"0","ResultCode":"4999"}', Verdict.PENDING),
    (200, b'{"ResponseCode":"0","ResultCode":4999}', Verdict.PENDING),
    (401, b'{"message":"Unauthorized"}', Verdict.CREDENTIALS),
    (500, b"", Verdict.STATUS),
    (500, b"[" * 100_000, Verdict.STATUS),
]


@pytest.mark.parametrize(("status", "body", "verdict"), FAULTS)
def test_an_answer_is_read_by_its_text_and_not_by_its_code_alone(status: int, body: bytes, verdict: Verdict) -> None:
    assert read(Reply(status, "application/json;charset=UTF-8", body)).verdict is verdict


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (503, b"<html>Request unsuccessful. Wall incident ID: 173000240624511593-8199</html>", Verdict.BLOCKED),
        (403, b"<html>Forbidden</html>", Verdict.BLOCKED),
        (502, b"<html>Bad gateway</html>", Verdict.STATUS),
        (200, b"<html>Welcome</html>", Verdict.ASSERTION),
        (200, b'{"ResponseCode":"0"}', Verdict.ASSERTION),  # JSON that calls itself HTML
    ],
)
def test_a_page_in_html_is_never_healthy(status: int, body: bytes, verdict: Verdict) -> None:
    assert read(Reply(status, "text/html", body)).verdict is verdict


def test_nothing_of_an_answer_but_its_code_is_shown() -> None:
    for status, body, _ in FAULTS:
        words = read(Reply(status, "application/json", body)).words
        assert "26324" not in words
        assert "nobody has met" not in words
    assert "planted" not in read(Reply(500, "application/json", envelope("planted", "planted"))).words


# --- Secrets and specs --------------------------------------------------------------------------------


def test_no_secret_token_or_request_id_is_in_any_outcome_or_log(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request_id = "ws_CO_27112025133814625708374149"
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CHECKOUT", request_id)
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CALLBACK", "http://127.0.0.1:9/callbacks/planted-token")
    shown = ""
    for mode in ("", "busy", "empty_500", "refuse"):
        if mode:
            sandbox.fault(mode)
        for recipe in (*RECIPES, *LATER):
            shown += repr(sandbox.run(recipe))
        sandbox.clear()
    shown += caplog.text + json.dumps(sandbox.log())
    token = sandbox.control("GET", TOKEN_PATH + "?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET)).json()
    ours = (demo.KEY, demo.SECRET, demo.PASSKEY, demo.INITIATOR, demo.SECURITY_CREDENTIAL, demo.RECEIPT, "planted-token")
    for secret in (*ours, request_id, "708374149", token["access_token"]):
        assert secret not in shown


def test_the_demo_values_stand_in_only_for_the_sandbox_on_this_machine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HALI_SECRET_PARTNER_KEY", raising=False)
    outcome = sandbox.run("oauth", credentials="PARTNER")
    assert summary(outcome) == ("misconfigured", "credentials")
    assert "HALI_SECRET_PARTNER_KEY" in outcome.evidence
    away = sandbox.run("oauth", base_url="https://gateway.example")
    assert summary(away) == ("misconfigured", "credentials")
    assert "HALI_SECRET_SANDBOX_KEY" in away.evidence


BASE = {"base_url": "https://gateway.example", "recipe": "oauth", "credentials": "PARTNER"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"base_url": None}, "base_url"),
        ({"base_url": "http://gateway.example"}, "https://"),
        ({"base_url": "https://gateway.example?x=1"}, "without ?"),
        ({"base_url": "https://key:planted@gateway.example"}, "take it out"),
        ({"recipe": "airtime"}, "recipe: give one of oauth, gateway, stk-query"),
        *(({"recipe": name}, f"recipe: {name} is never scheduled, because it") for name in NEVER if name != "c2b-register"),
        ({"recipe": "c2b-register"}, "recipe: c2b-register is never scheduled, because in production it can be done once only"),
        ({"base_url": "https://gateway.example/mpesa/b2c/v3"}, "a call that is never scheduled (b2c)"),
        ({"recipe": "c2b-sim", "shortcode": "600000"}, "c2b-sim pays, so it is for a sandbox"),
        ({"recipe": "status-rt"}, "shortcode is missing"),
        ({"recipe": "qr"}, "shortcode is missing"),
        ({"late_s": 3}, "take them out"),
        ({"recipe": "status-rt", "shortcode": "600000", "late_s": 0}, "late_s: give seconds from above 0 to 1800"),
        ({"recipe": "status-rt", "shortcode": "600000", "lost_s": True}, "lost_s: give seconds"),
        ({"recipe": "status-rt", "shortcode": "600000", "lost_s": 20}, "late_s is not below lost_s"),
        ({"recipe": None}, "recipe: give one of"),
        ({"recipe": ["oauth"]}, "recipe: give one of"),
        ({"credentials": None}, "credentials"),
        ({"credentials": "planted secret"}, "name of a secret"),
        ({"passkey": "planted"}, "'passkey' is not a key"),
        ({"shortcode": "12"}, "shortcode"),
        ({"recipe": "stk-query"}, "shortcode is missing"),
        ({"degraded_ms": -1}, "degraded_ms"),
        ({"checkout_request_id": "ws_CO_27112025133814625708374149"}, "HALI_SECRET_<credentials>_CHECKOUT"),
    ],
)
def test_an_impossible_spec_says_what_to_change(change: dict[str, Any], says: str) -> None:
    spec = {key: value for key, value in {**BASE, **change}.items() if value is not None}
    with pytest.raises(TargetError) as error:
        validate("payment_flow", spec)
    assert says in str(error.value)
    assert "planted" not in str(error.value).replace("'passkey'", "")
    assert "708374149" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"recipe": "gateway", "credentials": None},
        {"recipe": "stk-query", "shortcode": "600000"},
        {"recipe": "qr", "shortcode": "600000"},
        {"recipe": "status-rt", "shortcode": "600000", "late_s": 5, "lost_s": 20.5},
        {"recipe": "c2b-sim", "shortcode": "600000", "base_url": "https://sandbox.gateway.example"},
        {"recipe": "stk-query", "base_url": "http://127.0.0.1:8001/", "credentials": "SANDBOX"},
        {"recipe": "stk-query", "shortcode": 600000, "checkout_request_id": "ws_CO_DEMO_PAID", "degraded_ms": 500},
    ],
)
def test_a_possible_spec_is_taken(change: dict[str, Any]) -> None:
    validate("payment_flow", {key: value for key, value in {**BASE, **change}.items() if value is not None})


def test_an_old_request_must_be_named_where_it_is_not_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("KEY", "SECRET", "PASSKEY"):
        monkeypatch.setenv(f"HALI_SECRET_PARTNER_{part}", "planted")
    outcome = ask("https://gateway.example", "stk-query", credentials="PARTNER", shortcode="600000")
    assert summary(outcome) == ("misconfigured", "credentials")
    assert "HALI_SECRET_PARTNER_CHECKOUT" in outcome.evidence
