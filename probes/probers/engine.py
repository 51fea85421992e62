"""The measuring engine: one HTTP request over a new connection, timed by libcurl in microseconds, with a deadline that holds."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pycurl

from probes import addresses
from probes.probers import curl_failures, tls_options, tracing
from probes.probers.tls_options import TlsOptions

BODY_LIMIT = 256 * 1024
USER_AGENT = "Hali-probe/1"
Shape = tuple[float, float, str, str]  # its time limits, the address it asks from, the authorities it trusts


@dataclass(frozen=True)
class Request:
    """What to ask. `timeout` is seconds in all, DNS and body included. What may hold secrets is never shown.

    `ip_version`: 4, 6, or 0 for either. `reuse`: over a connection kept from the last time, where there is one.
    `handshake_only`: TLS and nothing after it, by STARTTLS where the url begins with smtp, imap or pop3.
    """

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = 10.0
    connect_timeout: float = 5.0
    tls: TlsOptions = tls_options.PLAIN
    ip_version: int = 0
    reuse: bool = False
    body_limit: int = BODY_LIMIT
    wants_headers: bool = False
    handshake_only: bool = False

    @cached_property
    def shape(self) -> Shape | None:
        """What two usual requests must share to differ in address and body alone; None where this one is not usual.

        One with headers or a body is not: they may hold secrets, and a handle at rest keeps nothing of those.
        """
        is_usual = (
            self.method == "GET"
            and not self.headers
            and self.body is None
            and self.tls is tls_options.PLAIN
            and not (self.ip_version or self.reuse or self.wants_headers or self.handshake_only)
        )
        return (self.timeout, self.connect_timeout, _source_address(), tls_options.ca_file(self.tls)) if is_usual else None


@dataclass(slots=True)  # one for each run: a frozen one takes four times as long to make
class Reply:
    """What came back.

    `error_class` is empty when a whole answer arrived, else one of dns, refused (or closed early), timeout_connect, tls,
    timeout_read, deadline, assertion (not HTTP), body_too_big (status and the first 256 KB are there) or target (cannot be
    asked at all, or may not be); `error` says it in words for staff. `total_us` is the whole request; a timeout counts as the
    time waited, other failures have none. `phases`: dns, connect, tls, ttfb, transfer in microseconds, as far as it came.
    `headers`: in small letters, each with all its values, where they were wanted. `redirect`: the address it sends us to, whole.
    `certificates`: what it showed in a `handshake_only`, as PEM, its own first.
    """

    status: int | None = None
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    error_class: str = ""
    error: str = ""
    total_us: int | None = None
    phases: Mapping[str, int] = field(default_factory=dict)
    ip: str = ""
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    redirect: str = field(default="", repr=False)
    certificates: Sequence[str] = field(default=(), repr=False)


class _Body:
    """Collects the answer's body up to the limit."""

    __slots__ = ("chunks", "limit", "size", "too_big")

    def __init__(self, limit: int) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.limit = limit
        self.too_big = False

    def write(self, chunk: bytes) -> int:
        room = self.limit - self.size
        self.chunks.append(chunk[:room])
        self.size += len(chunk)
        self.too_big = self.size > self.limit
        return 0 if self.too_big else len(chunk)  # anything but the length makes libcurl stop


class _Headers:
    """Collects the answer's headers; those of interim answers before it are dropped."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def write(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        name, colon, value = text.partition(":")
        if not colon and text.startswith("HTTP/"):
            self.found = {}
        elif colon:
            self.found.setdefault(name.strip().lower(), []).append(value.strip())


class _Gate:
    """Opens libcurl's sockets, to addresses that this agent may ask. What it lets through is what libcurl connects to."""

    def __init__(self) -> None:
        self.refused = ""
        self.opened: list[socket.socket] = []  # libcurl works on copies

    def open(self, purpose: int, address: Any) -> Any:
        try:
            addresses.require(str(address.addr[0]))
        except addresses.Refused as error:
            self.refused = str(error)
            return pycurl.SOCKET_BAD
        try:
            opened = socket.socket(address.family, address.socktype, address.protocol)
        except OSError:
            return pycurl.SOCKET_BAD
        self.opened.append(opened)
        return opened

    def close(self) -> None:
        for opened in self.opened:
            opened.close()


