"""The prober `http`: one request to an address; its status, its text and its speed are the outcome."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from probes.outcome import Outcome, OutcomeStatus
from probes.probers import assertions, authorization, credentials, http_spec, limits, redirects, tls_options, tracing
from probes.probers.engine import Reply, Request
from probes.probers.http_spec import KEYS, validate
from probes.probers.specs import Spec

__all__ = ["KEYS", "ask", "conclude", "judge", "probe", "request_of", "validate"]


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all, a token's fetch and redirects included."""
    deadline = time.monotonic() + timeout
    try:
        reply = ask(spec, deadline)
    except authorization.NotAuthorized as error:
        return error.outcome
    return conclude(spec, reply)


def request_of(spec: Spec, *, timeout: float) -> Request | None:
    """The request of a run that is one request and nothing else; None where it may become several. Raises MissingSecret."""
    if "auth" in spec or spec.get("redirects") or spec.get("reuse"):
        return None
    plain, secret = _headers(spec)
    return _request(spec, wants_headers=False, headers={**plain, **secret}, timeout=timeout)


def conclude(spec: Spec, reply: Reply) -> Outcome:
    """The outcome of a run whose last answer is `reply`."""
    status, error_class, evidence = judge(spec, reply)
    return Outcome(status, error_class, evidence, reply.status, reply.total_us, reply.phases)


def ask(spec: Spec, deadline: float, *, more_headers: Mapping[str, str] | None = None, wants_headers: bool = False) -> Reply:
    """Ask; where a token that was kept is refused, once more with a new one. Raises MissingSecret and NotAuthorized.

    `more_headers` may hold secrets.
    """
    plain, secret = _headers(spec)
    secret |= more_headers or {}
    request = _request(spec, wants_headers=wants_headers)
    if "auth" not in spec:
        return _send(spec, request, plain, secret, deadline)
    given = _authorize(spec, deadline)
    reply = _send(spec, request, plain, {**secret, **given.headers}, deadline)
    if given.is_kept_token and reply.status == 401 and time.monotonic() < deadline:
        given = _authorize(spec, deadline, refused=given.headers["Authorization"])
        reply = _send(spec, request, plain, {**secret, **given.headers}, deadline)
    return reply


def _authorize(spec: Spec, deadline: float, refused: str = "") -> authorization.Authorization:
    host, left = urlsplit(spec["url"]).hostname, max(0.001, deadline - time.monotonic())
    return authorization.authorize(spec["auth"], host=host, timeout=left, refused=refused)


def _headers(spec: Spec) -> tuple[dict[str, str], dict[str, str]]:
    """Those that anybody may see, and those from secrets."""
    plain, secret = http_spec.plain_headers(spec), {}
    for name, secret_name in http_spec.mapping(spec, "secret_headers").items():
        credentials.require_host(secret_name, urlsplit(spec["url"]).hostname)
        secret[name] = credentials.secret(secret_name)
    is_json = isinstance(spec.get("body"), (dict, list))
    if is_json and "content-type" not in {name.lower() for name in (*plain, *secret)}:
        plain["Content-Type"] = "application/json"
    return plain, secret


def _request(spec: Spec, *, wants_headers: bool, headers: Mapping[str, str] | None = None, timeout: float = 10.0) -> Request:
    tls = spec.get("tls")
    return Request(
        spec["url"],
        spec.get("method", "GET"),
        headers or {},
        timeout=timeout,
        body=http_spec.body(spec),
        tls=tls_options.resolve(tls, host=urlsplit(spec["url"]).hostname) if tls else tls_options.PLAIN,
        ip_version=spec.get("ip_version", 0),
        reuse=spec.get("reuse", False),
        body_limit=spec.get("body_limit_kb", 256) * 1024,
        wants_headers=wants_headers or any("header" in one for one in spec.get("assertions", ())),
    )


def _send(spec: Spec, request: Request, plain: Mapping[str, str], secret: Mapping[str, str], deadline: float) -> Reply:
    left = max(0.001, deadline - time.monotonic())
    whole = replace(request, headers={**plain, **secret}, timeout=left)
    elsewhere = {name: value for name, value in plain.items() if name.lower() != "host"}
    return redirects.follow(whole, at_most=spec.get("redirects", 0), elsewhere=elsewhere)


def judge(spec: Spec, reply: Reply) -> tuple[OutcomeStatus, str, str]:
    """Status before text before speed: the first finding is the outcome."""
    is_whole = reply.error_class != "body_too_big"
    if reply.error_class == "target":
        return OutcomeStatus.MISCONFIGURED, "target", reply.error
    if reply.error_class and is_whole:
        return OutcomeStatus.DOWN, reply.error_class, reply.error
    is_expected = reply.status in http_spec.expected(spec)
    if tracing.is_watched():
        tracing.asserted(f"status {http_spec.expected_words(spec)}", is_expected)
    if not is_expected:
        if reply.status == 429:
            return OutcomeStatus.MISCONFIGURED, "rate", "429: we ask too often; lengthen the interval"
        return OutcomeStatus.DOWN, "status", f"status {reply.status}, expected {http_spec.expected_words(spec)}"
    wanted = spec.get("body_contains", "").encode()
    is_found = bool(wanted) and wanted in reply.body
    if wanted:
        tracing.asserted("body_contains", is_found or (False if is_whole else None))
    if wanted and not is_found and is_whole:
        return OutcomeStatus.DOWN, "assertion", f"status {reply.status}, but the expected text is missing"
    checks = spec.get("assertions", [])
    finding = assertions.judge(checks, assertions.Answer(reply.body, reply.headers, is_whole)) if checks else None
    if finding is not None and finding.status is not OutcomeStatus.MISCONFIGURED:
        return _worse(finding, limits.judge(spec, reply.total_us, f"status {reply.status}"), reply)
    if not is_whole and ((wanted and not is_found) or finding is not None or not (is_found or _is_text_proven(checks))):
        return OutcomeStatus.MISCONFIGURED, "body_too_big", f"{reply.error}: probe a smaller page or use HEAD"
    if finding is not None:
        return finding.status, finding.error_class, finding.words
    return limits.judge(spec, reply.total_us, f"status {reply.status}")


def _is_text_proven(checks: list[Any]) -> bool:
    """Whether assertions that hold have seen what they wanted in a body that was cut."""
    return any("header" not in one and ("contains" in one or "matches" in one) for one in checks)


def _worse(finding: assertions.Finding, speed: tuple[OutcomeStatus, str, str], reply: Reply) -> tuple[OutcomeStatus, str, str]:
    """An answer that is late by its words may be down by its time."""
    if assertions.severity(speed[0]) > assertions.severity(finding.status):
        return speed
    return finding.status, finding.error_class, f"status {reply.status}, {finding.words}"
