"""The prober http's options, through `run`, against real listeners: who asks, redirects, TLS, connections, addresses."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import engine, run
from tests.probes.authority import Authority, SecureListener
from tests.probes.conftest import Listener, Sandbox, http_answer

Listen = Callable[..., Listener]
ListenTls = Callable[..., SecureListener]


def probe(url: str, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    return run(Task(1, "page", "http", {"url": url, **spec}, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


# --- Who asks -------------------------------------------------------------------------------------


def test_a_user_and_a_password_go_out(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL_USER", "asha")
    monkeypatch.setenv("HALI_SECRET_PORTAL_PASSWORD", "planted")
    listener = listen(answer=http_answer("200 OK"))
    assert probe(listener.url, auth={"basic": "PORTAL"}).status == "ok"
    assert b"Authorization: Basic YXNoYTpwbGFudGVk" in listener.heard[0]


def _token_server(listen: Listen, monkeypatch: pytest.MonkeyPatch, *tokens: str) -> Listener:
    monkeypatch.setenv("HALI_SECRET_PORTAL_KEY", "key")
    monkeypatch.setenv("HALI_SECRET_PORTAL_SECRET", "secret")
    waiting = list(tokens)

    def act(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(http_answer("200 OK", f'{{"access_token": "{waiting.pop(0)}", "expires_in": 3600}}'.encode()))

    return listen(act)


def test_an_oauth2_token_is_fetched_once_for_many_runs(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = _token_server(listen, monkeypatch, "first")
    page = listen(answer=http_answer("200 OK"))
    for _ in range(2):
        assert probe(page.url, auth={"oauth2": "PORTAL", "token_url": tokens.url}).status == "ok"
    assert [b"Authorization: Bearer first" in heard for heard in page.heard] == [True, True]
    assert len(tokens.heard) == 1


def test_a_kept_token_that_was_withdrawn_is_fetched_anew_in_the_same_run(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = _token_server(listen, monkeypatch, "first", "second")
    good = [b"first"]

    def act(connection: socket.socket, over: threading.Event) -> None:
        knows = b"Authorization: Bearer " + good[0] in page.heard[-1]
        connection.sendall(http_answer("200 OK" if knows else "401 Unauthorized"))

    page = listen(act)
    spec: dict[str, Any] = {"auth": {"oauth2": "PORTAL", "token_url": tokens.url}}
    assert probe(page.url, **spec).status == "ok"
    good[0] = b"second"
    assert probe(page.url, **spec).status == "ok"
    assert len(page.heard) == 3


def test_without_a_token_the_page_is_not_asked(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL_KEY", "key")
    monkeypatch.setenv("HALI_SECRET_PORTAL_SECRET", "secret")
    tokens, page = listen(answer=http_answer("503 Service Unavailable")), listen(answer=http_answer("200 OK"))
    outcome = probe(page.url, auth={"oauth2": "PORTAL", "token_url": tokens.url})
    assert (*judged(outcome), outcome.evidence) == ("down", "status", "no token: status 503, expected 200")
    assert page.heard == []


# --- Redirects ------------------------------------------------------------------------------------


def test_a_redirect_is_followed_where_the_spec_allows_it_and_its_time_counts(listen: Listen) -> None:
    end = listen(answer=http_answer("200 OK", b"Karibu"))
    start = listen(answer=http_answer("302 Found", Location=end.url + "deep?x=1"))
    outcome = probe(start.url, redirects=1, body_contains="Karibu")
    assert outcome.status == "ok"
    assert end.heard[0].startswith(b"GET /deep?x=1 ")
    assert outcome.total_us is not None
    assert abs(sum(outcome.phases.values()) - outcome.total_us) < 20


def test_a_relative_redirect_stays_on_the_host(listen: Listen) -> None:
    def act(connection: socket.socket, over: threading.Event) -> None:
        is_first = listener.heard[-1].startswith(b"GET / ")
        connection.sendall(http_answer("301 Moved Permanently", Location="../sw/") if is_first else http_answer("200 OK"))

    listener = listen(act)
    assert probe(listener.url, redirects=3).status == "ok"
    assert listener.heard[1].startswith(b"GET /sw/ ")


def test_too_many_redirects_are_down(listen: Listen) -> None:
    listener = listen(answer=http_answer("302 Found", Location="/again"))
    outcome = probe(listener.url, redirects=2)
    assert (*judged(outcome), outcome.evidence) == ("down", "assertion", "more than 2 redirects")
    assert len(listener.heard) == 3


@pytest.mark.parametrize(
    ("status", "method"),
    [("301 Moved", b"GET"), ("303 See Other", b"GET"), ("307 Temporary", b"POST"), ("308 Permanent", b"POST")],
)
def test_a_redirected_post_becomes_a_get_unless_the_answer_keeps_it(listen: Listen, status: str, method: bytes) -> None:
    end = listen(answer=http_answer("200 OK"))
    start = listen(answer=http_answer(status, Location=end.url))
    probe(start.url, method="POST", body={"a": 1}, redirects=1)
    assert end.heard[0].startswith(method + b" /")
    assert (b'{"a": 1}' in end.heard[0]) is (method == b"POST")


def test_secrets_do_not_follow_to_another_host(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL", "planted")
    end = listen(answer=http_answer("200 OK"))
    start = listen(answer=http_answer("302 Found", Location=end.url))
    probe(start.url, redirects=1, auth={"bearer": "PORTAL"}, secret_headers={"X-Key": "PORTAL"}, headers={"X-Colour": "blue"})
    assert start.heard[0].count(b"planted") == 2
    assert b"planted" not in end.heard[0]
    assert b"X-Colour: blue" in end.heard[0]


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/", "http://127.0.0.1:1/mpesa/b2c/v3/paymentrequest", "http://[::1"])
def test_a_redirect_that_must_not_be_followed_is_down_and_not_asked(listen: Listen, location: str) -> None:
    outcome = probe(listen(answer=http_answer("302 Found", Location=location)).url, redirects=1)
    assert judged(outcome) in {("down", "assertion"), ("down", "status")}


def test_a_redirect_from_https_to_http_is_down(authority: Authority, listen: Listen, listen_tls: ListenTls) -> None:
    plain = listen(answer=http_answer("200 OK"))
    secure = listen_tls(authority.issue(), answer=http_answer("302 Found", Location=plain.url))
    assert probe(secure.url, redirects=1).evidence == "it redirects from https:// to http://"
    assert plain.heard == []


def test_the_deadline_holds_over_all_redirects(listen: Listen) -> None:
    silent = listen(lambda connection, over: over.wait())
    start = listen(answer=http_answer("302 Found", Location=silent.url))
    outcome = probe(start.url, redirects=5, timeout=0.3)
    assert judged(outcome) == ("down", "timeout_read")
    assert outcome.total_us is not None
    assert 290_000 < outcome.total_us < 1_500_000


# --- TLS ------------------------------------------------------------------------------------------


def test_a_ca_named_in_the_spec_is_trusted(authority: Authority, listen_tls: ListenTls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    listener = listen_tls(authority.issue(), answer=http_answer("200 OK"))
    assert judged(probe(listener.url)) == ("down", "tls")
    monkeypatch.setenv("HALI_FILE_PARTNER", str(authority.file))
    assert probe(listener.url, tls={"ca": "PARTNER"}).status == "ok"


def test_verification_can_be_switched_off(authority: Authority, listen_tls: ListenTls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    listener = listen_tls(authority.issue("elsewhere.example", days=-3), answer=http_answer("200 OK"))
    assert probe(listener.url, tls={"verify": False}).status == "ok"


def test_a_server_below_the_lowest_version_is_down(authority: Authority, listen_tls: ListenTls) -> None:
    listener = listen_tls(authority.issue(), answer=http_answer("200 OK"), version=ssl.TLSVersion.TLSv1_2)
    assert probe(listener.url, tls={"min_version": "1.2"}).status == "ok"
    assert judged(probe(listener.url, tls={"min_version": "1.3"})) == ("down", "tls")


def test_a_server_name_is_shaken_hands_with_and_the_host_stays(authority: Authority, listen_tls: ListenTls) -> None:
    listener = listen_tls(authority.issue("pay.example"), answer=http_answer("200 OK"))
    assert judged(probe(listener.url)) == ("down", "tls")
    assert probe(listener.url, tls={"server_name": "pay.example"}).status == "ok"
    assert listener.names[-1] == "pay.example"
    assert f"Host: 127.0.0.1:{listener.port}".encode() in listener.heard[-1]


@pytest.mark.parametrize(("passphrase", "separate"), [("", False), ("", True), ("planted-phrase", False)])
def test_a_client_certificate_is_shown_by_name(
    authority: Authority, listen_tls: ListenTls, monkeypatch: pytest.MonkeyPatch, passphrase: str, separate: bool
) -> None:
    listener = listen_tls(authority.issue(), answer=http_answer("200 OK"), client_ca=authority.file)
    assert probe(listener.url).status == "down"
    mine = authority.issue("hali.example", passphrase=passphrase, separate_key=separate)
    monkeypatch.setenv("HALI_FILE_BANK", str(mine))
    if separate:
        monkeypatch.setenv("HALI_FILE_BANK_KEY", str(mine.with_suffix(".key")))
    if passphrase:
        monkeypatch.setenv("HALI_SECRET_BANK_PASSPHRASE", passphrase)
    assert probe(listener.url, tls={"client_certificate": "BANK"}).evidence.startswith("status 200")


def test_a_client_certificate_that_cannot_be_used_is_our_fault(
    authority: Authority, listen_tls: ListenTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen_tls(authority.issue(), answer=http_answer("200 OK"))
    monkeypatch.setenv("HALI_FILE_BANK", str(authority.issue("hali.example", separate_key=True)))
    assert judged(probe(listener.url, tls={"client_certificate": "BANK"})) == ("misconfigured", "target")
    monkeypatch.delenv("HALI_FILE_BANK")
    outcome = probe(listener.url, tls={"client_certificate": "BANK"})
    assert judged(outcome) == ("misconfigured", "credentials")
    assert "HALI_FILE_BANK" in outcome.evidence


# --- Assertions and limits ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assertion", "status"),
    [
        ({"json": "$.state", "equals": "up"}, "ok"),
        ({"json": "$.state", "equals": "down", "otherwise": "delayed"}, "delayed"),
        ({"header": "X-Lag", "at_most": 10, "otherwise": "degraded"}, "degraded"),
        ({"header": "X-Lag", "at_most": 60}, "ok"),
        ({"not_contains": "up"}, "down"),
    ],
)
def test_assertions_decide_what_a_good_status_means(listen: Listen, assertion: dict[str, Any], status: str) -> None:
    answer = http_answer("200 OK", b'{"state": "up"}', X_Lag="30").replace(b"X_Lag", b"X-Lag")
    assert probe(listen(answer=answer).url, assertions=[assertion]).status == status


def test_headers_of_an_interim_answer_are_not_those_of_the_answer(listen: Listen) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nX-Lag: 5\r\n\r\n" + http_answer("200 OK", Kind="final")
    url = listen(answer=answer).url
    assert probe(url, assertions=[{"header": "X-Lag", "exists": False}, {"header": "kind", "equals": "final"}]).status == "ok"


def test_an_answer_slower_than_the_last_limit_is_down(sandbox: Sandbox) -> None:
    sandbox.fault("latency", p50_ms=60, p95_ms=60)
    outcome = probe(sandbox.url + "/", expect_status="4xx", delayed_ms=10, degraded_ms=20, down_ms=30)
    assert judged(outcome) == ("down", "deadline")


def test_what_is_late_by_its_words_may_be_down_by_its_time(sandbox: Sandbox) -> None:
    sandbox.fault("latency", p50_ms=60, p95_ms=60)
    late: dict[str, Any] = {"assertions": [{"contains": "nothing of it", "otherwise": "delayed"}], "expect_status": "400-499"}
    assert probe(sandbox.url + "/", **late).status == "delayed"
    assert probe(sandbox.url + "/", **late, down_ms=30).status == "down"


def test_the_body_cap_is_the_specs(listen: Listen) -> None:
    url = listen(answer=http_answer("200 OK", b"x" * 5000)).url
    assert probe(url, body_limit_kb=5).status == "ok"
    assert judged(probe(url, body_limit_kb=4)) == ("misconfigured", "body_too_big")


# --- Connections ----------------------------------------------------------------------------------


def _say_ok_until_closed(connection: socket.socket, over: threading.Event) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    connection.sendall(answer)
    connection.settimeout(0.05)
    while not over.is_set():
        try:
            if not connection.recv(65536):
                return
        except TimeoutError:
            continue
        connection.sendall(answer)


def test_a_connection_is_kept_where_the_spec_says_reuse(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[Any, Any] = {}
    monkeypatch.setattr(engine, "_kept", kept)
    listener = listen(_say_ok_until_closed)
    first, second = probe(listener.url, reuse=True), probe(listener.url, reuse=True)
    assert (first.status, second.status, len(listener.heard)) == ("ok", "ok", 1)
    assert "connect" in first.phases
    assert {"connect", "tls"}.isdisjoint(second.phases)
    assert second.phases["ttfb"] > 0
    assert probe(listener.url).status == "ok"
    assert len(listener.heard) == 2
    for handle in kept.values():
        handle.close()


def test_the_ip_version_is_the_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(http_answer("200 OK"))

        thread = threading.Thread(target=answer)
        thread.start()
        assert judged(probe(f"http://localhost:{port}/", ip_version=4)) == ("down", "refused")
        assert probe(f"http://localhost:{port}/", ip_version=6).status == "ok"
        thread.join()


def test_letters_outside_ascii_in_an_answers_headers_are_no_fault_of_ours(listen: Listen) -> None:
    answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; x=é\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    assert probe(listen(answer=answer).url).status == "ok"


# --- Addresses ------------------------------------------------------------------------------------


@pytest.fixture
def public_only(settings: Any) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")


HOSTS = ["127.0.0.1", "localhost", "0x7f.1", "127.1", "017700000001", "[::ffff:127.0.0.1]", "0x7f000001"]


@pytest.mark.parametrize("host", HOSTS)
def test_no_spelling_reaches_an_address_this_agent_may_not_ask(public_only: None, listen: Listen, host: str) -> None:
    listener = listen(answer=http_answer("200 OK"))
    outcome = probe(f"http://{host}:{listener.port}/")
    assert judged(outcome) == ("misconfigured", "target")
    assert listener.heard == []
    assert "127" not in outcome.evidence


def test_metadata_is_not_asked_whatever_the_networks() -> None:
    outcome = probe("http://169.254.169.254/latest/meta-data/", timeout=1)
    assert judged(outcome) == ("misconfigured", "target")
    assert outcome.evidence == "the target is a cloud's metadata address: this agent may not ask it (HALI_PROBE_NETWORKS)"


@pytest.mark.parametrize("host", ["[::1]", "localhost"])
def test_each_hop_of_a_redirect_is_judged(settings: Any, listen: Listen, host: str) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public,127.0.0.2/32")
    inner = listen(answer=http_answer("200 OK"))
    with socket.create_server(("127.0.0.2", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(http_answer("302 Found", Location=f"http://{host}:{inner.port}/"))

        thread = threading.Thread(target=answer)
        thread.start()
        outcome = probe(f"http://127.0.0.2:{server.getsockname()[1]}/", redirects=3)
        thread.join()
    assert judged(outcome) == ("misconfigured", "target")
    assert inner.heard == []


def test_a_tokens_address_is_judged_too(public_only: None, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = _token_server(listen, monkeypatch, "first")
    outcome = probe("https://pay.example/", auth={"oauth2": "PORTAL", "token_url": tokens.url})
    assert judged(outcome) == ("misconfigured", "target")
    assert tokens.heard == []


# --- Specs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"redirects": 11}, "redirects: give a whole number from 0 to 10"),
        ({"redirects": True}, "redirects: give a whole number"),
        ({"ip_version": 5}, "ip_version: give one of 4, 6"),
        ({"ip_version": "4"}, "ip_version: give one of 4, 6"),
        ({"reuse": "yes"}, "reuse: give true or false"),
        ({"reuse": True, "method": "POST"}, "reuse: a kept connection that has gone is asked again"),
        ({"body_limit_kb": 5000}, "body_limit_kb: give a whole number from 1 to 1024"),
        ({"expect_status": "2x"}, "expect_status: give a status"),
        ({"expect_status": "299-200"}, "expect_status: give a status"),
        ({"assertions": "x"}, "assertions: give a list"),
        ({"method": "HEAD", "assertions": [{"contains": "x"}]}, "method: HEAD brings no body"),
        ({"method": "HEAD", "body_contains": "x"}, "method: HEAD brings no body"),
        ({"auth": {"digest": "X"}}, "auth: give an object with one of"),
        ({"auth": {"bearer": "X"}, "secret_headers": {"authorization": "X"}}, "auth: an Authorization header is given too"),
        ({"tls": "off"}, "tls: give an object"),
        ({"tls": {"insecure": True}}, "tls: 'insecure' is not known; use verify, ca"),
        ({"tls": {"verify": 0}}, "tls.verify: give true or false"),
        ({"tls": {"verify": False, "ca": "X"}}, "tls: names a ca and sets verify to false"),
        ({"tls": {"ca": "/etc/ssl/ca.pem"}}, "tls.ca: give the name"),
        ({"tls": {"client_certificate": "a b"}}, "tls.client_certificate: give the name"),
        ({"tls": {"min_version": 1.2}}, "tls.min_version: give one of 1.2, 1.3"),
        ({"tls": {"server_name": "https://x"}}, "tls.server_name: give a host name"),
        ({"down_ms": 10, "degraded_ms": 20}, "degraded_ms is above down_ms: down is the worse of the two"),
        ({"down_ms": 10, "delayed_ms": 20}, "delayed_ms is above down_ms"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = probe("https://pay.example/", **spec)
    assert judged(outcome) == ("misconfigured", "target")
    assert says in outcome.evidence


def test_tls_options_on_a_plain_address_are_refused() -> None:
    assert probe("http://pay.example/", tls={"verify": False}).evidence.startswith("tls: url begins with http://")
