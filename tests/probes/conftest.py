"""Real listeners on free loopback ports: the sandbox gateway, and servers that misbehave below HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from probes.outcome import Outcome, Task
from probes.probers import authorization, gateway_calls, run
from probes.probers.tokens import TokenCache
from probes.sandbox.gateway import Gateway
from probes.sandbox.server import Server
from tests.probes.authority import Authority, SecureListener
from tests.probes.merchant import Merchant


class Clock:
    """Epoch seconds that only move when a test says so."""

    def __init__(self) -> None:
        self.now = 1_795_510_800.0

    def __call__(self) -> float:
        return self.now


class Sandbox:
    """A running sandbox, steered as a team steers it: over HTTP."""

    def __init__(self, server: Server, clock: Clock, gateway: Gateway) -> None:
        self.url = f"http://127.0.0.1:{server.port}"
        self.clock = clock
        self.gateway = gateway

    def pass_time(self, seconds: float) -> None:
        """Move the clock and post what falls due meanwhile, each at its time; for a sandbox that is worked by hand."""
        until = self.clock.now + seconds
        while (due := self.gateway.callbacks.next_due()) is not None and due <= until:
            self.clock.now = max(self.clock.now, due)
            self.gateway.callbacks.post_due()
        self.clock.now = until

    def scenario(self, name: str, **options: Any) -> dict[str, Any]:
        answer = self.control("POST", f"/_sim/scenario/{name}", json=options)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def fault(self, mode: str, path: str = "*", **options: Any) -> None:
        answer = self.control("POST", "/_sim/faults", json={"path": path, "mode": mode, **options})
        assert answer.status_code == 201, answer.text

    def clear(self) -> int:
        return int(self.control("DELETE", "/_sim/faults").json()["removed"])

    def log(self) -> list[dict[str, Any]]:
        return list(self.control("GET", "/_sim/log").json()["log"])

    def control(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=10, **options)

    def run(self, recipe: str, *, timeout: float = 5.0, **spec: Any) -> Outcome:
        whole = {"base_url": self.url, "recipe": recipe, "credentials": "SANDBOX", **spec}
        return run(Task(1, "flow", "payment_flow", whole, interval=5, timeout=timeout, slot=0), now=self.clock())


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., Sandbox]]:
    with ExitStack() as stack:

        def start(**options: Any) -> Sandbox:
            clock = Clock()
            gateway = Gateway(clock=clock, **options)
            server = stack.enter_context(Server(gateway, 0))
            server.start()
            stack.callback(server.shutdown)
            return Sandbox(server, clock, gateway)

        yield start


@pytest.fixture
def sandbox(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return start_sandbox()


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    merchant = Merchant()
    yield merchant
    merchant.close()


@pytest.fixture(autouse=True)
def no_shared_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports come back between tests; tokens must not."""
    monkeypatch.setattr(gateway_calls, "TOKENS", TokenCache())
    monkeypatch.setattr(authorization, "TOKENS", TokenCache())


class Listener:
    """Accepts connections and lets `act` treat each; what came in first is kept in `heard`."""

    def __init__(self, act: Callable[[socket.socket, threading.Event], None]) -> None:
        self.heard: list[bytes] = []
        self.over = threading.Event()
        self._act = act
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self._workers: list[threading.Thread] = []
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        for worker in self._workers:
            worker.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._workers.append(threading.Thread(target=self._treat, args=[connection]))
                self._workers[-1].start()

    def _treat(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            self.heard.append(connection.recv(65536))
            self._act(connection, self.over)


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """`listen(act)`, or `listen(answer=b"...")` for one that always says the same."""
    with ExitStack() as stack:

        def start(act: Callable[[socket.socket, threading.Event], None] | None = None, *, answer: bytes = b"") -> Listener:
            listener = Listener(act or (lambda connection, over: connection.sendall(answer)))
            stack.callback(listener.close)
            return listener

        yield start


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts, and no other."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def listen_tls() -> Iterator[Callable[..., SecureListener]]:
    """`listen_tls(pem, answer=b"...")`; the other options are SecureListener's."""
    with ExitStack() as stack:

        def start(pem: Path, **options: Any) -> SecureListener:
            listener = SecureListener(pem, **options)
            stack.callback(listener.close)
            return listener

        yield start


def http_answer(status: str, body: bytes = b"", content_type: str = "application/json", **headers: str) -> bytes:
    """The bytes of one HTTP answer."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    return head.encode() + body
