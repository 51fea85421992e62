"""The prober smtp, through `run`, against a real mail server and servers that misbehave. No mail is ever sent."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import run
from tests.probes.authority import Authority
from tests.probes.conftest import Listener

Listen = Callable[..., Listener]


def probe(port: int, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    whole = {"host": "127.0.0.1", "port": port, **spec}
    return run(Task(1, "mail", "smtp", whole, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


class _Controller(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # it was asked for port 0
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()


class _Nothing:
    """Fails the test that sends a mail."""

    async def handle_MAIL(self, *args: Any) -> str:
        raise AssertionError("a probe sends no mail")


def _let_in(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
    return AuthResult(success=(given.login, given.password) == (b"asha", b"planted"), handled=False)


@pytest.fixture
def mail_server() -> Iterator[Callable[..., int]]:
    """`mail_server(pem, tls=...)` gives the port of a server that lets asha in."""
    running: list[_Controller] = []

    def start(pem: Path | None = None, *, implicit: bool = False) -> int:
        context = None
        if pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
        controller = _Controller(
            _Nothing(),
            hostname="127.0.0.1",
            port=0,
            ssl_context=context if implicit else None,
            tls_context=None if implicit else context,
            authenticator=_let_in,
            auth_require_tls=False,
        )
        controller.start()
        running.append(controller)
        return int(controller.port)

    yield start
    for controller in running:
        controller.stop(no_assert=True)


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_MAIL_USER", "asha")
    monkeypatch.setenv("HALI_SECRET_MAIL_PASSWORD", "planted")


def test_a_server_that_greets_is_ok(mail_server: Callable[..., int]) -> None:
    outcome = probe(mail_server())
    assert judged(outcome) == ("ok", "")
    assert outcome.evidence.startswith("greeted in ")
    assert {"dns", "connect", "ttfb"} <= set(outcome.phases)


@pytest.mark.parametrize("implicit", [False, True])
def test_tls_is_spoken_and_we_can_sign_in(
    mail_server: Callable[..., int], authority: Authority, login: None, implicit: bool
) -> None:
    port = mail_server(authority.issue(), implicit=implicit)
    outcome = probe(port, security="tls" if implicit else "starttls", auth="MAIL")
    assert judged(outcome) == ("ok", "")
    assert outcome.evidence.startswith(f"greeted{'' if implicit else ', STARTTLS'}, signed in")
    assert outcome.phases["tls"] > 0


def test_a_certificate_that_is_not_right_is_down(mail_server: Callable[..., int], authority: Authority) -> None:
    assert judged(probe(mail_server(authority.issue("elsewhere.example")), security="starttls")) == ("down", "tls")


def test_a_server_without_starttls_is_down_where_it_is_asked_for(mail_server: Callable[..., int]) -> None:
    outcome = probe(mail_server(), security="starttls")
    assert (*judged(outcome), outcome.evidence) == ("down", "assertion", "it does not offer STARTTLS")


def test_a_refused_password_is_our_fault_and_is_shown_nowhere(
    mail_server: Callable[..., int], login: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALI_SECRET_MAIL_PASSWORD", "planted-wrong")
    outcome = probe(mail_server(), auth="MAIL")
    assert judged(outcome) == ("misconfigured", "credentials")
    assert "planted" not in repr(outcome)


def _script(*answers: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Says the first without being asked, then one for each line it reads."""

    def act(connection: socket.socket, over: threading.Event) -> None:
        for answer in answers:
            connection.sendall(answer)
            if not connection.recv(1000):
                return
        over.wait()

    return act


class Talker(Listener):
    """A server that speaks first."""

    def _treat(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                self._act(connection, self.over)
            except OSError:
                return


@pytest.fixture
def talk() -> Iterator[Callable[..., Talker]]:
    talkers: list[Talker] = []

    def start(act: Callable[[socket.socket, threading.Event], None]) -> Talker:
        talkers.append(Talker(act))
        return talkers[-1]

    yield start
    for talker in talkers:
        talker.close()


@pytest.mark.parametrize(
    ("answers", "error_class"),
    [
        ([b"421 too busy\r\n"], "status"),
        ([b"554 planted\r\n"], "status"),
        ([b"220 hi\r\n", b"502 what?\r\n"], "status"),
        ([b"SSH-2.0-OpenSSH\r\n"], "assertion"),
        ([b"220 " + b"x" * 20_000 + b"\r\n"], "assertion"),
        ([b"220 hi\r\n", b"250-" + b"x" * 60 + b"\r\n" + b"250-x\r\n" * 300_000], "assertion"),
    ],
)
def test_an_answer_that_is_not_as_it_should_be_is_down(
    talk: Callable[..., Talker], answers: list[bytes], error_class: str
) -> None:
    outcome = probe(talk(_script(*answers)).port)
    assert judged(outcome) == ("down", error_class)
    assert "planted" not in outcome.evidence


def test_a_server_that_hangs_up_is_refused(talk: Callable[..., Talker]) -> None:
    assert judged(probe(talk(lambda connection, over: None).port)) == ("down", "refused")


def test_a_server_that_hangs_up_at_the_end_is_ok(talk: Callable[..., Talker]) -> None:
    def act(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"220 hi\r\n")
        connection.recv(1000)
        connection.sendall(b"250 hi\r\n")

    assert judged(probe(talk(act).port)) == ("ok", "")


def _drip(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"2")


@pytest.mark.parametrize("act", [lambda connection, over: over.wait(), _drip, _script(b"220 hi\r\n")])
def test_a_server_that_says_nothing_or_drips_does_not_outlive_the_deadline(talk: Callable[..., Talker], act: Any) -> None:
    outcome = probe(talk(act).port, timeout=0.3)
    assert judged(outcome) == ("down", "timeout_read")
    assert outcome.total_us is not None
    assert outcome.total_us >= 290_000


def test_a_password_that_a_server_sends_back_is_not_kept(talk: Callable[..., Talker], login: None) -> None:
    pair = base64.b64encode(b"\0asha\0planted")
    outcome = probe(
        talk(_script(b"220 hi\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"454 " + pair + b" planted\r\n")).port, auth="MAIL"
    )
    assert judged(outcome) == ("down", "status")
    assert "planted" not in repr(outcome)


def test_an_address_this_agent_may_not_ask_is_not_connected_to(settings: Any, talk: Callable[..., Talker]) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    assert judged(probe(talk(_script(b"220 hi\r\n")).port)) == ("misconfigured", "target")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"host": "mail.example", "auth": "MAIL"}, "auth: set security to starttls or tls"),
        ({"auth": "secret word"}, "auth: give the name of a secret"),
        ({"security": "ssl"}, "security: give one of none, starttls, tls"),
        ({"tls": {"min_version": "1.3"}}, "tls: security is none"),
        ({"hello_name": "a b"}, "hello_name: give a host name"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = probe(25, **spec)
    assert judged(outcome) == ("misconfigured", "target")
    assert says in outcome.evidence
