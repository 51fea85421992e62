"""The prober `payment_flow`: recipes that ask a payment gateway what a merchant's server asks. None of them moves money."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from probes.outcome import Outcome, OutcomeStatus, TargetError
from probes.probers import credentials, specs
from probes.probers.engine import Reply, Request, fetch
from probes.probers.gateway_answers import Reading, Verdict, read
from probes.probers.specs import Spec
from probes.probers.tokens import NotInTime, TokenCache
from probes.sandbox import demo

KEYS = ("base_url", "recipe", "credentials", "shortcode", "checkout_request_id", "degraded_ms")
TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105  an address
QUERY_PATH = "/mpesa/stkpushquery/v1/query"
GATEWAY_ZONE = timezone(timedelta(hours=3))  # its timestamps are East Africa Time
LONGEST_TOKEN = 3600
SHORTCODE = re.compile(r"\d{5,12}", re.ASCII)
ENDS_WITH_NUMBER = re.compile(r"\d{9}$", re.ASCII)

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
    app: credentials.App | None = field(repr=False)
    passkey: str = field(repr=False)

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


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change. Whether the agent has the secrets shows when it runs."""
    specs.only_keys(spec, KEYS)
    parts = specs.address(spec, "base_url")
    if parts.query or parts.fragment:
        raise TargetError("base_url: give the address without ?… and #…; the recipe adds its own path.")
    if parts.scheme == "http" and not specs.is_loopback(parts.hostname):
        raise TargetError("base_url: give https://; http:// is for this machine only, since credentials travel in it.")
    recipe = spec.get("recipe")
    if not isinstance(recipe, str) or recipe not in RECIPES:
        raise TargetError(f"recipe: give one of {', '.join(RECIPES)}.")
    if RECIPES[recipe].needs_app or "credentials" in spec:
        specs.secret_name(spec.get("credentials"), "credentials")
    specs.milliseconds(spec, "degraded_ms")
    shortcode = str(spec.get("shortcode", demo.SHORTCODE))
    if not SHORTCODE.fullmatch(shortcode):
        raise TargetError("shortcode: give 5 to 12 digits.")
    if recipe == "stk-query" and "shortcode" not in spec and not _is_demo(spec):
        raise TargetError("shortcode is missing: add the business short code whose request is asked for.")
    checkout = specs.text(spec, "checkout_request_id", at_most=100)
    if ENDS_WITH_NUMBER.search(checkout):
        raise TargetError(
            "checkout_request_id: it ends with the payer's number, so it stays out of the spec; "
            "put it into HALI_SECRET_<credentials>_CHECKOUT of the agent."
        )


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all, token included; `now` is epoch seconds."""
    recipe = RECIPES[spec["recipe"]]
    run = _prepare(spec, recipe, timeout=timeout, now=now)
    try:
        seen = recipe.ask(run)
    except NoToken as error:
        return _outcome(error.seen, recipe, spec, before="no token: ")
    return _outcome(seen, recipe, spec)


# --- Recipes ------------------------------------------------------------------------------------


def ask_oauth(run: Run) -> Seen:
    """A token for our own app; it replaces the one in use. A fault is asked once more: fine then is degraded, not down."""
    seen = _fetch_token(run)
    if _STATUSES[seen.reading.verdict] is OutcomeStatus.DOWN and time.monotonic() < run.deadline:
        again = _fetch_token(run)
        if again.reading.verdict is Verdict.ACCEPTED:
            return Seen(again.reply, again.reading, retried=True)
    return seen


def ask_gateway(run: Run) -> Seen:
    """An STK query with a token nobody has: a healthy gateway refuses it in its own words."""
    seen = _query(run, token="invalid", password="none", checkout="ws_CO_NONE")  # noqa: S106  meant to be refused
    verdict = seen.reading.verdict
    if verdict is Verdict.TOKEN:
        return Seen(seen.reply, Reading(Verdict.ACCEPTED, "refuses an invalid token, as it should"))
    if verdict in {Verdict.ACCEPTED, Verdict.PENDING}:
        return Seen(seen.reply, Reading(Verdict.ASSERTION, "it accepted a token that nobody has"))
    return seen


def ask_stk_query(run: Run) -> Seen:
    """The state of one old request of our own. A refused token is fetched anew once; refused again it is the gateway's fault."""
    stamp = f"{datetime.fromtimestamp(run.now, UTC).astimezone(GATEWAY_ZONE):%Y%m%d%H%M%S}"
    password = base64.b64encode(f"{run.shortcode}{run.passkey}{stamp}".encode()).decode()
    token = _token(run)
    seen = _query(run, token=token, password=password, checkout=run.checkout, stamp=stamp)
    if seen.reading.verdict is Verdict.TOKEN:
        fresh = _token(run, refused=token)
        seen = _query(run, token=fresh, password=password, checkout=run.checkout, stamp=stamp)
    if seen.reading.verdict is Verdict.TOKEN:
        return Seen(seen.reply, Reading(Verdict.ASSERTION, "it refuses a fresh token"))
    return seen


@dataclass(frozen=True)
class Recipe:
    ask: Callable[[Run], Seen]
    degraded_ms: int
    needs_app: bool = True
    needs_passkey: bool = False


RECIPES: Mapping[str, Recipe] = {
    "oauth": Recipe(ask_oauth, degraded_ms=2000),
    "gateway": Recipe(ask_gateway, degraded_ms=2000, needs_app=False),
    "stk-query": Recipe(ask_stk_query, degraded_ms=3000, needs_passkey=True),
}

