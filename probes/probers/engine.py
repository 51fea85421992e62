"""The measuring engine: one HTTP request over a new connection, timed by libcurl in microseconds, with a deadline that holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import certifi
import pycurl

BODY_LIMIT = 256 * 1024
USER_AGENT = "Hali-probe/1"


@dataclass(frozen=True)
class Request:
    """What to ask. `timeout` is seconds in all, DNS and body included. What may hold secrets is never shown."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = 10.0
    connect_timeout: float = 5.0


@dataclass(frozen=True)
class Reply:
    """What came back.

    `error_class` is empty when a whole answer arrived, else one of dns, refused (or closed early), timeout_connect, tls,
    timeout_read, deadline, assertion (not HTTP), body_too_big (status and the first 256 KB are there) or target (cannot be
    asked at all); `error` says it in words for staff. `total_us` is the whole request; a timeout counts as the time waited,
    other failures have none. `phases`: dns, connect, tls, ttfb, transfer in microseconds, as far as it came.
    """

    status: int | None = None
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    error_class: str = ""
    error: str = ""
    total_us: int | None = None
    phases: Mapping[str, int] = field(default_factory=dict)
    ip: str = ""


class _Body:
    """Collects the answer's body up to the limit."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.too_big = False

    def write(self, chunk: bytes) -> int:
        room = BODY_LIMIT - self.size
        self.chunks.append(chunk[:room])
        self.size += len(chunk)
        self.too_big = self.size > BODY_LIMIT
        return 0 if self.too_big else len(chunk)  # anything but the length makes libcurl stop


# Handles at rest, whichever thread used them last: a new one parses all certificates again (4 ms), and an agent's threads are
# short-lived. As many are kept as are ever in flight. pop() and append() are atomic.
_idle: list[Any] = []
_IDLE_AT_MOST = 25


def fetch(request: Request) -> Reply:
    """Ask once, never again, never elsewhere: no retries, no redirects, no proxy. Whatever happens is a Reply."""
    curl = _take_handle()
    body = _Body()
    try:
        _prepare(curl, request, body)
        curl.perform()
    except pycurl.error as error:
        return _failure(curl, request, body, code=error.args[0], words=str(error.args[-1]))
    except UnicodeError:
        return Reply(error_class="target", error="the address or a header has letters outside ASCII")
    else:
        return _answer(curl, request, body)
    finally:
        _return_handle(curl)


def _take_handle() -> Any:
    try:
        return _idle.pop()
    except IndexError:
        return pycurl.Curl()


def _return_handle(curl: Any) -> None:
    curl.reset()  # forgets headers and body, keeps the parsed certificates
    if len(_idle) < _IDLE_AT_MOST:
        _idle.append(curl)
    else:
        curl.close()


def _prepare(curl: Any, request: Request, body: _Body) -> None:
    total_ms = max(1, round(request.timeout * 1000))
    curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROXY, "")  # none, whatever the environment says
    curl.setopt(pycurl.NOPROXY, "*")
    if source := os.environ.get("HALI_SOURCE_ADDRESS"):  # of a host with several ways out, the one this vantage stands for
        curl.setopt(pycurl.INTERFACE, f"host!{source}")
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.TIMEOUT_MS, total_ms)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, min(total_ms, max(1, round(request.connect_timeout * 1000))))
    # A customer's first visit: everything anew, names and TLS sessions included.
    curl.setopt(pycurl.FRESH_CONNECT, 1)
    curl.setopt(pycurl.FORBID_REUSE, 1)
    curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0)
    curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
    curl.setopt(pycurl.CAINFO, os.environ.get("SSL_CERT_FILE") or certifi.where())
    curl.setopt(pycurl.USERAGENT, USER_AGENT)
    curl.setopt(pycurl.WRITEFUNCTION, body.write)
    curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    if request.body is not None:
        curl.setopt(pycurl.POSTFIELDS, request.body)
    headers = {"Accept-Encoding": "identity", "Expect": "", **request.headers}
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" if value else f"{name}:" for name, value in headers.items()])


def _answer(curl: Any, request: Request, body: _Body, *, error_class: str = "", error: str = "") -> Reply:
    return Reply(
        status=curl.getinfo(pycurl.RESPONSE_CODE) or None,
        content_type=curl.getinfo(pycurl.CONTENT_TYPE) or "",
        body=b"".join(body.chunks),
        error_class=error_class,
        error=error,
        total_us=curl.getinfo(pycurl.TOTAL_TIME_T),
        phases=_phases(curl, request),
        ip=curl.getinfo(pycurl.PRIMARY_IP) or "",
    )


def _is_connected(curl: Any, request: Request) -> bool:
    """Whether there was a connection to ask over, its TLS handshake included."""
    is_tls = request.url.startswith("https:")
    return bool(curl.getinfo(pycurl.APPCONNECT_TIME_T if is_tls else pycurl.CONNECT_TIME_T))


def _phases(curl: Any, request: Request) -> dict[str, int]:
    """libcurl's clocks all run from the start and stay 0 where it never came; ours are the pieces between."""
    marks = {
        "dns": curl.getinfo(pycurl.NAMELOOKUP_TIME_T),
        "connect": curl.getinfo(pycurl.CONNECT_TIME_T),
        "tls": curl.getinfo(pycurl.APPCONNECT_TIME_T),
        # libcurl sets this one without a connection too; nothing was asked there.
        "ttfb": curl.getinfo(pycurl.STARTTRANSFER_TIME_T) if _is_connected(curl, request) else 0,
    }
    phases: dict[str, int] = {}
    before = 0
    for name, mark in marks.items():
        if mark:
            phases[name] = max(0, mark - before)
            before = mark
    if marks["ttfb"]:
        phases["transfer"] = max(0, curl.getinfo(pycurl.TOTAL_TIME_T) - before)
    return phases