# What a handle still has set of its last request, and whether its sockets went through a gate; None where it was reset. Setting
# all anew takes as long as everything else we do with it.
Left = tuple[Shape, bool]
Rested = tuple[Any, Left | None]

# Handles at rest, whichever thread used them last: a new one parses all certificates again (4 ms), and an agent's threads are
# short-lived. As many are kept as are ever in flight. pop() and append() are atomic.
_idle: list[Rested] = []
_IDLE_AT_MOST = 25
# Handles that hold a connection for the probes that reuse one, by what makes connections differ.
_kept: dict[tuple[Any, ...], Any] = {}
_KEPT_AT_MOST = 50


@dataclass(slots=True)
class Exchange:
    """A request on its way: libcurl's handle and what it gathers."""

    request: Request
    curl: Any
    left: Left | None
    handles: list[Rested]
    body: _Body
    headers: _Headers
    gate: _Gate | None


@tracing.exchange
def fetch(request: Request) -> Reply:
    """Ask once, never again, never elsewhere: no retries, no redirects, no proxy. Whatever happens is a Reply."""
    exchange = begin(request, _idle)
    if isinstance(exchange, Reply):
        return exchange
    try:
        exchange.curl.perform()
    except pycurl.error as error:
        return end(exchange, (error.args[0], str(error.args[-1])))
    return end(exchange, None)


def begin(request: Request, handles: list[Rested]) -> Exchange | Reply:
    """A handle, made ready to be performed; a Reply where it cannot be. `handles`: those at rest, one of which is taken."""
    try:
        gate = _gate(request)
    except addresses.Refused as error:
        return Reply(error_class="target", error=str(error))
    except ValueError:
        return Reply(error_class="target", error="the address is impossible")
    left = None if request.shape is None else (request.shape, gate is not None)
    curl, had = _take_handle(request, handles)
    made = Exchange(request, curl, left, handles, _Body(request.body_limit), _Headers(), gate)
    try:
        if had is None or had != left:
            if had is not None:
                curl.reset()
            _prepare(curl, request, made.headers)
        _aim(curl, request, made.body, gate)
    except pycurl.error as error:
        return end(made, (error.args[0], str(error.args[-1])))
    except UnicodeError:
        _rest(made, is_sound=False)
        return Reply(error_class="target", error="the address or a header has letters outside ASCII")
    return made


def end(exchange: Exchange, failure: tuple[int, str] | None, *, before_rest: Callable[[], None] = lambda: None) -> Reply:
    """What came back; the handle goes to rest, after `before_rest`. `failure`: libcurl's number and words."""
    curl, request, body, headers = exchange.curl, exchange.request, exchange.body, exchange.headers
    try:
        if failure is None:
            return _answer(curl, request, body, headers)
        return _failure(curl, request, body, headers, exchange.gate, code=failure[0], words=failure[1])
    finally:
        before_rest()
        _rest(exchange, is_sound=failure is None)


def _rest(exchange: Exchange, *, is_sound: bool) -> None:
    if exchange.gate is not None:
        exchange.gate.close()
    _return_handle(exchange, is_sound=is_sound)


def _gate(request: Request) -> _Gate | None:
    """None where the host is an address, which is judged here, once: a call back into Python for each socket takes 80 µs."""
    address = _address_in(request.url)
    if not address:
        return _Gate()
    addresses.require(address)
    return None


