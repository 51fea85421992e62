"""The prober `tcp`: a port lets us connect, over TLS if wished, and says what it should after what we send."""

from __future__ import annotations

from probes.outcome import Outcome
from probes.probers import connections, limits, patterns, specs, tls_options
from probes.probers.runs import Failure, Run, TimedSocket, TimedTlsSocket
from probes.probers.specs import Spec

KEYS = ("host", "port", "send", "expect", "expect_pattern", "tls", "ip_version", *limits.KEYS)
LOOKED_AT = 64 * 1024
AnySocket = TimedSocket | TimedTlsSocket


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.host(spec, "host")
    specs.port(spec)
    specs.text(spec, "send", at_most=4000)
    specs.text(spec, "expect")
    if "expect_pattern" in spec:
        patterns.compile_pattern(spec["expect_pattern"], "expect_pattern")
        if "expect" in spec:
            specs.refuse("expect, expect_pattern: both are given; leave one of them out.", None)
    specs.choice(spec, "ip_version", (4, 6), 4)
    tls_options.validate(spec)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all. A `tls` of {} means TLS with the usual options."""
    run, host = Run(timeout), specs.host(spec, "host")
    options = tls_options.resolve(spec["tls"], host=host) if "tls" in spec else None
    try:
        opened: AnySocket = connections.connect(run, host, spec["port"], ip_version=spec.get("ip_version", 0))
        if options is not None:
            opened = connections.secure(run, opened, host, options)
        with opened:
            words = _talk(spec, run, opened)
    except Failure as failure:
        return run.failed(failure)
    took = run.took_us
    status, error_class, evidence = limits.judge(spec, took, words)
    return Outcome(status, error_class, evidence, total_us=took, phases=run.phases)


def _talk(spec: Spec, run: Run, opened: AnySocket) -> str:
    """What happened, in words; raises Failure."""
    is_expecting = bool(spec.get("expect") or spec.get("expect_pattern"))
    heard = b""
    try:
        if spec.get("send"):
            opened.sendall(spec["send"].encode())
        while is_expecting and not _is_there(spec, heard):
            chunk = opened.recv(16384)
            if not chunk or len(heard) > LOOKED_AT:
                raise Failure("assertion", "connected, but what it says is not what was expected")
            if not heard:
                run.mark("ttfb")
            heard += chunk
    except TimeoutError:
        words = "connected, but it says nothing" if not heard else "connected, but what was expected did not come in time"
        raise Failure("timeout_read" if not heard else "deadline", words) from None
    except OSError:
        raise Failure("refused", "the connection was closed") from None
    if is_expecting:
        run.mark("transfer")
    return "connected, and it says what it should" if is_expecting else "connected"


def _is_there(spec: Spec, heard: bytes) -> bool:
    if spec.get("expect"):
        return spec["expect"].encode() in heard
    return patterns.is_found(spec["expect_pattern"], heard.decode("utf-8", "replace"))
