"""The prober http, through `run`, against real listeners."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from probes import probers
from probes.outcome import Outcome, OutcomeStatus, TargetError, Task
from probes.probers import PROBERS, Prober, run, validate
from probes.probers.engine import BODY_LIMIT
from tests.probes.conftest import Listener, Sandbox, http_answer

Listen = Callable[..., Listener]


def probe(url: str, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    return run(Task(1, "page", "http", {"url": url, **spec}, interval=60, timeout=timeout, slot=0), now=0.0)


def test_the_expected_answer_is_ok_with_its_measures(listen: Listen) -> None:
    outcome = probe(listen(answer=http_answer("200 OK", b"all fine")).url, body_contains="fine")
    assert (outcome.status, outcome.error_class, outcome.http_status) == ("ok", "", 200)
    assert outcome.total_us is not None
    assert set(outcome.phases) == {"dns", "connect", "ttfb", "transfer"}


@pytest.mark.parametrize(
    ("answer", "expect", "status"),
    [
        ("204 No Content", None, "ok"),
        ("302 Found", None, "down"),
        ("302 Found", 302, "ok"),
        ("404 Not Found", [200, 404], "ok"),
        ("200 OK", [201, 202], "down"),
        ("500 Internal Server Error", None, "down"),
    ],
)
def test_the_status_must_be_one_of_those_expected(listen: Listen, answer: str, expect: Any, status: str) -> None:
    spec = {} if expect is None else {"expect_status": expect}
    outcome = probe(listen(answer=http_answer(answer)).url, **spec)
    assert outcome.status == status
    assert outcome.error_class == ("" if status == "ok" else "status")


def test_being_asked_to_slow_down_is_our_fault_and_not_the_targets(listen: Listen) -> None:
    outcome = probe(listen(answer=http_answer("429 Too Many Requests")).url)
    assert (outcome.status, outcome.error_class) == ("misconfigured", "rate")


def test_a_missing_text_is_down(listen: Listen) -> None:
    outcome = probe(listen(answer=http_answer("200 OK", b"maintenance")).url, body_contains="Welcome")
    assert (outcome.status, outcome.error_class) == ("down", "assertion")


def test_a_text_outside_ascii_is_found(listen: Listen) -> None:
    assert probe(listen(answer=http_answer("200 OK", "Karibu – pesa".encode())).url, body_contains="– pesa").status == "ok"


def test_a_page_too_large_to_read_has_no_vote_unless_its_text_was_found(listen: Listen) -> None:
    url = listen(answer=http_answer("200 OK", b"Karibu" + b"x" * (BODY_LIMIT + 1))).url
    assert (probe(url).status, probe(url).error_class) == ("misconfigured", "body_too_big")
    assert probe(url, body_contains="Karibu").status == "ok"
    assert probe(url, body_contains="Kwaheri").status == "misconfigured"


def test_a_large_page_with_the_wrong_status_is_down(listen: Listen) -> None:
    outcome = probe(listen(answer=http_answer("500 Internal Server Error", b"x" * (BODY_LIMIT + 1))).url)
    assert (outcome.status, outcome.error_class) == ("down", "status")


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"delayed_ms": 10, "degraded_ms": 20}, "degraded"),
        ({"delayed_ms": 10, "degraded_ms": 60_000}, "delayed"),
        ({"delayed_ms": 10}, "delayed"),
        ({"degraded_ms": 10}, "degraded"),
        ({"delayed_ms": 60_000, "degraded_ms": 60_000}, "ok"),
        ({}, "ok"),
    ],
)
def test_a_slow_answer_is_delayed_or_degraded(sandbox: Sandbox, limits: dict[str, int], status: str) -> None:
    sandbox.fault("latency", p50_ms=60, p95_ms=60)
    outcome = probe(sandbox.url + "/", expect_status=404, **limits)
    assert (outcome.status, outcome.error_class) == (status, "")


def test_a_slow_wrong_answer_is_wrong_before_it_is_slow(sandbox: Sandbox) -> None:
    sandbox.fault("latency", p50_ms=60, p95_ms=60)
    assert probe(sandbox.url + "/", degraded_ms=10).error_class == "status"


def test_silence_until_the_timeout_is_down(sandbox: Sandbox) -> None:
    sandbox.fault("hang")
    outcome = probe(sandbox.url, timeout=0.3)
    assert (outcome.status, outcome.error_class) == ("down", "timeout_read")


def test_method_headers_and_a_json_body_go_out(listen: Listen) -> None:
    listener = listen(answer=http_answer("200 OK"))
    probe(listener.url, method="POST", headers={"X-Colour": "blue"}, body={"amount": 1})
    head, _, body = listener.heard[0].decode().partition("\r\n\r\n")
    assert head.startswith("POST ")
    assert "X-Colour: blue" in head
    assert "Content-Type: application/json" in head
    assert body == '{"amount": 1}'


def test_a_secret_header_is_sent_by_name_and_shown_nowhere(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL", "Bearer planted")
    caplog.set_level(logging.DEBUG)
    listener = listen(answer=http_answer("403 Forbidden", b"Bearer planted is not welcome"))
    outcome = probe(listener.url, secret_headers={"Authorization": "PORTAL"}, body_contains="hello")
    assert b"Authorization: Bearer planted" in listener.heard[0]
    assert "planted" not in repr(outcome) + caplog.text


def test_a_secret_the_agent_lacks_is_misconfigured_and_names_its_variable(listen: Listen) -> None:
    listener = listen(answer=http_answer("200 OK"))
    outcome = probe(listener.url, secret_headers={"Authorization": "NOWHERE"})
    assert (outcome.status, outcome.error_class) == ("misconfigured", "credentials")
    assert "HALI_SECRET_NOWHERE" in outcome.evidence
    assert listener.heard == []


def test_a_secret_that_would_break_the_header_is_not_sent(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL", "planted\r\nX-Evil: 1")
    listener = listen(answer=http_answer("200 OK"))
    outcome = probe(listener.url, secret_headers={"Authorization": "PORTAL"})
    assert outcome.status == "misconfigured"
    assert "planted" not in repr(outcome)
    assert listener.heard == []


# --- Specs ----------------------------------------------------------------------------------------

URL = "https://pay.example/health"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "url is missing"),
        ({"url": ""}, "url is missing"),
        ({"url": 5}, "give a text"),
        ({"url": "pay.example"}, "http:// or https://"),
        ({"url": "ftp://pay.example/"}, "http:// or https://"),
        ({"url": "file:///etc/passwd"}, "http:// or https://"),
        ({"url": "https:///health"}, "host is missing"),
        ({"url": "https://:443/"}, "host is missing"),
        ({"url": "https://pay.example:99999/"}, "port"),
        ({"url": "https://pay.example:abc/"}, "port"),
        ({"url": "https://pay.example:0/"}, "port 0"),
        ({"url": "https://[::1/"}, "host or the port"),
        ({"url": "https://-/"}, "not a name"),
        ({"url": "https://300.1.2.3/"}, "not a name"),
        ({"url": "https://pay .example/"}, "spaces"),
        ({"url": "https://pay.example/\r\nX: 1"}, "spaces"),
        ({"url": "https://málipo.example/"}, "ASCII"),
        ({"url": "https://me:planted@pay.example/"}, "take it out"),
        ({"url": URL, "uri": "x"}, "'uri' is not a key"),
        ({"url": URL, "method": "FETCH"}, "method: give one of"),
        ({"url": URL, "method": ["GET"]}, "method: give one of"),
        ({"url": URL, "headers": ["a"]}, "headers: give an object"),
        ({"url": URL, "headers": {"A b": "c"}}, "not a header's name"),
        ({"url": URL, "headers": {"X": "a\r\nb"}}, "one line"),
        ({"url": URL, "headers": {"X": 5}}, "one line"),
        ({"url": URL, "headers": {"Authorization": "planted"}}, "secret_headers"),
        ({"url": URL, "headers": {"X-Api-Key": "planted"}}, "secret_headers"),
        ({"url": URL, "secret_headers": {"Authorization": "Bearer planted"}}, "name of a secret"),
        ({"url": URL, "expect_status": "200"}, "expect_status"),
        ({"url": URL, "expect_status": []}, "expect_status"),
        ({"url": URL, "expect_status": [200, 900]}, "expect_status"),
        ({"url": URL, "expect_status": True}, "expect_status"),
        ({"url": URL, "body_contains": 5}, "body_contains"),
        ({"url": URL, "body": "x"}, "body: a GET"),
        ({"url": URL, "method": "POST", "body": 5}, "body: give a text"),
        ({"url": URL, "delayed_ms": 0}, "delayed_ms"),
        ({"url": URL, "degraded_ms": "1 s"}, "degraded_ms"),
        ({"url": URL, "delayed_ms": 500, "degraded_ms": 100}, "swap"),
    ],
)
def test_an_impossible_spec_says_what_to_change_and_repeats_no_secret(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(TargetError) as error:
        validate("http", spec)
    assert says in str(error.value)
    assert "planted" not in str(error.value)
    outcome = run(Task(1, "page", "http", spec, 60, 5.0, 0))
    assert (outcome.status, outcome.error_class) == ("misconfigured", "target")
    assert says in outcome.evidence


@pytest.mark.parametrize(
    "spec",
    [
        {"url": URL},
        {"url": "http://127.0.0.1:8001/"},
        {"url": "http://[::1]:8001/"},
        {"url": "http://localhost/"},
        {"url": "https://xn--mlipo-1qa.example/a?b=c"},
        {"url": URL, "method": "POST", "body": {"a": [1]}, "headers": {"Accept": "*/*"}, "expect_status": [200, 201]},
        {"url": URL, "secret_headers": {"X-Api-Key": "PORTAL_2"}, "delayed_ms": 100, "degraded_ms": 100},
    ],
)
def test_a_possible_spec_is_taken(spec: dict[str, Any]) -> None:
    validate("http", spec)


@pytest.mark.parametrize(("kind", "spec"), [("telepathy", {}), ("http", ["url"]), ("http", None), ("", {})])
def test_an_unknown_kind_or_a_spec_that_is_no_object_is_a_target_error(kind: str, spec: Any) -> None:
    with pytest.raises(TargetError):
        validate(kind, spec)
    assert run(Task(1, "page", kind, spec, 60, 5.0, 0)).status == "misconfigured"


def test_a_broken_prober_is_misconfigured_and_its_words_stay_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = "plan" + "ted"  # apart, since the log shows the line of code

    def broken(spec: object, /, *, timeout: float, now: float) -> Outcome:
        raise RuntimeError(words)

    monkeypatch.setattr(probers, "PROBERS", MappingProxyType({**PROBERS, "http": Prober(PROBERS["http"].validate, broken)}))
    outcome = probe(URL)
    assert outcome.status == OutcomeStatus.MISCONFIGURED
    assert "RuntimeError" in outcome.evidence
    assert "RuntimeError" in caplog.text
    assert "planted" not in repr(outcome) + caplog.text


def test_evidence_is_one_short_line_without_a_persons_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def chatty(spec: object, /, *, timeout: float, now: float) -> Outcome:
        return Outcome(OutcomeStatus.OK, evidence="for 254708374149\nand more " + "x" * 400)

    monkeypatch.setattr(probers, "PROBERS", {"http": Prober(PROBERS["http"].validate, chatty)})
    evidence = probe(URL).evidence
    assert len(evidence) == 300
    assert evidence.startswith("for [number] and more xxx")
