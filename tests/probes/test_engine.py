"""The measuring engine against real sockets: deadlines that hold, phases, and every way to fail told apart."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from probes import addresses
from probes.probers.engine import BODY_LIMIT, Request, fetch
from tests.copies import ROOT
from tests.probes.authority import Authority, SecureListener
from tests.probes.conftest import Listener, http_answer

Listen = Callable[..., Listener]
ListenTls = Callable[..., SecureListener]


def test_a_whole_answer_comes_with_its_phases_in_microseconds(listen: Listen) -> None:
    reply = fetch(Request(listen(answer=http_answer("200 OK", b"fine", "text/plain")).url))
    assert (reply.status, reply.body, reply.content_type, reply.error_class) == (200, b"fine", "text/plain", "")
    assert set(reply.phases) == {"dns", "connect", "ttfb", "transfer"}
    assert reply.total_us is not None
    assert abs(sum(reply.phases.values()) - reply.total_us) <= len(reply.phases)
    assert reply.ip == "127.0.0.1"


def test_method_headers_and_body_go_out_as_they_were_given(listen: Listen) -> None:
    listener = listen(answer=http_answer("200 OK"))
    fetch(Request(listener.url + "pay", "PUT", {"X-Colour": "blue"}, b'{"a":1}'))
    head, _, body = listener.heard[0].decode().partition("\r\n\r\n")
    assert head.startswith("PUT /pay HTTP/1.1\r\n")
    assert "X-Colour: blue" in head
    assert "Accept-Encoding: identity" in head
    assert "Expect" not in head
    assert body == '{"a":1}'


def test_every_request_opens_its_own_connection(listen: Listen) -> None:
    listener = listen(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
    for _ in range(3):
        assert fetch(Request(listener.url)).status == 200
    assert len(listener.heard) == 3


def test_what_one_request_carried_is_not_in_the_next(listen: Listen) -> None:
    listener = listen(answer=http_answer("200 OK"))
    fetch(Request(listener.url, "POST", {"Authorization": "Bearer planted"}, b"planted"))
    fetch(Request(listener.url))
    assert b"planted" not in listener.heard[1]
    assert listener.heard[1].startswith(b"GET ")


USUAL: dict[str, dict[str, Any]] = {
    "the same again": {},
    "another limit": {"timeout": 4.0},
    "a header": {"headers": {"X-Colour": "blue"}},
    "another method": {"method": "DELETE"},
    "headers wanted": {"wants_headers": True},
}


@pytest.mark.parametrize("between", USUAL)
def test_an_answer_is_the_same_whatever_was_asked_before(listen: Listen, between: str) -> None:
    """A handle at rest keeps what usual requests share: neither an answer nor a limit of its last request."""
    first, second = (listen(answer=http_answer("200 OK", words, "text/plain")).url for words in (b"first", b"second"))
    replies = [fetch(request) for request in (Request(first), Request(second, **USUAL[between]), Request(first), Request(second))]
    assert [reply.body for reply in replies] == [b"first", b"second", b"first", b"second"]
    silent = listen(lambda connection, over: over.wait(5))
    assert fetch(Request(silent.url, timeout=0.2)).error_class == "timeout_read"
    assert fetch(Request(second)).body == b"second"


def test_an_address_is_judged_whatever_was_asked_before(listen: Listen, settings: Any) -> None:
    """By a name and by an address: the one has its sockets opened by us."""
    url = listen(answer=http_answer("200 OK")).url
    named = url.replace("127.0.0.1", "localhost")
    assert [fetch(Request(one)).status for one in (url, named, url, named, named)] == [200] * 5
    settings.PROBE_NETWORKS = addresses.parse("public")
    assert [fetch(Request(one)).error_class for one in (named, url, named)] == ["target"] * 3


def test_a_redirect_is_an_answer_and_is_not_followed(listen: Listen) -> None:
    elsewhere = listen(answer=http_answer("200 OK"))
    reply = fetch(Request(listen(answer=http_answer("302 Found", Location=elsewhere.url)).url))
    assert reply.status == 302
    assert elsewhere.heard == []


def test_a_proxy_of_the_environment_is_not_used(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = listen(answer=http_answer("502 Bad Gateway"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert fetch(Request(listen(answer=http_answer("200 OK")).url)).status == 200
    assert proxy.heard == []


def test_a_body_above_the_limit_is_cut_and_named(listen: Listen) -> None:
    reply = fetch(Request(listen(answer=http_answer("200 OK", b"x" * (BODY_LIMIT + 50_000))).url))
    assert reply.error_class == "body_too_big"
    assert (reply.status, len(reply.body)) == (200, BODY_LIMIT)


def test_a_body_of_exactly_the_limit_is_whole(listen: Listen) -> None:
    reply = fetch(Request(listen(answer=http_answer("200 OK", b"x" * BODY_LIMIT)).url))
    assert (reply.error_class, len(reply.body)) == ("", BODY_LIMIT)


def test_a_head_request_waits_for_no_body(listen: Listen) -> None:
    reply = fetch(Request(listen(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n").url, "HEAD"))
    assert (reply.status, reply.error_class) == (200, "")


def test_nobody_listening_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        reply = fetch(Request(f"http://127.0.0.1:{unused.getsockname()[1]}/"))
    assert (reply.error_class, reply.status, reply.total_us) == ("refused", None, None)
    assert "ttfb" not in reply.phases


def _close(connection: socket.socket, over: threading.Event) -> None:
    """Say nothing and hang up."""


def _stop_half_way(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


@pytest.mark.parametrize("act", [_close, _stop_half_way])
def test_a_connection_closed_early_counts_as_refused(
    listen: Listen, act: Callable[[socket.socket, threading.Event], None]
) -> None:
    assert fetch(Request(listen(act).url)).error_class == "refused"


def test_a_server_that_says_nothing_is_a_read_timeout_and_counts_as_the_time_waited(listen: Listen) -> None:
    reply = fetch(Request(listen(lambda connection, over: over.wait()).url, timeout=0.2))
    assert reply.error_class == "timeout_read"
    assert reply.total_us is not None
    assert reply.total_us >= 200_000


def _drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not over.wait(0.02):
        connection.sendall(b"x")


def test_a_dripping_server_does_not_outlive_the_deadline(listen: Listen) -> None:
    reply = fetch(Request(listen(_drip).url, timeout=0.3))
    assert (reply.error_class, reply.status) == ("deadline", 200)


def test_a_connection_that_is_never_taken_is_a_connect_timeout() -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # fills the queue: further SYNs go unanswered
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        reply = fetch(Request(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=5, connect_timeout=0.2))
    assert reply.error_class == "timeout_connect"


def test_an_unknown_name_is_a_dns_error() -> None:
    assert fetch(Request("http://no-such-host.invalid/")).error_class == "dns"


def test_an_answer_that_is_not_http_is_an_assertion(listen: Listen) -> None:
    assert fetch(Request(listen(answer=b"SSH-2.0-OpenSSH_9.2\r\n").url)).error_class == "assertion"


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:99999/"])
def test_an_impossible_address_is_a_target_error(url: str) -> None:
    assert fetch(Request(url)).error_class == "target"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"])
def test_no_other_protocol_is_spoken(url: str) -> None:
    reply = fetch(Request(url))
    assert reply.error_class
    assert reply.body == b""


def test_secrets_are_not_in_the_printed_form_of_request_and_reply() -> None:
    request = Request("http://127.0.0.1/?key=planted", "POST", {"Authorization": "planted"}, b"planted")
    assert "planted" not in repr(request)


# --- TLS ----------------------------------------------------------------------------------------


def test_a_certificate_nobody_vouches_for_is_a_tls_error(tmp_path: Path, listen_tls: ListenTls) -> None:
    reply = fetch(Request(listen_tls(Authority(tmp_path).issue(), answer=http_answer("200 OK")).url))
    assert reply.error_class == "tls"
    assert "certificate" in reply.error


def test_a_handshake_that_is_never_answered_is_a_connect_timeout(listen: Listen) -> None:
    listener = listen(lambda connection, over: over.wait())
    reply = fetch(Request(listener.url.replace("http:", "https:"), timeout=5, connect_timeout=0.2))
    assert reply.error_class == "timeout_connect"
    assert "ttfb" not in reply.phases


def test_a_trusted_certificate_gives_the_tls_phase(authority: Authority, listen_tls: ListenTls) -> None:
    reply = fetch(Request(listen_tls(authority.issue(), answer=http_answer("200 OK")).url))
    assert (reply.status, reply.error_class) == (200, "")
    assert reply.phases["tls"] > 0


STALLED = """
mount --bind "$1" /etc/resolv.conf && ip link set lo up && exec "$0" -c '
import socket, time, django; django.setup()
from probes.outcome import Task
from probes.probers import run
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.9", 53))
for kind, spec in (("http", {"url": "http://stall.example/"}), ("tcp", {"host": "stall.example", "port": 80})):
    began = time.monotonic()
    outcome = run(Task(1, "stall", kind, spec, interval=60, timeout=0.5, slot=0))
    print(kind, outcome.status, outcome.error_class, outcome.total_us >= 490000, time.monotonic() - began < 3)
'
"""


def test_a_name_server_that_says_nothing_does_not_outlive_the_deadline(tmp_path: Path) -> None:
    """In a network of its own, whose only name server is silent."""
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.9\n")
    done = subprocess.run(
        ["unshare", "-mn", "sh", "-c", STALLED, sys.executable, str(resolver)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"this system lets us have no network of our own: {done.stderr.strip()}")
    assert done.stdout.splitlines() == ["http down dns True True", "tcp down dns True True"], done.stderr