# --- From verdict to outcome -----------------------------------------------------------------------

_STATUSES: Mapping[Verdict, OutcomeStatus] = {
    Verdict.ACCEPTED: OutcomeStatus.OK,
    Verdict.PENDING: OutcomeStatus.OK,
    Verdict.ALIVE: OutcomeStatus.OK,
    Verdict.TOKEN: OutcomeStatus.MISCONFIGURED,
    Verdict.CREDENTIALS: OutcomeStatus.MISCONFIGURED,
    Verdict.RATE: OutcomeStatus.MISCONFIGURED,
    Verdict.TARGET: OutcomeStatus.MISCONFIGURED,
    Verdict.BUSY: OutcomeStatus.DOWN,
    Verdict.INTERNAL: OutcomeStatus.DOWN,
    Verdict.BLOCKED: OutcomeStatus.DOWN,
    Verdict.STATUS: OutcomeStatus.DOWN,
    Verdict.ASSERTION: OutcomeStatus.DOWN,
    Verdict.TRANSPORT: OutcomeStatus.DOWN,
}


def _outcome(seen: Seen, recipe: Recipe, spec: Spec, *, before: str = "") -> Outcome:
    reply, reading = seen.reply, seen.reading
    status, words = _STATUSES[reading.verdict], f"{spec['recipe']}: {before}{reading.words}"
    if status is OutcomeStatus.OK:
        took_ms, limit_ms = (reply.total_us or 0) // 1000, spec.get("degraded_ms") or recipe.degraded_ms
        words = f"{words} in {took_ms} ms"
        if seen.retried:
            status, words = OutcomeStatus.DEGRADED, f"{words}, on the second try"
        elif took_ms > limit_ms:
            status, words = OutcomeStatus.DEGRADED, f"{words}, limit {limit_ms} ms"
        return Outcome(status, "", words, reply.status, reply.total_us, reply.phases)
    error_class = reading.verdict.value
    if reading.verdict is Verdict.TRANSPORT:
        error_class = reply.error_class
        if error_class == "target":
            status = OutcomeStatus.MISCONFIGURED
    elif reading.verdict is Verdict.TOKEN:
        error_class = "credentials"
    return Outcome(status, error_class, words, reply.status, reply.total_us, reply.phases)


# --- Requests ------------------------------------------------------------------------------------


def _is_demo(spec: Spec) -> bool:
    """Whether the public demo values may stand in: the sandbox's name, on this machine."""
    return spec.get("credentials") == credentials.DEMO_NAME and specs.is_loopback(specs.address(spec, "base_url").hostname)


def _prepare(spec: Spec, recipe: Recipe, *, timeout: float, now: float) -> Run:
    name, is_demo = spec.get("credentials", ""), _is_demo(spec)
    return Run(
        base_url=spec["base_url"].rstrip("/"),
        app_name=name,
        shortcode=str(spec.get("shortcode", demo.SHORTCODE)),
        checkout=_checkout(spec, is_demo) if recipe.needs_passkey else "",
        deadline=time.monotonic() + timeout,
        timeout=timeout,
        now=now,
        app=credentials.app(name, demo_allowed=is_demo) if recipe.needs_app else None,
        passkey=credentials.secret(f"{name}_PASSKEY", demo_allowed=is_demo) if recipe.needs_passkey else "",
    )


def _checkout(spec: Spec, is_demo: bool) -> str:
    """Which old request is asked for: the agent's environment, else the spec, else the sandbox's well-known one."""
    variable = f"{spec['credentials']}_CHECKOUT"
    found = credentials.optional(variable) or spec.get("checkout_request_id", "") or (demo.PAID if is_demo else "")
    if not found:
        raise credentials.MissingSecret(f"HALI_SECRET_{variable} is not set: name one old request of your own.")
    return str(found)


def _token(run: Run, *, refused: str = "") -> str:
    """The shared token, fetched when there is none or the one in use was `refused`; raises NoToken."""
    if token := TOKENS.get(run.key, refused=refused):
        return token
    try:
        with TOKENS.fetching(run.key, timeout=run.seconds_left):
            if token := TOKENS.get(run.key, refused=refused):
                return token
            seen = _fetch_token(run)
    except NotInTime:
        error = f"none came within {run.timeout:.1f} s"
        waited = Reply(error_class="timeout_read", error=error, total_us=round(run.timeout * 1e6))
        raise NoToken(Seen(waited, read(waited))) from None
    if seen.reading.verdict is not Verdict.ACCEPTED:
        raise NoToken(seen)
    return str(seen.reading.fields["access_token"])


def _fetch_token(run: Run) -> Seen:
    """Ask for a token and share a good one."""
    assert run.app is not None
    basic = base64.b64encode(f"{run.app.key}:{run.app.secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
    reply = fetch(Request(run.base_url + TOKEN_PATH, "GET", headers, None, run.seconds_left))
    reading = _read_token(reply)
    if reading.verdict is Verdict.ACCEPTED:
        TOKENS.put(run.key, reading.fields["access_token"], int(reading.fields["expires_in"]))
    return Seen(reply, reading)


def _read_token(reply: Reply) -> Reading:
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


def _query(run: Run, *, token: str, password: str, checkout: str, stamp: str = "20200101000000") -> Seen:
    body = {
        "BusinessShortCode": run.shortcode,
        "Password": password,
        "Timestamp": stamp,
        "CheckoutRequestID": checkout,
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
    reply = fetch(Request(run.base_url + QUERY_PATH, "POST", headers, json.dumps(body).encode(), run.seconds_left))
    return Seen(reply, read(reply))