@lru_cache(maxsize=4096)
def _address_in(url: str) -> str:
    """The url's host where it is an address, "" where it is a name; raises ValueError for what is no url."""
    host = urlsplit(url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return ""
    return host


def _connection_key(request: Request) -> tuple[Any, ...]:
    parts = urlsplit(request.url)
    return parts.scheme, parts.netloc, request.tls, request.ip_version


def _source_address() -> str:
    """Of a host with several ways out, the one this vantage stands for."""
    return os.environ.get("HALI_SOURCE_ADDRESS", "")


def _take_handle(request: Request, handles: list[Rested]) -> Rested:
    if request.reuse and (kept := _kept.pop(_connection_key(request), None)) is not None:
        return kept, None
    try:
        return handles.pop()
    except IndexError:
        return pycurl.Curl(), None


def _return_handle(exchange: Exchange, *, is_sound: bool) -> None:
    curl, request, handles = exchange.curl, exchange.request, exchange.handles
    left = exchange.left if is_sound else None
    if left is None:
        curl.reset()  # forgets headers and body, keeps the parsed certificates and a connection that may be reused
    if request.reuse and is_sound and len(_kept) < _KEPT_AT_MOST:
        older = _kept.pop(_connection_key(request), None)  # two runs at once: the last one's stays
        _kept[_connection_key(request)] = curl
        if older is not None:
            older.close()
    elif request.reuse or request.handshake_only or len(handles) >= _IDLE_AT_MOST:
        curl.close()  # with its connection, if it holds one
    else:
        exchange.body.chunks.clear()  # which a handle that was not reset still knows
        handles.append((curl, left))


def _aim(curl: Any, request: Request, body: _Body, gate: _Gate | None) -> None:
    """What every request sets anew."""
    if not request.tls.server_name:  # else it was pointed at already
        curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.WRITEFUNCTION, body.write)
    if gate is not None:
        curl.setopt(pycurl.OPENSOCKETFUNCTION, gate.open)


def _prepare(curl: Any, request: Request, headers: _Headers) -> None:
    """What requests of one shape share, on a handle that has nothing set."""
    total_ms = max(1, round(request.timeout * 1000))
    if request.handshake_only:
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | pycurl.PROTO_SMTP | pycurl.PROTO_IMAP | pycurl.PROTO_POP3)
        curl.setopt(pycurl.USE_SSL, pycurl.USESSL_ALL)
        curl.setopt(pycurl.CONNECT_ONLY, 1)
        curl.setopt(pycurl.OPT_CERTINFO, 1)
    else:
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROXY, "")  # none, whatever the environment says
    curl.setopt(pycurl.NOPROXY, "*")
    if source := _source_address():
        curl.setopt(pycurl.INTERFACE, f"host!{source}")
    if request.ip_version:
        curl.setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4 if request.ip_version == 4 else pycurl.IPRESOLVE_V6)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.TIMEOUT_MS, total_ms)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, min(total_ms, max(1, round(request.connect_timeout * 1000))))
    # A customer's first visit: everything anew, names and TLS sessions included.
    curl.setopt(pycurl.FRESH_CONNECT, 0 if request.reuse else 1)
    curl.setopt(pycurl.FORBID_REUSE, 0 if request.reuse else 1)
    curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0)
    curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
    _prepare_tls(curl, request)
    curl.setopt(pycurl.USERAGENT, USER_AGENT)
    if request.wants_headers:
        curl.setopt(pycurl.HEADERFUNCTION, headers.write)
    if not request.handshake_only:
        curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    if request.body is not None:
        curl.setopt(pycurl.POSTFIELDS, request.body)
    sent = {"Accept-Encoding": "identity", "Expect": "", **request.headers}
    if request.tls.server_name:
        sent = _point_at(curl, request, sent)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" if value else f"{name}:" for name, value in sent.items()])


