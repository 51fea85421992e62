"""The prober queue against AMQP: frames by the protocol's text; and against a RabbitMQ, where TEST_AMQP names one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import amqp
import pytest

from probes.outcome import Outcome, Task
from probes.probers import run
from tests.probes.amqp_broker import CLOSE, DECLARE, Broker
from tests.probes.authority import Authority, SecureListener
from tests.probes.conftest import Listener

Listen = Callable[..., Listener]
QUEUES = {"payouts": (17, 2), "idle": (0, 0)}
REAL = os.environ.get("TEST_AMQP", "")  # amqp://user:password@host:port/, of a user who may do everything


def probe(url: str, monkeypatch: pytest.MonkeyPatch, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    monkeypatch.setenv("HALI_SECRET_RABBIT", url)
    threshold = {} if any("above" in name or "below" in name for name in spec) else {"delayed_above": 5}
    whole = {"url": "RABBIT", "key": "payouts", "count": "messages", **threshold, **spec}
    return run(Task(1, "depth", "queue", whole, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


@pytest.mark.parametrize(
    ("spec", "path", "judgement", "words"),
    [
        ({"delayed_above": 17}, "", ("ok", ""), "17"),
        ({"delayed_above": 16}, "/", ("delayed", ""), "17"),
        ({"down_above": 16}, "/%2F", ("down", "assertion"), "17"),
        ({"count": "consumers", "down_below": 1}, "/", ("ok", ""), "2"),
        ({"count": "consumers", "down_below": 1, "key": "idle"}, "/", ("down", "assertion"), "0"),
        ({"key": "planted"}, "/", ("misconfigured", "target"), "there is no queue of this name"),
        ({}, "/planted", ("misconfigured", "credentials"), "the virtual host is not there"),
    ],
)
def test_messages_and_consumers_are_counted_and_nothing_is_taken_or_made(
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
    spec: dict[str, Any],
    path: str,
    judgement: tuple[str, str],
    words: str,
) -> None:
    broker = Broker(QUEUES)
    outcome = probe(f"amqp://reader:right@127.0.0.1:{listen(broker).port}{path}", monkeypatch, **spec)
    assert judged(outcome) == judgement
    assert outcome.evidence.startswith(words)
    assert "planted" not in outcome.evidence
    assert broker.said.count(DECLARE) <= 1  # passive, as the broker asserts
    assert outcome.status == "misconfigured" or broker.said[-1] == CLOSE


def test_a_refused_password_is_our_fault_and_is_shown_nowhere(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = probe(f"amqp://reader:planted@127.0.0.1:{listen(Broker(QUEUES)).port}/", monkeypatch)
    assert judged(outcome) == ("misconfigured", "credentials")
    assert "planted" not in repr(outcome)


def test_over_tls_the_broker_is_proved(
    listen_tls: Callable[..., SecureListener], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen_tls(authority.issue("localhost"), act=Broker(QUEUES).from_the_header_on)
    judgements = {
        host: judged(probe(f"amqps://reader:right@{host}:{listener.port}/", monkeypatch, delayed_above=20))
        for host in ("localhost", "127.0.0.1")  # the certificate is for the name
    }
    assert judgements == {"localhost": ("ok", ""), "127.0.0.1": ("down", "tls")}


def _drip(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"\x01")


@pytest.mark.parametrize("act", [lambda connection, over: over.wait(), _drip])
def test_a_broker_that_says_nothing_or_drips_does_not_outlive_the_deadline(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, act: Any
) -> None:
    outcome = probe(f"amqp://reader:right@127.0.0.1:{listen(act).port}/", monkeypatch, timeout=0.3)
    assert judged(outcome) == ("down", "timeout_read")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00\x7f\xff\xff\xff", b""]
)
def test_a_server_that_speaks_something_else_is_down(listen: Listen, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    outcome = probe(f"amqp://reader:right@127.0.0.1:{listen(answer=answer).port}/", monkeypatch, timeout=2)
    assert outcome.status == "down"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://", "amqp://h:x/", "http://h/planted"])
def test_an_address_that_is_none_is_named_by_its_variable_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    outcome = probe(url, monkeypatch)
    assert judged(outcome) == ("misconfigured", "target")
    assert outcome.evidence.startswith("HALI_SECRET_RABBIT: ")
    assert "planted" not in outcome.evidence


@pytest.mark.skipif(not REAL, reason="TEST_AMQP=amqp://… asks a RabbitMQ")
def test_a_rabbitmq_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    login, _, host = REAL.removeprefix("amqp://").rstrip("/").rpartition("@")
    user, _, password = login.partition(":")
    with amqp.Connection(host=host, userid=user, password=password) as connection:
        channel = connection.channel()
        for name in ("hali-waiting", "hali-taken", "hali-mine"):
            channel.queue_declare(name, exclusive=name == "hali-mine", auto_delete=False)
        try:
            for _ in range(3):
                channel.basic_publish(amqp.Message("x"), routing_key="hali-waiting")
            channel.queue_declare("hali-waiting", passive=True)  # by its answer all three are there
            channel.basic_consume("hali-taken", callback=lambda message: None)
            waiting = [probe(REAL, monkeypatch, key="hali-waiting", delayed_above=2) for _ in range(2)]
            takers = [
                probe(REAL, monkeypatch, key=f"hali-{name}", count="consumers", down_below=1) for name in ("taken", "waiting")
            ]
            ours = [probe(REAL, monkeypatch, key=key) for key in ("hali-none", "hali-mine")]
            refused = [
                probe(REAL.replace(f":{password}@", ":planted@"), monkeypatch),
                probe(REAL.rstrip("/") + "/planted", monkeypatch),
            ]
        finally:
            connection.channel().queue_delete("hali-waiting")
    with amqp.Connection(host=host, userid=user, password=password) as connection:
        connection.channel().queue_delete("hali-taken")
    assert [(judged(one), one.evidence[0]) for one in waiting] == [(("delayed", ""), "3")] * 2
    assert [judged(one) for one in takers] == [("ok", ""), ("down", "assertion")]
    assert [judged(one) for one in ours] == [("misconfigured", "target")] * 2
    assert [judged(one) for one in refused] == [("misconfigured", "credentials")] * 2
