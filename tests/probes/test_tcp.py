"""The prober tcp, through `run`, against real listeners."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import run
from tests.probes.authority import Authority, SecureListener
from tests.probes.conftest import Listener

Listen = Callable[..., Listener]
ListenTls = Callable[..., SecureListener]


def probe(port: int, *, timeout: float = 5.0, host: str = "127.0.0.1", **spec: Any) -> Outcome:
    return run(Task(1, "port", "tcp", {"host": host, "port": port, **spec}, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


def test_a_port_that_lets_us_connect_is_ok_with_its_phases(listen: Listen) -> None:
    outcome = probe(listen(answer=b"").port)
    assert judged(outcome) == ("ok", "")
    assert set(outcome.phases) == {"dns", "connect"}
    assert outcome.total_us is not None


def test_nobody_listening_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = probe(unused.getsockname()[1])
    assert (*judged(outcome), outcome.total_us) == ("down", "refused", None)


def test_an_unknown_name_is_a_dns_failure() -> None:
    assert judged(probe(80, host="no-such-host.invalid")) == ("down", "dns")


def test_what_is_sent_is_answered_as_expected(listen: Listen) -> None:
    listener = listen(answer=b"+PONG\r\n")
    assert probe(listener.port, send="PING\r\n", expect="PONG").status == "ok"
    assert listener.heard == [b"PING\r\n"]
    assert probe(listener.port, send="PING\r\n", expect_pattern=r"^\+P.NG\s").status == "ok"


def test_another_answer_is_an_assertion_and_is_not_repeated(listen: Listen) -> None:
    outcome = probe(listen(answer=b"-planted\r\n").port, send="PING\r\n", expect="PONG")
    assert judged(outcome) == ("down", "assertion")
    assert "planted" not in repr(outcome)


def test_silence_where_words_are_expected_is_a_read_timeout(listen: Listen) -> None:
    outcome = probe(listen(lambda connection, over: over.wait()).port, send="PING", expect="PONG", timeout=0.3)
    assert judged(outcome) == ("down", "timeout_read")
    assert outcome.total_us is not None
    assert outcome.total_us >= 290_000


def _drip(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"x")


def test_a_dripping_server_does_not_outlive_the_deadline(listen: Listen) -> None:
    assert judged(probe(listen(_drip).port, send="PING", expect="PONG", timeout=0.3)) == ("down", "deadline")


def test_a_flood_is_cut(listen: Listen) -> None:
    assert judged(probe(listen(answer=b"x" * 3_000_000).port, send="PING", expect="PONG")) == ("down", "assertion")


def test_tls_is_spoken_where_the_spec_has_it(authority: Authority, listen_tls: ListenTls) -> None:
    listener = listen_tls(authority.issue(), answer=b"+PONG\r\n")
    outcome = probe(listener.port, tls={}, send="PING\r\n", expect="PONG")
    assert outcome.status == "ok"
    assert "tls" in outcome.phases


def test_a_certificate_that_is_not_right_is_down_and_says_why(authority: Authority, listen_tls: ListenTls) -> None:
    outcome = probe(listen_tls(authority.issue("elsewhere.example")).port, tls={})
    assert judged(outcome) == ("down", "tls")
    assert "IP address mismatch" in outcome.evidence


def test_a_handshake_that_drips_ends_with_the_deadline(listen: Listen) -> None:
    def drip_records(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KB
        _drip(connection, over)

    assert judged(probe(listen(drip_records).port, tls={}, timeout=0.3)) == ("down", "timeout_connect")


def test_a_server_that_does_not_speak_tls_is_down(listen: Listen) -> None:
    assert judged(probe(listen(answer=b"220 hello\r\n").port, tls={})) == ("down", "tls")


def test_a_slow_answer_is_judged_by_the_limits(listen: Listen) -> None:
    def act(connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.06)
        connection.sendall(b"PONG")

    listener = listen(act)
    assert probe(listener.port, send="PING", expect="PONG", delayed_ms=10).status == "delayed"
    assert judged(probe(listener.port, send="PING", expect="PONG", down_ms=10)) == ("down", "deadline")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "::1", "[::1]"])
def test_an_address_this_agent_may_not_ask_is_not_connected_to(settings: Any, listen: Listen, host: str) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    listener = listen(answer=b"hello")
    outcome = probe(listener.port, host=host)
    assert judged(outcome) == ("misconfigured", "target")
    assert listener.heard == []


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "host is missing"),
        ({"host": "https://pay.example"}, "host: give a host name or an address alone"),
        ({"host": "pay.example"}, "port is missing"),
        ({"host": "pay.example", "port": 0}, "port: give a whole number from 1 to 65535"),
        ({"host": "pay.example", "port": "443"}, "port: give a whole number"),
        ({"host": "pay.example", "port": 1, "send": 7}, "send: give a text"),
        ({"host": "pay.example", "port": 1, "expect": "a", "expect_pattern": "a"}, "both are given"),
        ({"host": "pay.example", "port": 1, "expect_pattern": "("}, "expect_pattern: is not a pattern"),
        ({"host": "pay.example", "port": 1, "tls": True}, "tls: give an object"),
        ({"host": "pay.example", "port": 1, "url": "x"}, "'url' is not a key of this kind of probe"),
        ({"host": "pay.example", "port": 1, "delayed_ms": 0}, "delayed_ms: give whole milliseconds"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = run(Task(1, "port", "tcp", spec, interval=60, timeout=1, slot=0))
    assert judged(outcome) == ("misconfigured", "target")
    assert says in outcome.evidence
