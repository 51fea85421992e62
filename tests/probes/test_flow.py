"""Flows against real servers: the examples of docs/flows.md word for word, and what goes wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from probes.outcome import Outcome, TargetError, Task
from probes.probers import authorization, flow, flow_spec, http, run, validate
from probes.probers.tokens import TokenCache
from tests.copies import ROOT
from tests.probes.gateways import EXAMPLES, SECRETS, Answer, Asked, Gateway

DOCS = (ROOT / "docs" / "flows.md").read_text()
NOW = 1_795_510_800.0
Start = Callable[[Callable[[Asked], Answer]], Gateway]


def example(name: str) -> dict[str, Any]:
    found = re.search(rf"^```json example={name}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/flows.md has no example {name}"
    spec: dict[str, Any] = json.loads(found[1])
    return spec


def example_at(gateway: Gateway, name: str) -> dict[str, Any]:
    """The example, asking this gateway for everything, its token too."""
    spec = {**example(name), "base_url": gateway.url}
    if "token_url" in spec.get("auth", {}):
        spec["auth"] = {**spec["auth"], "token_url": f"{gateway.url}{urlsplit(spec['auth']['token_url']).path}"}
    return spec


@pytest.fixture(autouse=True)
def _own_tokens_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports come back between tests; tokens must not."""
    monkeypatch.setattr(flow, "TOKENS", TokenCache())
    monkeypatch.setattr(authorization, "TOKENS", TokenCache())
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"HALI_SECRET_{name}", value)


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(act: Callable[[Asked], Answer]) -> Gateway:
            gateway = Gateway(act)
            stack.callback(gateway.close)
            return gateway

        yield begin


def asked(spec: dict[str, Any], *, timeout: float = 5.0) -> Outcome:
    return run(Task(1, "flow", "flow", spec, interval=60, timeout=timeout, slot=0), now=NOW)


def steps(*given: dict[str, Any], base_url: str = "https://api.pay.example", **more: Any) -> dict[str, Any]:
    named = [{"name": f"step{number}", "path": "/", **step} for number, step in enumerate(given)]
    return {"base_url": base_url, "steps": named, **more}


# --- The examples of the documentation -------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_docs_can_be_saved_as_it_stands(name: str) -> None:
    validate("flow", example(name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_docs_works_the_first_time(start: Start, name: str) -> None:
    gateway = start(EXAMPLES[name])
    outcome = asked(example_at(gateway, name))
    assert (outcome.status, outcome.error_class) == ("accepted" if name == "request-to-pay" else "ok", ""), outcome.evidence


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "public-api"])
def test_no_secret_of_an_example_is_in_its_spec_or_its_words(start: Start, name: str) -> None:
    gateway = start(lambda asked: (500, {"said": [asked.headers, asked.body]}))
    spec = example_at(gateway, name)
    outcome = asked(spec)
    assert outcome.status == "down"
    assert [value for value in SECRETS.values() if value in json.dumps(spec) + outcome.evidence] == []


def test_every_example_of_the_docs_is_tried() -> None:
    assert re.findall(r"^```json example=(\S+)$", DOCS, re.MULTILINE) == list(EXAMPLES)


def test_every_key_is_in_the_docs() -> None:
    keys = {*flow_spec.KEYS, *flow_spec.STEP_KEYS, *flow_spec.TOKEN_KEYS, *flow_spec.LATER_KEYS, *flow_spec.EXTRACT_KEYS}
    assert [key for key in sorted({*keys, *flow_spec.BUILT_IN}) if f"`{key}`" not in DOCS] == []


# --- Steps --------------------------------------------------------------------------------------------------


