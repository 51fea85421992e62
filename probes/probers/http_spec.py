"""What a spec of kind `http` may say, and how it is read."""

from __future__ import annotations

import json
import re
from typing import Any

from probes.outcome import TargetError
from probes.probers import assertions, authorization, limits, specs, tls_options
from probes.probers.specs import Spec

KEYS = (
    "url",
    "method",
    "headers",
    "secret_headers",
    "body",
    "auth",
    "redirects",
    "tls",
    "ip_version",
    "reuse",
    "body_limit_kb",
    "expect_status",
    "body_contains",
    "assertions",
    "delayed_ms",
    "degraded_ms",
    "down_ms",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Their values are secrets: they belong under secret_headers, by name.
SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|password|api-?key|signature", re.ASCII | re.IGNORECASE)
SUCCESS = frozenset(range(200, 300))
MOST_REDIRECTS = 10
LARGEST_KB = 1024


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    parts = specs.address(spec, "url")
    method = specs.choice(spec, "method", METHODS, "GET")
    names = {name.lower() for name in plain_headers(spec)}
    for name, secret in mapping(spec, "secret_headers").items():
        with specs.part():
            _header_name(name, "secret_headers")
            specs.secret_name(secret, f"secret_headers.{name}")
            names.add(name.lower())
    if "auth" in spec:
        with specs.part():
            authorization.validate(spec["auth"])
        if "authorization" in names:
            specs.refuse("auth: an Authorization header is given too; leave one of them out.", None)
    with specs.part():
        body(spec)
    with specs.part():
        expected(spec)
    specs.text(spec, "body_contains")
    checks = assertions.validate(spec.get("assertions", []))
    if method == "HEAD" and ("body_contains" in spec or any("header" not in one for one in checks)):
        specs.refuse("method: HEAD brings no body to look at; set method to GET, or look at headers only.", None)
    if specs.flag(spec, "reuse") and method not in {"GET", "HEAD"}:
        specs.refuse("reuse: a kept connection that has gone is asked again, so it is for GET and HEAD only.", None)
    specs.whole(spec, "redirects", 0, MOST_REDIRECTS, 0)
    specs.whole(spec, "body_limit_kb", 1, LARGEST_KB, 256)
    specs.choice(spec, "ip_version", (4, 6), 4)
    with specs.part():
        if tls_options.validate(spec) and parts.scheme == "http":
            raise TargetError("tls: url begins with http://, so there is none; give https:// or leave tls out.")
    limits.validate(spec)


def mapping(spec: Spec, key: str) -> dict[str, Any]:
    value = spec.get(key, {})
    if not isinstance(value, dict):
        return specs.refuse(f'{key}: give an object, for example {{"Accept": "text/html"}}.', {})
    return value


def _header_name(name: Any, key: str) -> None:
    if not isinstance(name, str) or not assertions.HEADER_NAME.fullmatch(name):
        raise TargetError(f"{key}: {str(name)[:40]!r} is not a header's name.")


def plain_headers(spec: Spec) -> dict[str, str]:
    headers = mapping(spec, "headers")
    for name, value in headers.items():
        with specs.part():
            _header_name(name, "headers")
            if SECRET_HEADER.search(name):
                raise TargetError(f"headers.{name}: its value is a secret; move it to secret_headers and give the secret's name.")
            if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
                raise TargetError(f"headers.{name}: give one line of ASCII text.")
    return {name: value for name, value in headers.items() if isinstance(name, str)}


def body(spec: Spec) -> bytes | None:
    value = spec.get("body")
    if value is None:
        return None
    if spec.get("method", "GET") in {"GET", "HEAD"}:
        raise TargetError("body: a GET or HEAD has none; set method to POST or leave body out.")
    if isinstance(value, (dict, list)):
        return json.dumps(value).encode()
    if isinstance(value, str):
        return value.encode()
    raise TargetError("body: give a text, or an object to be sent as JSON.")


def expected(spec: Spec) -> frozenset[int]:
    """Statuses that are right: numbers, "2xx", "200-204", or a list of them."""
    value = spec.get("expect_status")
    if value is None:
        return SUCCESS
    given = value if isinstance(value, list) else [value]
    found = [_statuses(one) for one in given]
    if not found or not all(found):
        raise TargetError('expect_status: give a status or a list of them, each from 100 to 599, "2xx" or "200-204".')
    return frozenset().union(*found)


def _statuses(one: Any) -> frozenset[int]:
    """Empty where it is none."""
    if isinstance(one, str):
        if re.fullmatch(r"[1-5]xx", one, re.ASCII):
            return frozenset(range(int(one[0]) * 100, int(one[0]) * 100 + 100))
        if re.fullmatch(r"[1-5]\d\d-[1-5]\d\d", one, re.ASCII):
            return frozenset(range(int(one[:3]), int(one[4:]) + 1))
    elif isinstance(one, int) and not isinstance(one, bool) and 100 <= one <= 599:
        return frozenset({one})
    return frozenset()


def expected_words(spec: Spec) -> str:
    value = spec.get("expect_status")
    if value is None:
        return "200-299"
    return " or ".join(str(one) for one in (value if isinstance(value, list) else [value])[:10])
