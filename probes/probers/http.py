"""The prober `http`: one request to an address; its status, its text and its speed are the outcome."""

from __future__ import annotations

import json
import re
from typing import Any

from probes.outcome import Outcome, OutcomeStatus, TargetError
from probes.probers import credentials, specs
from probes.probers.engine import Reply, Request, fetch
from probes.probers.specs import Spec

KEYS = (
    "url",
    "method",
    "headers",
    "secret_headers",
    "body",
    "expect_status",
    "body_contains",
    "delayed_ms",
    "degraded_ms",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}", re.ASCII)
# Their values are secrets: they belong under secret_headers, by name.
SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|password|api-?key|signature", re.ASCII | re.IGNORECASE)
SUCCESS = frozenset(range(200, 300))


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.address(spec, "url")
    if spec.get("method", "GET") not in METHODS:
        raise TargetError(f"method: give one of {', '.join(METHODS)}.")
    _plain_headers(spec)
    for name, secret in _mapping(spec, "secret_headers").items():
        _header_name(name, "secret_headers")
        specs.secret_name(secret, f"secret_headers.{name}")
    _body(spec)
    _expected(spec)
    specs.text(spec, "body_contains")
    delayed, degraded = specs.milliseconds(spec, "delayed_ms"), specs.milliseconds(spec, "degraded_ms")
    if delayed and degraded and delayed > degraded:
        raise TargetError("delayed_ms is above degraded_ms: degraded is the worse of the two, swap them.")


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all."""
    headers = _plain_headers(spec)
    for name, secret in _mapping(spec, "secret_headers").items():
        headers[name] = credentials.secret(secret)
    if isinstance(spec.get("body"), (dict, list)) and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    reply = fetch(Request(spec["url"], spec.get("method", "GET"), headers, _body(spec), timeout))
    status, error_class, evidence = _judge(spec, reply)
    return Outcome(status, error_class, evidence, reply.status, reply.total_us, reply.phases)


def _judge(spec: Spec, reply: Reply) -> tuple[OutcomeStatus, str, str]:
    """Status before text before speed: the first finding is the outcome."""
    if reply.error_class == "target":
        return OutcomeStatus.MISCONFIGURED, "target", reply.error
    if reply.error_class and reply.error_class != "body_too_big":
        return OutcomeStatus.DOWN, reply.error_class, reply.error
    expected = _expected(spec)
    if reply.status not in expected:
        if reply.status == 429:
            return OutcomeStatus.MISCONFIGURED, "rate", "429: we ask too often; lengthen the interval"
        return OutcomeStatus.DOWN, "status", f"status {reply.status}, expected {_names(expected)}"
    wanted = spec.get("body_contains", "").encode()
    is_found = bool(wanted) and wanted in reply.body
    if reply.error_class and not is_found:
        return OutcomeStatus.MISCONFIGURED, "body_too_big", f"{reply.error}: probe a smaller page or use HEAD"
    if wanted and not is_found:
        return OutcomeStatus.DOWN, "assertion", f"status {reply.status}, but the expected text is missing"
    return _speed(spec, reply)


def _speed(spec: Spec, reply: Reply) -> tuple[OutcomeStatus, str, str]:
    took_us = reply.total_us or 0
    words = f"status {reply.status} in {took_us // 1000} ms"
    for key, status in (("degraded_ms", OutcomeStatus.DEGRADED), ("delayed_ms", OutcomeStatus.DELAYED)):
        limit = spec.get(key)
        if limit and took_us > limit * 1000:
            return status, "", f"{words}, limit {limit} ms"
    return OutcomeStatus.OK, "", words


def _mapping(spec: Spec, key: str) -> dict[str, Any]:
    value = spec.get(key, {})
    if not isinstance(value, dict):
        raise TargetError(f'{key}: give an object, for example {{"Accept": "text/html"}}.')
    return value


def _header_name(name: Any, key: str) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise TargetError(f"{key}: {str(name)[:40]!r} is not a header's name.")


def _plain_headers(spec: Spec) -> dict[str, str]:
    headers = _mapping(spec, "headers")
    for name, value in headers.items():
        _header_name(name, "headers")
        if SECRET_HEADER.search(name):
            raise TargetError(f"headers.{name}: its value is a secret; move it to secret_headers and give the secret's name.")
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            raise TargetError(f"headers.{name}: give one line of ASCII text.")
    return dict(headers)


def _body(spec: Spec) -> bytes | None:
    body = spec.get("body")
    if body is None:
        return None
    if spec.get("method", "GET") in {"GET", "HEAD"}:
        raise TargetError("body: a GET or HEAD has none; set method to POST or leave body out.")
    if isinstance(body, (dict, list)):
        return json.dumps(body).encode()
    if isinstance(body, str):
        return body.encode()
    raise TargetError("body: give a text, or an object to be sent as JSON.")


def _expected(spec: Spec) -> frozenset[int]:
    value = spec.get("expect_status")
    if value is None:
        return SUCCESS
    statuses = value if isinstance(value, list) else [value]
    if not statuses or any(isinstance(one, bool) or not isinstance(one, int) or not 100 <= one <= 599 for one in statuses):
        raise TargetError("expect_status: give a status or a list of them, each from 100 to 599.")
    return frozenset(statuses)


def _names(expected: frozenset[int]) -> str:
    return "200-299" if expected == SUCCESS else " or ".join(str(status) for status in sorted(expected))