def test_what_a_step_extracts_goes_into_path_header_body_and_assertions_of_the_next(start: Start) -> None:
    def act(asked: Asked) -> Answer:
        if asked.path == "/first":
            return 200, {"list": [{"id": 7}], "ok": True}
        return 200, {"echo": 7}

    gateway = start(act)
    gateway.headers = {"Location": "/things/a b"}
    spec = steps(
        {
            "path": "/first",
            "extract": {"id": {"json": "$.list[0].id"}, "where": {"header": "location"}, "flag": {"regex": '"ok": (true|false)'}},
        },
        {
            "path": "/next/{{id}}?where={{ where }}",
            "method": "POST",
            "headers": {"X-Flag": "is {{flag}}"},
            "body": {"deep": [{"id": "{{id}}"}], "plain": 1},
            "assertions": [{"json": "$.echo", "equals": 7}],
        },
        base_url=gateway.url,
    )
    assert asked(spec).status == "ok"
    second = gateway.asked[1]
    assert (second.path, second.header("X-Flag")) == ("/next/7?where=%2Fthings%2Fa%20b", "is true")
    assert second.body == {"deep": [{"id": "7"}], "plain": 1}


def test_what_is_put_in_is_not_read_as_a_template_again(start: Start) -> None:
    gateway = start(lambda asked: (200, {"evil": "{{secret.BANK_KEY}}"}))
    spec = steps({"extract": {"x": {"json": "$.evil"}}}, {"method": "POST", "body": {"x": "{{x}}"}}, base_url=gateway.url)
    assert asked(spec).status == "ok"
    assert gateway.asked[1].body == {"x": "{{secret.BANK_KEY}}"}


def test_an_answer_cannot_put_a_second_header_into_a_request(start: Start) -> None:
    gateway = start(lambda asked: (200, {"evil": "a\r\nX-Admin: yes"}))
    outcome = asked(steps({"extract": {"x": {"json": "$.evil"}}}, {"headers": {"X-One": "{{x}}"}}, base_url=gateway.url))
    assert (outcome.status, len(gateway.asked)) == ("misconfigured", 1)
    assert "X-Admin" not in outcome.evidence


def test_the_first_step_that_fails_ends_the_flow_and_is_named(start: Start) -> None:
    gateway = start(lambda asked: (503, {}) if asked.path == "/b" else (200, {}))
    outcome = asked(steps({"path": "/a"}, {"name": "pay", "path": "/b"}, {"path": "/c"}, base_url=gateway.url))
    assert (outcome.status, outcome.error_class, outcome.http_status) == ("down", "status", 503)
    assert outcome.evidence == "step 2 (pay): status 503, expected 200-299"
    assert [one.path for one in gateway.asked] == ["/a", "/b"]


def test_an_assertion_that_does_not_hold_is_down_or_what_it_says(start: Start) -> None:
    gateway = start(lambda asked: (200, {"state": "broken"}))
    check = {"json": "$.state", "equals": "fine"}
    assert asked(steps({"assertions": [check]}, base_url=gateway.url)).status == "down"
    assert asked(steps({"assertions": [{**check, "otherwise": "delayed"}]}, base_url=gateway.url)).status == "delayed"


@pytest.mark.parametrize(
    ("first", "second", "test", "holds"),
    [
        (17, 17, "equals", True),
        (17, "17", "equals", True),
        ("17", 17, "equals", True),
        (17, 17.0, "equals", True),
        (17, 18, "equals", False),
        (1, True, "equals", False),
        (True, True, "equals", True),
        (17, 17, "not_equals", False),
        (17, 18, "not_equals", True),
        ("KES", "KES", "equals", True),
        (17, 17.5, "at_least", True),
        (17, 16, "at_least", False),
        ("17", 16, "at_most", True),
        ("KES", 16, "at_most", False),
    ],
)
def test_what_was_extracted_is_compared_as_what_it_was(start: Start, first: Any, second: Any, test: str, holds: bool) -> None:
    gateway = start(lambda asked: (200, {"id": first if asked.path == "/first" else second}))
    spec = steps(
        {"path": "/first", "extract": {"id": {"json": "$.id"}}},
        {"assertions": [{"json": "$.id", test: "{{id}}"}]},
        {"assertions": [{"json": "$.id", "one_of": ["{{id}}", second]}]},
        base_url=gateway.url,
    )
    outcome = asked(spec)
    assert outcome.status == ("ok" if holds else "down")
    assert "7" not in outcome.evidence.partition("it is")[0] or holds


def test_a_number_that_was_extracted_is_compared_with_a_header_as_a_text(start: Start) -> None:
    gateway = start(lambda asked: (200, {"id": 17}))
    gateway.headers = {"X-Id": "17"}
    spec = steps(
        {"extract": {"id": {"json": "$.id"}}}, {"assertions": [{"header": "X-Id", "equals": "{{id}}"}]}, base_url=gateway.url
    )
    assert asked(spec).status == "ok"


