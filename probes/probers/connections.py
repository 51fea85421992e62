"""Connections of the kinds that libcurl does not speak for: resolved, judged, opened and read inside one deadline."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from probes import addresses
from probes.probers import tls_options, tracing
from probes.probers.runs import Failure, Run, TimedSocket, TimedTlsSocket
from probes.probers.tls_options import TlsOptions

_T = TypeVar("_T")


def within(seconds: float, act: Callable[[], _T]) -> _T:
    """What `act` returns or raises; TimeoutError when it takes longer. For calls that have no time limit of their own: it goes on
    in its thread, and nobody waits for it."""
    box: list[tuple[bool, Any]] = []
    is_done = threading.Event()

    def run() -> None:
        try:
            box.append((True, act()))
        except Exception as error:  # noqa: BLE001  raised again below, in the thread that asked
            box.append((False, error))
        is_done.set()

    threading.Thread(target=run, daemon=True).start()
    if not is_done.wait(seconds):
        raise TimeoutError
    is_good, value = box[0]
    if is_good:
        return value  # type: ignore[no-any-return]
    raise value


def resolve(run: Run, host: str, port: int, *, ip_version: int = 0) -> list[tuple[int, tuple[Any, ...]]]:
    """(family, address) of the host, those that this agent may ask; raises Failure."""
    family = {4: socket.AF_INET, 6: socket.AF_INET6}.get(ip_version, socket.AF_UNSPEC)
    try:
        found = within(run.left, lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise Failure("dns", "the name was not resolved in time") from None
    except (OSError, UnicodeError):
        raise Failure("dns", "the host name is not known") from None
    run.mark("dns")
    try:
        allowed = set(addresses.allowed(str(one[4][0]) for one in found))
    except addresses.Refused as error:
        raise Failure("target", str(error)) from None
    return [(one[0], one[4]) for one in found if one[4][0] in allowed]


def connect(run: Run, host: str, port: int, *, ip_version: int = 0) -> TimedSocket:
    """A connection to the first of the host's addresses that lets us; raises Failure. A silent one gets its share of the time."""
    failure = Failure("refused", "the connection was refused")
    found = resolve(run, host, port, ip_version=ip_version)
    for tried, (family, address) in enumerate(found):
        tracing.note(f"connection to {host}, port {port} ({address[0]})")
        opened = TimedSocket(family, socket.SOCK_STREAM)
        opened.deadline = run.deadline
        try:
            bind_source(opened)
            opened.settimeout(run.left / (len(found) - tried))
            opened.connect(address)
        except TimeoutError:
            opened.close()
            failure = Failure("timeout_connect", "no connection in time")
        except OSError:
            opened.close()
        else:
            run.mark("connect")
            return opened
    raise failure


def bind_source(opened: socket.socket) -> None:
    """Of a host with several ways out, the one this vantage stands for."""
    source = os.environ.get("HALI_SOURCE_ADDRESS", "")
    if source and (":" in source) == (opened.family == socket.AF_INET6):
        opened.bind((source, 0))


def secure(run: Run, plain: socket.socket, host: str, options: TlsOptions) -> TimedTlsSocket:
    """The same connection after a TLS handshake as `host`; raises Failure and closes the connection."""
    context = tls_options.context(options)
    name = options.server_name or host
    wrapped: Any = plain
    try:
        wrapped = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        wrapped.deadline = run.deadline
        wrapped.settimeout(run.left)
        wrapped.do_handshake()
    except TimeoutError:
        wrapped.close()
        raise Failure("timeout_connect", "no secure connection in time") from None
    except ssl.SSLCertVerificationError as error:
        wrapped.close()
        raise Failure("tls", f"no secure connection: {error.verify_message or 'the certificate is not right'}") from None
    except (OSError, ssl.SSLError) as error:
        wrapped.close()
        reason = getattr(error, "reason", None) or "the handshake failed"
        raise Failure("tls", f"no secure connection: {str(reason).replace('_', ' ').lower()}") from None
    run.mark("tls")
    return wrapped  # type: ignore[no-any-return]
