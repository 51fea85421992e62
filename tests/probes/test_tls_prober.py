"""The prober tls, through `run`, against real servers with certificates of every sort."""

from __future__ import annotations

import socket
import threading
import time
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


def probe(port: int, *, timeout: float = 5.0, ahead_days: float = 0, **spec: Any) -> Outcome:
    whole = {"host": "127.0.0.1", "port": port, **spec}
    return run(Task(1, "cert", "tls", whole, interval=3600, timeout=timeout, slot=0), now=time.time() + ahead_days * 86_400)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


def test_a_certificate_with_time_left_is_ok_and_says_how_much(authority: Authority, listen_tls: ListenTls) -> None:
    outcome = probe(listen_tls(authority.issue(days=57.5)).port)
    assert judged(outcome) == ("ok", "")
    assert outcome.evidence.startswith("the certificate is good for 57 days in ")
    assert {"connect", "tls"} <= set(outcome.phases)


@pytest.mark.parametrize(("days", "status"), [(14.5, "ok"), (13.5, "degraded"), (5.5, "degraded"), (4.5, "down"), (0.5, "down")])
def test_days_left_are_judged_by_the_specs_thresholds(
    authority: Authority, listen_tls: ListenTls, days: float, status: str
) -> None:
    assert probe(listen_tls(authority.issue(days=days)).port, down_days=5).status == status


def test_an_end_to_come_is_never_down_unless_the_spec_says_so(authority: Authority, listen_tls: ListenTls) -> None:
    outcome = probe(listen_tls(authority.issue(days=1.5)).port)
    assert (outcome.status, outcome.evidence) == ("degraded", "the certificate is good for 1 day, limit 14")


def test_an_ended_certificate_is_down_and_says_since_when(authority: Authority, listen_tls: ListenTls) -> None:
    outcome = probe(listen_tls(authority.issue(days=-2.5)).port)
    assert (*judged(outcome), outcome.evidence) == ("down", "tls", "the certificate ended 3 days ago")


def test_a_certificate_for_another_host_is_down_and_says_so(authority: Authority, listen_tls: ListenTls) -> None:
    outcome = probe(listen_tls(authority.issue("elsewhere.example", "*.elsewhere.example")).port)
    assert (*judged(outcome), outcome.evidence) == ("down", "tls", "the certificate is for other names than this host")


def test_a_certificate_nobody_vouches_for_is_down(authority: Authority, listen_tls: ListenTls, tmp_path: Any) -> None:
    stranger = Authority(tmp_path, "Stranger")
    outcome = probe(listen_tls(stranger.issue()).port)
    assert judged(outcome) == ("down", "tls")
    assert outcome.evidence.startswith("no secure connection")


def test_the_certificate_between_is_judged_too(authority: Authority, listen_tls: ListenTls, tmp_path: Any) -> None:
    between = Authority(tmp_path, "Between", above=authority, days=6.5)
    outcome = probe(listen_tls(between.issue(days=80)).port)
    assert (outcome.status, outcome.evidence) == (
        "degraded",
        "a certificate between it and the root is good for 6 days, limit 14",
    )


def test_a_server_that_does_not_show_the_certificate_between_is_down(
    authority: Authority, listen_tls: ListenTls, tmp_path: Any
) -> None:
    between = Authority(tmp_path, "Between", above=authority)
    between._above = None  # issues without what is above
    assert judged(probe(listen_tls(between.issue()).port)) == ("down", "tls")


def test_a_name_of_its_own_is_asked_for(authority: Authority, listen_tls: ListenTls) -> None:
    listener = listen_tls(authority.issue("pay.example"))
    assert probe(listener.port, tls={"server_name": "pay.example"}).status == "ok"
    assert listener.names[-1] == "pay.example"


def test_a_ca_of_its_own_is_trusted(listen_tls: ListenTls, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    private = Authority(tmp_path, "Private")
    monkeypatch.setenv("HALI_FILE_PRIVATE", str(private.file))
    assert probe(listen_tls(private.issue()).port, tls={"ca": "PRIVATE"}).status == "ok"


def _smtp_prelude(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"220 mail.example\r\n")
    connection.recv(1000)
    connection.sendall(b"250-mail.example\r\n250 STARTTLS\r\n")
    connection.recv(1000)
    connection.sendall(b"220 go on\r\n")


def test_starttls_is_spoken_where_the_spec_says_so(authority: Authority, listen_tls: ListenTls) -> None:
    def act(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1000)
        connection.sendall(b"250 mail.example\r\n")
        connection.recv(1000)

    listener = listen_tls(authority.issue(days=3.5), act=act, prelude=_smtp_prelude)
    outcome = probe(listener.port, starttls="smtp")
    assert (outcome.status, outcome.evidence) == ("degraded", "the certificate is good for 3 days, limit 14")


def test_a_handshake_that_is_never_answered_ends_with_the_deadline(listen: Listen) -> None:
    outcome = probe(listen(lambda connection, over: over.wait()).port, timeout=0.3)
    assert judged(outcome) == ("down", "timeout_connect")


def test_an_address_this_agent_may_not_ask_is_not_connected_to(settings: Any, listen: Listen) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    listener = listen(answer=b"")
    assert judged(probe(listener.port, host="localhost")) == ("misconfigured", "target")
    assert judged(probe(listener.port)) == ("misconfigured", "target")
    assert listener.heard == []


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"down_days": 20}, "down_days is above degraded_days"),
        ({"degraded_days": -1}, "degraded_days: give a whole number from 0 to 1000"),
        ({"starttls": "xmpp"}, "starttls: give one of smtp, imap, pop3"),
        ({"tls": {"verify": False}}, "tls.verify: this kind is about what verification says"),
        ({"host": "a b"}, "host: give a host name"),
        ({"ip_version": 1}, "ip_version: give one of 4, 6"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = probe(443, **spec)
    assert judged(outcome) == ("misconfigured", "target")
    assert says in outcome.evidence