@pytest.mark.parametrize(
    ("place", "missing"),
    [({"json": "$.id"}, "the answer has no id"), ({"header": "X-Id"}, "no id"), ({"regex": "id=([0-9]+)"}, "no id")],
)
def test_what_cannot_be_extracted_is_down(start: Start, place: dict[str, str], missing: str) -> None:
    gateway = start(lambda asked: (200, {"other": {"id": {}}}))
    outcome = asked(steps({"extract": {"id": place}}, base_url=gateway.url))
    assert (outcome.status, outcome.error_class) == ("down", "assertion")
    assert missing in outcome.evidence


@pytest.mark.parametrize(
    ("status", "more", "outcome"),
    [
        (400, {}, "misconfigured"),
        (401, {}, "misconfigured"),
        (422, {}, "misconfigured"),
        (429, {}, "misconfigured"),
        (404, {}, "down"),
        (500, {}, "down"),
        (302, {}, "down"),
        (422, {"ours_status": []}, "down"),
        (404, {"ours_status": [404]}, "misconfigured"),
        (404, {"expect_status": [404]}, "ok"),
    ],
)
def test_our_own_mistakes_turn_no_page_red(start: Start, status: int, more: dict[str, Any], outcome: str) -> None:
    gateway = start(lambda asked: (status, {}))
    assert asked(steps(more, base_url=gateway.url)).status == outcome


@pytest.mark.parametrize(("failures", "status"), [(0, "ok"), (1, "degraded"), (2, "down")])
def test_a_step_that_may_be_tried_again_is_degraded_when_that_helps(start: Start, failures: int, status: str) -> None:
    answers = iter([503] * failures + [200] * 3)
    gateway = start(lambda asked: (next(answers), {}))
    assert asked(steps({"tries": 2}, base_url=gateway.url)).status == status


