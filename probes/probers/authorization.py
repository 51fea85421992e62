"""How a request says who asks: a user and a password, a token, or OAuth2 client credentials. All by the secrets' names.

    {"basic": NAME}     HALI_SECRET_<NAME>_USER and _PASSWORD
    {"bearer": NAME}    HALI_SECRET_<NAME>
    {"oauth2": NAME, "token_url": ADDRESS}    HALI_SECRET_<NAME>_KEY and _SECRET; optional: "scope", "audience", "send"

An OAuth2 token is fetched by the agent, kept in its memory until shortly before its end, and written nowhere.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from probes.outcome import Outcome, OutcomeStatus, TargetError
from probes.probers import credentials, specs
from probes.probers.engine import Reply, Request, fetch
from probes.probers.tokens import NotInTime, TokenCache

KINDS = ("basic", "bearer", "oauth2")
OAUTH2_KEYS = ("token_url", "scope", "audience", "send")
SEND = ("header", "body")  # where the token's address wants key and secret
DEFAULT_LIFE, LONGEST_LIFE = 300, 86_400  # seconds, where an answer does not say, and at most

TOKENS = TokenCache()


@dataclass(frozen=True)
class Authorization:
    """The headers to send, and whether a refusal may mean that a kept token was withdrawn."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_kept_token: bool = False


class NotAuthorized(Exception):
    """There is no token, so the question was not asked; `outcome` says how that counts."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("no token")
        self.outcome = outcome


def validate(value: Any, key: str = "auth") -> Mapping[str, Any]:
    """The object under `key`; raises TargetError with what to change."""
    if not isinstance(value, dict) or sum(kind in value for kind in KINDS) != 1:
        raise TargetError(f'{key}: give an object with one of {", ".join(KINDS)}, for example {{"bearer": "PORTAL"}}.')
    kind = next(kind for kind in KINDS if kind in value)
    allowed = (kind, *OAUTH2_KEYS) if kind == "oauth2" else (kind,)
    for name in value:
        if name not in allowed:
            raise TargetError(f"{key}: {str(name)[:40]!r} does not go with {kind}; use {', '.join(allowed)}.")
    specs.secret_name(value[kind], f"{key}.{kind}")
    if kind == "oauth2":
        _validate_oauth2(value, key)
    return value


def _validate_oauth2(value: Mapping[str, Any], key: str) -> None:
    inner = {f"{key}.{name}": one for name, one in value.items()}
    parts = specs.address(inner, f"{key}.token_url")
    if parts.scheme == "http" and not specs.is_loopback(parts.hostname):
        raise TargetError(f"{key}.token_url: give https://; http:// is for this machine only, since a secret travels in it.")
    for name in ("scope", "audience"):
        specs.text(inner, f"{key}.{name}", at_most=300)
    if value.get("send", "header") not in SEND:
        raise TargetError(f"{key}.send: give one of {', '.join(SEND)}.")


def authorize(auth: Mapping[str, Any], *, host: str | None, timeout: float, refused: str = "") -> Authorization:
    """The headers for a request to `host`. `refused`: the Authorization header that was just refused.

    Raises MissingSecret; NotAuthorized where a token was asked for in vain, within `timeout` seconds.
    """
    if "basic" in auth:
        name = auth["basic"]
        credentials.require_host(name, host)
        return Authorization(
            {"Authorization": _basic(credentials.secret(f"{name}_USER"), credentials.secret(f"{name}_PASSWORD"))}
        )
    if "bearer" in auth:
        credentials.require_host(auth["bearer"], host)
        return Authorization({"Authorization": f"Bearer {credentials.secret(auth['bearer'])}"})
    return _with_token(auth, host=host, timeout=timeout, refused=refused.removeprefix("Bearer "))


def _basic(user: str, password: str) -> str:
    pair = f"{user}:{password}"
    credentials.remember(pair)
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _with_token(auth: Mapping[str, Any], *, host: str | None, timeout: float, refused: str) -> Authorization:
    name, deadline = auth["oauth2"], time.monotonic() + timeout
    credentials.require_host(name, host)
    app = credentials.app(name)
    key = (auth["token_url"], json.dumps([name, auth.get("scope"), auth.get("audience")]))
    try:
        token, is_kept = TOKENS.get(key, refused=refused), True
        if not token:
            with TOKENS.fetching(key, timeout=timeout):
                token = TOKENS.get(key, refused=refused)
                if not token:
                    token, is_kept = _fetch(auth, app, key, timeout=max(0.001, deadline - time.monotonic())), False
    except NotInTime:
        words = f"no token: none came within {timeout:.1f} s"
        raise NotAuthorized(Outcome(OutcomeStatus.DOWN, "timeout_read", words, None, round(timeout * 1e6))) from None
    credentials.remember(token)
    return Authorization({"Authorization": f"Bearer {token}"}, is_kept)


def _fetch(auth: Mapping[str, Any], app: credentials.App, key: tuple[str, str], *, timeout: float) -> str:
    fields = {"grant_type": "client_credentials"} | {name: auth[name] for name in ("scope", "audience") if auth.get(name)}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if auth.get("send", "header") == "header":  # RFC 6749, 2.3.1: each part is form-encoded first
        headers["Authorization"] = _basic(quote(app.key, safe=""), quote(app.secret, safe=""))
    else:
        fields |= {"client_id": app.key, "client_secret": app.secret}
    reply = fetch(Request(auth["token_url"], "POST", headers, urlencode(fields).encode(), timeout))
    token, expires_in = _read(reply)
    TOKENS.put(key, token, expires_in)
    return token


def _read(reply: Reply) -> tuple[str, int]:
    """The token and its seconds; raises NotAuthorized."""
    if reply.error_class:
        status = OutcomeStatus.MISCONFIGURED if reply.error_class == "target" else OutcomeStatus.DOWN
        raise _not(reply, status, reply.error_class, reply.error)
    if reply.status == 429:
        raise _not(reply, OutcomeStatus.MISCONFIGURED, "rate", "429: we ask too often; lengthen the interval")
    if reply.status in {400, 401, 403}:
        raise _not(
            reply, OutcomeStatus.MISCONFIGURED, "credentials", f"{reply.status}: our key and secret, or the scope, are refused"
        )
    if reply.status != 200:
        raise _not(reply, OutcomeStatus.DOWN, "status", f"status {reply.status}, expected 200")
    try:
        fields = json.loads(reply.body)
    except (ValueError, RecursionError):
        fields = None
    token = fields.get("access_token") if isinstance(fields, dict) else None
    if not isinstance(token, str) or not token.strip() or not token.isascii() or not token.isprintable():
        raise _not(reply, OutcomeStatus.DOWN, "assertion", "200, but there is no token in it")
    seconds = str(fields.get("expires_in", DEFAULT_LIFE))
    life = int(seconds) if seconds.isascii() and seconds.isdecimal() and len(seconds) < 9 else DEFAULT_LIFE
    return token, min(max(life, 1), LONGEST_LIFE)


def _not(reply: Reply, status: OutcomeStatus, error_class: str, words: str) -> NotAuthorized:
    return NotAuthorized(Outcome(status, error_class, f"no token: {words}", reply.status, reply.total_us, reply.phases))