def _prepare_tls(curl: Any, request: Request) -> None:
    tls = request.tls
    curl.setopt(pycurl.CAINFO, tls_options.ca_file(tls))
    if tls is tls_options.PLAIN:
        return
    if not tls.verify:
        curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        curl.setopt(pycurl.SSL_VERIFYHOST, 0)
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_3 if tls.min_version == "1.3" else pycurl.SSLVERSION_TLSv1_2)
    if tls.certificate:
        curl.setopt(pycurl.SSLCERT, tls.certificate)
        curl.setopt(pycurl.SSLKEY, tls.key or tls.certificate)
    if tls.passphrase:
        curl.setopt(pycurl.KEYPASSWD, tls.passphrase)


def _point_at(curl: Any, request: Request, headers: Mapping[str, str]) -> dict[str, str]:
    """Shake hands as `server_name` at the url's host, which the Host header still names."""
    parts = urlsplit(request.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    bracketed = f"[{host}]" if ":" in host else host
    curl.setopt(pycurl.URL, parts._replace(netloc=f"{request.tls.server_name}:{port}").geturl())
    curl.setopt(pycurl.CONNECT_TO, [f"::{bracketed}:{port}"])
    named = {name.lower() for name in headers}
    return dict(headers) if "host" in named else {"Host": parts.netloc, **headers}


def _answer(curl: Any, request: Request, body: _Body, headers: _Headers, *, error_class: str = "", error: str = "") -> Reply:
    status = curl.getinfo(pycurl.RESPONSE_CODE) or None
    return Reply(
        status=status,
        content_type=_text(curl, pycurl.CONTENT_TYPE),
        body=b"".join(body.chunks),
        error_class=error_class,
        error=error,
        total_us=curl.getinfo(pycurl.TOTAL_TIME_T),
        phases=_phases(curl, request),
        ip=curl.getinfo(pycurl.PRIMARY_IP) or "",
        headers=headers.found,
        redirect=_text(curl, pycurl.REDIRECT_URL) if status and 300 <= status < 400 else "",
        certificates=_certificates(curl) if request.handshake_only else (),
    )


def _certificates(curl: Any) -> tuple[str, ...]:
    shown = (dict(fields) for fields in curl.getinfo_raw(pycurl.INFO_CERTINFO))
    return tuple(fields[b"Cert"].decode("ascii", "replace") for fields in shown if b"Cert" in fields)


def _text(curl: Any, what: int) -> str:
    """What a server said, whatever letters it used."""
    return (curl.getinfo_raw(what) or b"").decode("utf-8", "replace")


def _is_connected(curl: Any, request: Request) -> bool:
    """Whether there was a connection to ask over, its TLS handshake included."""
    is_tls = request.handshake_only or request.url.startswith("https:")
    if request.reuse and curl.getinfo(pycurl.NUM_CONNECTS) == 0 and curl.getinfo(pycurl.PRETRANSFER_TIME_T):
        return True  # a kept one, which was not opened now
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


def _failure(curl: Any, request: Request, body: _Body, headers: _Headers, gate: _Gate | None, *, code: int, words: str) -> Reply:
    if gate is not None and gate.refused and not gate.opened:
        return Reply(error_class="target", error=gate.refused)
    if body.too_big:
        error = f"the answer is larger than {request.body_limit // 1024} KB"
        return _answer(curl, request, body, headers, error_class="body_too_big", error=error)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        error_class, error = _timeout(curl, request)
        return _answer(curl, request, body, headers, error_class=error_class, error=error)
    error_class, error = curl_failures.classify(code, words)
    return Reply(error_class=error_class, error=error, phases=_phases(curl, request))


def _timeout(curl: Any, request: Request) -> tuple[str, str]:
    """Which clock ran out, read from how far it came."""
    is_connected = _is_connected(curl, request)
    if not is_connected and not curl.getinfo(pycurl.NAMELOOKUP_TIME_T):
        return "dns", "the name was not resolved in time"
    if not is_connected:
        return "timeout_connect", "no connection in time"
    if not curl.getinfo(pycurl.STARTTRANSFER_TIME_T):
        return "timeout_read", f"connected, but no answer within {request.timeout:.1f} s"
    return "deadline", f"the answer was not complete within {request.timeout:.1f} s"
