"""Calls of a payment gateway: one run's identity, the shared token, and a request with it."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from probes.probers import credentials
from probes.probers.engine import Reply, Request, fetch
from probes.probers.gateway_answers import Reading, Verdict, read
from probes.probers.tokens import NotInTime, TokenCache

TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105  an address
QUERY_PATH = "/mpesa/stkpushquery/v1/query"
LONGEST_TOKEN = 3600

TOKENS = TokenCache()


@dataclass(frozen=True)
class Run:
    """One run of one recipe: where, as whom, and until when (monotonic seconds)."""

    base_url: str
    app_name: str
    shortcode: str
    checkout: str
    deadline: float
    timeout: float
    now: float
    is_demo: bool
    app: credentials.App | None = field(repr=False)
    passkey: str = field(repr=False)
    correlation: str = field(default_factory=lambda: f"p{secrets.token_hex(8)}")  # what a later answer will name

    def secret(self, part: str) -> str:
        """HALI_SECRET_<credentials>_<part>; raises MissingSecret."""
        return credentials.secret(f"{self.app_name}_{part}", demo_allowed=self.is_demo)

    @property
    def seconds_left(self) -> float:
        return max(0.001, self.deadline - time.monotonic())

    @property
    def key(self) -> tuple[str, str]:
        return self.base_url, self.app_name


@dataclass(frozen=True)
class Seen:
    """A reply and what it means for the recipe."""

    reply: Reply
    reading: Reading
    retried: bool = False


class NoToken(Exception):
    """The run ends before its question, since there is no token; `seen` says why."""

    def __init__(self, seen: Seen) -> None:
        super().__init__("no token")
        self.seen = seen


def with_token(run: Run, ask: Callable[[str], Seen]) -> Seen:
    """Ask with the shared token. A refused one is fetched anew once; refused again it is the gateway's fault."""
    found = shared_token(run)
    seen = ask(found)
    if seen.reading.verdict is Verdict.TOKEN:
        seen = ask(shared_token(run, refused=found))
    if seen.reading.verdict is Verdict.TOKEN:
        return Seen(seen.reply, Reading(Verdict.ASSERTION, "it refuses a fresh token"))
    return seen


def shared_token(run: Run, *, refused: str = "") -> str:
    """The shared token, fetched when there is none or the one in use was `refused`; raises NoToken."""
    if token := TOKENS.get(run.key, refused=refused):
        return token
    try:
        with TOKENS.fetching(run.key, timeout=run.seconds_left):
            if token := TOKENS.get(run.key, refused=refused):
                return token
            seen = fetch_token(run)
    except NotInTime:
        error = f"none came within {run.timeout:.1f} s"
        waited = Reply(error_class="timeout_read", error=error, total_us=round(run.timeout * 1e6))
        raise NoToken(Seen(waited, read(waited))) from None
    if seen.reading.verdict is not Verdict.ACCEPTED:
        raise NoToken(seen)
    return str(seen.reading.fields["access_token"])


def fetch_token(run: Run) -> Seen:
    """Ask for a token and share a good one."""
    assert run.app is not None
    basic = base64.b64encode(f"{run.app.key}:{run.app.secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
    reply = fetch(Request(run.base_url + TOKEN_PATH, "GET", headers, None, run.seconds_left))
    reading = read_token(reply)
    if reading.verdict is Verdict.ACCEPTED:
        TOKENS.put(run.key, reading.fields["access_token"], int(reading.fields["expires_in"]))
    return Seen(reply, reading)


def read_token(reply: Reply) -> Reading:
    if not reply.error_class and reply.status == 400 and not reply.body.strip():
        return Reading(Verdict.CREDENTIALS, "400 with an empty body: our key and secret are refused")
    reading = read(reply)
    if reading.verdict is Verdict.ALIVE:
        return Reading(Verdict.TARGET, reading.words)  # a token is refused to nobody who asks rightly
    if reading.verdict is Verdict.PENDING:
        return Reading(Verdict.ASSERTION, "200, but there is no token in it")
    if reading.verdict is not Verdict.ACCEPTED:
        return reading
    token, seconds = reading.fields.get("access_token"), str(reading.fields.get("expires_in", ""))
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        return Reading(Verdict.ASSERTION, "200, but there is no token in it")
    if not (seconds.isdecimal() and len(seconds) < 6 and 0 < int(seconds) <= LONGEST_TOKEN):
        return Reading(Verdict.ASSERTION, f"200, but expires_in is not from 1 to {LONGEST_TOKEN}")
    return Reading(Verdict.ACCEPTED, "a token", reading.fields)


def query(run: Run, *, token: str, password: str, checkout: str, stamp: str = "20200101000000") -> Seen:
    body = {
        "BusinessShortCode": run.shortcode,
        "Password": password,
        "Timestamp": stamp,
        "CheckoutRequestID": checkout,
    }
    return post(run, QUERY_PATH, token, body)


def post(run: Run, path: str, token: str, fields: Mapping[str, object]) -> Seen:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
    reply = fetch(Request(run.base_url + path, "POST", headers, json.dumps(fields).encode(), run.seconds_left))
    return Seen(reply, read(reply))