_TLS = {
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_ISSUER_ERROR,
    pycurl.E_SSL_INVALIDCERTSTATUS,
    pycurl.E_USE_SSL_FAILED,
}
_CLOSED = {
    pycurl.E_GOT_NOTHING,
    pycurl.E_SEND_ERROR,
    pycurl.E_RECV_ERROR,
    pycurl.E_PARTIAL_FILE,
    pycurl.E_HTTP2,
}
_IMPOSSIBLE = {pycurl.E_URL_MALFORMAT, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_BAD_FUNCTION_ARGUMENT}


def _failure(curl: Any, request: Request, body: _Body, *, code: int, words: str) -> Reply:
    if body.too_big:
        error = f"the answer is larger than {BODY_LIMIT // 1024} KB"
        return _answer(curl, request, body, error_class="body_too_big", error=error)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        error_class, error = _timeout(curl, request)
        return _answer(curl, request, body, error_class=error_class, error=error)
    error_class, error = _classify(code, words)
    return Reply(error_class=error_class, error=error, phases=_phases(curl, request))


def _timeout(curl: Any, request: Request) -> tuple[str, str]:
    """Which clock ran out, read from how far it came."""
    if not curl.getinfo(pycurl.NAMELOOKUP_TIME_T):
        return "dns", "the name was not resolved in time"
    if not _is_connected(curl, request):
        return "timeout_connect", "no connection in time"
    if not curl.getinfo(pycurl.STARTTRANSFER_TIME_T):
        return "timeout_read", f"connected, but no answer within {request.timeout:.1f} s"
    return "deadline", f"the answer was not complete within {request.timeout:.1f} s"


def _classify(code: int, words: str) -> tuple[str, str]:
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return "dns", "the host name is not known"
    if code == pycurl.E_COULDNT_CONNECT:
        return "refused", "the connection was refused"
    if code in _CLOSED:
        return "refused", "the connection was closed without a whole answer"
    if code in _TLS:
        return "tls", f"no secure connection: {words[:160]}"
    if code in _IMPOSSIBLE:
        return "target", f"the request cannot be made (libcurl error {code})"
    return "assertion", f"the answer is not HTTP as we know it (libcurl error {code})"
