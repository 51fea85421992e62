"""Redirects, followed hop by hop: each is a request of its own under the address rules, inside one deadline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from probes.outcome import TargetError
from probes.probers import never_scheduled, specs, tls_options
from probes.probers.engine import Reply, Request, fetch

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def follow(request: Request, *, at_most: int, elsewhere: Mapping[str, str]) -> Reply:
    """Ask, and go on where the answer sends us, at most so many times. Whatever happens is a Reply.

    `elsewhere`: the headers that another host may see: no secrets, since they were meant for the first. Total and phases are
    sums over the hops.
    """
    deadline = time.monotonic() + request.timeout
    reply = fetch(request)
    for hop in range(at_most + 1):
        if at_most == 0 or reply.error_class or reply.status not in REDIRECTS or not reply.redirect:
            return reply
        if hop == at_most:
            return replace(reply, error_class="assertion", error=f"more than {at_most} redirects")
        if error := _refused(request.url, reply.redirect):
            return replace(reply, error_class="assertion", error=error)
        request = _next(request, reply, elsewhere, max(0.001, deadline - time.monotonic()))
        reply = _joined(reply, fetch(request))
    return reply


def _refused(here: str, there: str) -> str:
    try:
        never_scheduled.refuse_calls(there)
        parts = specs.address({"redirect": there}, "redirect")
    except TargetError:
        return "it redirects to an address that is not followed: none of http(s), a login in it, or a call that moves money"
    if urlsplit(here).scheme == "https" and parts.scheme == "http":
        return "it redirects from https:// to http://"
    return ""


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _next(request: Request, reply: Reply, elsewhere: Mapping[str, str], timeout: float) -> Request:
    followed = replace(request, url=reply.redirect, timeout=timeout)
    if _origin(request.url) != _origin(reply.redirect):
        followed = replace(followed, headers=elsewhere, tls=_without_certificate(request))
    is_asked_anew = reply.status == 303 or (reply.status in {301, 302} and request.method == "POST")
    if is_asked_anew and request.method not in {"GET", "HEAD"}:
        kept = {name: value for name, value in followed.headers.items() if not name.lower().startswith("content-")}
        followed = replace(followed, method="GET", body=None, headers=kept)
    return followed


def _without_certificate(request: Request) -> tls_options.TlsOptions:
    if request.tls is tls_options.PLAIN:
        return request.tls
    return replace(request.tls, certificate="", key="", passphrase="", server_name="")


def _joined(before: Reply, after: Reply) -> Reply:
    """The last answer with the time of all."""
    phases = {name: before.phases.get(name, 0) + after.phases.get(name, 0) for name in {**before.phases, **after.phases}}
    total = None if after.total_us is None else (before.total_us or 0) + after.total_us
    return replace(after, total_us=total, phases=phases)