def test_limits_are_for_a_step_and_for_all_together(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = start(lambda asked: (200, {}))
    slow = http.ask

    def two_seconds(*args: Any, **options: Any) -> Any:
        return replace(slow(*args, **options), total_us=2_000_000)

    monkeypatch.setattr(http, "ask", two_seconds)
    one = asked(steps({"delayed_ms": 1500}, {}, base_url=gateway.url))
    assert (one.status, one.evidence) == ("delayed", "step 1 (step0): status 200 in 2000 ms, limit 1500 ms")
    both = asked(steps({"delayed_ms": 1500}, {}, base_url=gateway.url, degraded_ms=3000))
    assert (both.status, both.total_us) == ("degraded", 4_000_000)
    assert both.evidence == "2 steps (step0 2000, step1 2000 ms) in 4000 ms, limit 3000 ms"


def test_the_deadline_is_for_all_steps(start: Start) -> None:
    def act(asked: Asked) -> Answer:
        time.sleep(0.4)
        return 200, {}

    outcome = asked(steps({}, {}, {}, {}, base_url=start(act).url), timeout=0.9)
    assert outcome.status == "down"
    assert outcome.error_class in {"timeout_read", "deadline"}


def test_phases_of_all_steps_are_added_up(start: Start) -> None:
    outcome = asked(steps({}, {}, base_url=start(lambda asked: (200, {})).url))
    assert outcome.total_us is not None
    assert {"connect", "ttfb"} <= set(outcome.phases)
    assert sum(outcome.phases.values()) <= outcome.total_us + 2000


# --- The shared token -------------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_and_shared_by_probes_with_the_same_call(start: Start) -> None:
    gateway = start(EXAMPLES["enquiry"])
    spec = {**example("enquiry"), "base_url": gateway.url}
    assert [asked(spec).status for _ in range(3)] == ["ok"] * 3
    assert [one.path for one in gateway.asked].count("/auth/oauth2/token") == 1


def test_a_token_that_was_withdrawn_is_fetched_anew_once(start: Start) -> None:
    given = iter(["old", "new"])

    def act(asked: Asked) -> Answer:
        if asked.path == "/token":
            return 200, {"access_token": next(given), "expires_in": "3599"}
        return (200, {}) if asked.header("Authorization") == "Bearer new" else (401, {})

    token = {"path": "/token", "extract": {"token": {"json": "$.access_token"}}}
    spec = steps({"headers": {"Authorization": "Bearer {{token}}"}}, base_url=start(act).url, token=token)
    assert asked(spec).status == "ok"


def test_a_gateway_that_refuses_a_fresh_token_is_down_and_the_words_hold_no_token(start: Start) -> None:
    gateway = start(lambda asked: (200, {"t": "token-of-ours"}) if asked.path == "/token" else (401, {"said": "token-of-ours"}))
    spec = steps(
        {"headers": {"Authorization": "Bearer {{token}}"}}, base_url=gateway.url,
        token={"path": "/token", "extract": {"token": {"json": "$.t"}}},
    )  # fmt: skip
    outcome = asked(spec)
    assert (outcome.status, outcome.evidence) == ("down", "step 1 (step0): it refuses a fresh token")


def test_keys_that_are_refused_are_our_own_mistake(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_WALLET_SECRET", "another")
    outcome = asked({**example("enquiry"), "base_url": start(EXAMPLES["enquiry"]).url})
    assert (outcome.status, outcome.error_class) == ("misconfigured", "credentials")
    assert outcome.evidence == "no token: 401: our credentials are refused"


def test_a_secret_that_is_missing_is_named(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HALI_SECRET_BANK_KEY")
    outcome = asked({**example("bank"), "base_url": start(EXAMPLES["bank"]).url})
    assert (outcome.status, "HALI_SECRET_BANK_KEY is not set" in outcome.evidence) == ("misconfigured", True)


def test_a_secret_that_is_bound_to_hosts_goes_nowhere_else(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_BANK_KEY_HOSTS", "api.benki.example")
    gateway = start(EXAMPLES["bank"])
    assert asked({**example("bank"), "base_url": gateway.url}).status == "misconfigured"
    assert gateway.asked == []


# --- Answers that come later ------------------------------------------------------------------------------------


def test_what_is_asked_names_our_address_and_the_run(start: Start) -> None:
    gateway = start(EXAMPLES["request-to-pay"])
    outcome = asked({**example("request-to-pay"), "base_url": gateway.url})
    assert outcome.accepted is not None
    correlation = outcome.accepted.correlation
    pay = gateway.asked[-1]
    assert pay.header("X-Callback-Url") == f"{SECRETS['MTN_CALLBACK']}/{correlation}/code/status"
    assert pay.body["externalId"] == correlation
    assert (outcome.accepted.late_s, outcome.accepted.lost_s) == (30.0, 180.0)
    assert outcome.accepted.codes == {"SUCCESSFUL": "done", "FAILED": "fault"}


def test_the_number_a_gateway_gives_is_kept_as_a_hash_only(start: Start) -> None:
    gateway = start(lambda asked: (200, {"id": "ws_CO_254708374149"}))
    outcome = asked(steps({}, base_url=gateway.url, answers_later={"correlation": {"json": "$.id"}}))
    assert outcome.accepted is not None
    assert re.fullmatch(r"p[0-9a-f]{16}", outcome.accepted.correlation)
    assert "254708374149" not in str(outcome)


def test_an_acknowledgement_without_the_number_is_down(start: Start) -> None:
    gateway = start(lambda asked: (200, {}))
    outcome = asked(steps({}, base_url=gateway.url, answers_later={"correlation": {"json": "$.id"}}))
    assert (outcome.status, outcome.error_class) == ("down", "assertion")


# --- What is never run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://api.gateway.example", "/mpesa/b2c/v3/paymentrequest"),
        ("https://api.gateway.example/mpesa", "/b2c/v3/paymentrequest"),
        ("https://sandbox.gateway.example/mpesa", "/reversal/v1/request"),
        ("http://127.0.0.1:8001", "/mpesa//stkpush/./v1/processrequest"),
        ("https://api.wallet.example", "/merchant/v1/payments/"),
        ("https://api.wallet.example", "/standard/v1/disbursements/"),
        ("https://proxy.momoapi.mtn.com", "/collection/v1_0/requesttopay"),
        ("https://proxy.momoapi.mtn.com", "/disbursement/v1_0/transfer"),
        ("https://api.cards.example", "/v1/charges"),
        ("https://api.cards.example", "/v1/payment_intents?a=b"),
        ("https://api.cards.example", "/v1/%72efunds"),
    ],
)
def test_a_step_that_moves_money_or_rings_a_phone_cannot_be_saved(base_url: str, path: str) -> None:
    with pytest.raises(TargetError, match="never scheduled"):
        validate("flow", steps({"method": "POST", "path": path}, base_url=base_url))


@pytest.mark.parametrize(
    ("base_url", "method", "path"),
    [
        ("https://api.cards.example", "GET", "/v1/charges"),
        ("https://sandbox.cards.example", "POST", "/v1/charges"),
        ("https://api.cards.example", "POST", "/v1/charges/search"),
        ("https://api.wallet.example", "GET", "/standard/v1/payments/1"),
    ],
)
def test_reading_and_sandboxes_are_free(base_url: str, method: str, path: str) -> None:
    validate("flow", steps({"method": method, "path": path}, base_url=base_url))


def test_an_answer_cannot_turn_a_step_into_a_call_that_is_never_run(start: Start) -> None:
    gateway = start(lambda asked: (200, {"kind": "b2c"}))
    spec = steps(
        {"extract": {"kind": {"json": "$.kind"}}}, {"method": "POST", "path": "/mpesa/{{kind}}/v3/paymentrequest"},
        base_url=gateway.url,
    )  # fmt: skip
    outcome = asked(spec)
    assert (outcome.status, len(gateway.asked)) == ("misconfigured", 1)
    assert "never scheduled (b2c)" in outcome.evidence


def test_the_kind_http_is_held_to_the_same() -> None:
    with pytest.raises(TargetError, match="looks like a payment, which is never scheduled, because it moves money"):
        validate("http", {"url": "https://api.cards.example/v1/charges", "method": "POST"})


# --- Specs --------------------------------------------------------------------------------------------------------

LATER = {"correlation": "{{run}}"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "base_url is missing"),
        ({"base_url": "https://api.pay.example"}, "steps: give a list of 1 to 10"),
        (steps(), "steps: give a list of 1 to 10"),
        (steps(*[{}] * 11), "steps: give a list of 1 to 10"),
        (steps({}, base_url="http://api.pay.example"), "give https://"),
        (steps({}, base_url="https://api.pay.example/?a=b"), "base_url: give the address without ?"),
        (steps({}, more=1), "'more' is not a key"),
        (steps({}, time_zone="Nairobi"), "time_zone: is not a name"),
        (steps({}, auth={"basic": "hunter 2"}), "auth.basic: give the name of a secret"),
        (steps({}, delayed_ms=5, degraded_ms=1), "delayed_ms is above degraded_ms"),
        (steps({"more": 1}), "steps, number 1: 'more' is not known"),
        (steps({"name": "Pay Now"}), "steps, number 1: name: give each step a name of its own"),
        (steps({"name": "a"}, {"name": "a"}), "steps, number 2: name: give each step a name of its own"),
        (steps({"path": "x"}), "steps, number 1: path: begin with /"),
        (steps({"url": "https://x.example/"}), "steps, number 1: path: give a path below base_url, or a whole url"),
        (steps({"method": "FETCH"}), "steps, number 1: method: give one of GET"),
        (steps({"path": "/{{id}}"}), "steps, number 1: path: {{id}} is not set before this step"),
        (steps({"path": "/{{later}}"}, {"extract": {"later": {"json": "$.a"}}}), "{{later}} is not set before this step"),
        (steps({"path": "/?key={{secret.BANK_KEY}}"}), "path: a secret does not belong into an address"),
        (steps({"headers": {"X": "{{secret.bank key}}"}}), "give the name of a secret"),
        (steps({"headers": {"Authorization": "Bearer abc"}}), "headers.Authorization: its value is a secret"),
        (steps({"headers": {"X": "{{run}}\n"}}), "headers.X: give one line of ASCII text"),
        (steps({"headers": {"a b": "{{run}}"}}), "'a b' is not a header's name"),
        (steps({"headers": {"Authorization": "Bearer {{run}}"}, "auth": {"bearer": "A"}}), "auth: an Authorization header"),
        (steps({"body": {"a": 1}}), "body: a GET or HEAD has none"),
        (steps({"assertions": [{"contains": "{{secret.A}}"}]}), "assertions: a secret does not belong here"),
        (steps({"assertions": [{"equals": 1}]}), "steps, number 1: assertions, number 1: equals needs a place"),
        (steps({"extract": {"Id": {"json": "$.a"}}}), "extract: 'Id': give a name in small letters"),
        (steps({"extract": {"run": {"json": "$.a"}}}), "extract: 'run': give a name in small letters"),
        (steps({"extract": {"a": {"json": "a b"}}}), "extract.a.json: is not a JSONPath"),
        (steps({"extract": {"a": {"regex": "abc"}}}), "extract.a.regex: give a pattern with one group"),
        (steps({"extract": {"a": {"json": "$.a", "header": "X"}}}), "extract.a: give one of json, header, regex"),
        (steps({"extract": []}), "extract: give an object"),
        (steps({"tries": 4}), "tries: give a whole number from 1 to 3"),
        (steps({"ours_status": 99}), "ours_status: give a status or a list"),
        (steps({}, token={"path": "/t"}), "token: extract: give token"),
        (steps({}, token={"path": "/t", "extract": {"token": {"json": "$.t"}, "b": {"json": "$.b"}}}), "token: extract: give"),
        (steps({}, token=[]), "token: give an object"),
        (
            steps({"extract": {"token": {"json": "$.t"}}}, token={"path": "/t", "extract": {"token": {"json": "$.t"}}}),
            "token is the shared one already",
        ),
        (steps({}, answers_later={"correlation": "fixed"}), "correlation: give what the answer will name"),
        (steps({}, answers_later={"correlation": "{{id}}"}), "answers_later: correlation: {{id}} is not set"),
        (steps({}, answers_later={**LATER, "code": "a.b"}), "code: give the name of the answer's field"),
        (steps({}, answers_later={**LATER, "ok": ["A"], "failed": ["A"]}), "the code 'A' is in two lists"),
        (steps({}, answers_later={**LATER, "ok": "A"}), "ok: give a list of at most 30 codes"),
        (steps({}, answers_later={**LATER, "late_s": 200}), "late_s is not below lost_s"),
        (steps({}, answers_later={**LATER, "late_s": 0}), "answers_later: late_s: give seconds"),
        (steps({}, answers_later={"callback": "mtn"}), "answers_later: callback: give the name of a secret"),
        (steps({}, answers_later={"callback": "MTN", "correlation": "{{uuid}}"}), "leave correlation out"),
        (steps({"path": "/?back={{callback}}"}), "{{callback}} is not set"),
        (
            {"base_url": "https://a.example", "steps": [{"name": "a", "url": "https://{{now}}.example/"}]},
            "url: a name in the host would send secrets",
        ),
    ],
)  # fmt: skip
def test_a_spec_that_cannot_be_run_says_where_and_what_to_change(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(TargetError) as caught:
        validate("flow", spec)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_value_of_a_step_may_be_of_any_type_and_is_told_so_in_words() -> None:
    odd: list[Any] = [None, 1, "x", [], {}, [1], {"a": 1}, True]
    said = []
    for key in (*flow_spec.STEP_KEYS, *flow_spec.KEYS):
        for value in odd:
            for spec in (steps({key: value}), {**steps({}), key: value}):
                try:
                    validate("flow", spec)
                except TargetError as error:
                    said.append(str(error))
    assert len(said) > 100
    assert [words for words in said if "\n" in words or not words.endswith(".")] == []


def test_nothing_is_encoded_in_a_body_that_is_a_text(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_FORM", "a%26b+c")
    gateway = start(lambda asked: (200, {}))
    assert asked(steps({"method": "POST", "body": "key={{secret.FORM}}"}, base_url=gateway.url)).status == "ok"
    assert gateway.asked[0].body == "key=a%26b+c"
    assert gateway.asked[0].header("Content-Type") == "application/x-www-form-urlencoded"
