"""The prober `payment_flow`: recipes that ask a payment gateway what a merchant's server asks. None of them moves money."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

from probes.outcome import Accepted, Outcome, OutcomeStatus, TargetError
from probes.probers import callback_address, credentials, never_scheduled, specs
from probes.probers.gateway_answers import Reading, Verdict
from probes.probers.gateway_calls import NoToken, Run, Seen, fetch_token, post, query, with_token
from probes.probers.specs import Spec
from probes.sandbox import demo

KEYS = ("base_url", "recipe", "credentials", "shortcode", "checkout_request_id", "degraded_ms", "late_s", "lost_s")
QR_PATH = "/mpesa/qrcode/v1/generate"
STATUS_PATH = "/mpesa/transactionstatus/v1/query"
BALANCE_PATH = "/mpesa/accountbalance/v1/query"
SIMULATE_PATH = "/mpesa/c2b/v2/simulate"
LATE_S, LOST_S, LONGEST_S = 30.0, 180.0, 1800.0
ASKED_AT_MOST = 3  # when the gateway is busy: it refuses before it begins, so asking again does no harm
PNG = b"\x89PNG\r\n\x1a\n"
GATEWAY_ZONE = timezone(timedelta(hours=3))  # its timestamps are East Africa Time
SHORTCODE = re.compile(r"\d{5,12}", re.ASCII)
ENDS_WITH_NUMBER = re.compile(r"\d{9}$", re.ASCII)


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change. Whether the agent has the secrets shows when it runs."""
    specs.only_keys(spec, KEYS)
    parts = specs.address(spec, "base_url")
    if parts.query or parts.fragment:
        raise TargetError("base_url: give the address without ?… and #…; the recipe adds its own path.")
    if parts.scheme == "http" and not specs.is_loopback(parts.hostname):
        raise TargetError("base_url: give https://; http:// is for this machine only, since credentials travel in it.")
    recipe = spec.get("recipe")
    never_scheduled.refuse_recipe(recipe)
    if isinstance(recipe, str) and recipe in ELSEWHERE:
        raise TargetError(f"recipe: {recipe} is a kind of its own: set kind to {ELSEWHERE[recipe]}.")
    if not isinstance(recipe, str) or recipe not in RECIPES:
        raise TargetError(f"recipe: give one of {', '.join(RECIPES)}.")
    if RECIPES[recipe].needs_app or "credentials" in spec:
        specs.secret_name(spec.get("credentials"), "credentials")
    specs.milliseconds(spec, "degraded_ms")
    shortcode = str(spec.get("shortcode", demo.SHORTCODE))
    if not SHORTCODE.fullmatch(shortcode):
        raise TargetError("shortcode: give 5 to 12 digits.")
    if RECIPES[recipe].needs_shortcode and "shortcode" not in spec and not _is_demo(spec):
        raise TargetError("shortcode is missing: add the business short code whose request is asked for.")
    if RECIPES[recipe].sandbox_only and not _is_sandbox(parts.hostname or ""):
        raise TargetError(
            f"recipe: {recipe} pays, so it is for a sandbox: a host on this machine, or one that begins with sandbox."
        )
    _limits(spec, RECIPES[recipe])
    checkout = specs.text(spec, "checkout_request_id", at_most=100)
    if ENDS_WITH_NUMBER.search(checkout):
        raise TargetError(
            "checkout_request_id: it ends with the payer's number, so it stays out of the spec; "
            "put it into HALI_SECRET_<credentials>_CHECKOUT of the agent."
        )


# The rest of the ten questions worth asking: nobody asks the first two, they are pushed to us; the third is no gateway's.
ELSEWHERE = {"heartbeat": "heartbeat", "txn-metrics": "metric", "http": "http"}


def _limits(spec: Spec, recipe: Recipe) -> tuple[float, float]:
    """After how many seconds an answer is late, and after how many it is lost."""
    late_s, lost_s = (specs.seconds(spec, key, default, LONGEST_S) for key, default in (("late_s", LATE_S), ("lost_s", LOST_S)))
    if not recipe.answers_later and ("late_s" in spec or "lost_s" in spec):
        raise TargetError("late_s, lost_s: are for recipes whose answer comes later; take them out.")
    if late_s >= lost_s:
        raise TargetError("late_s is not below lost_s: an answer is late before it is lost.")
    return late_s, lost_s


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all, token included; `now` is epoch seconds."""
    recipe = RECIPES[spec["recipe"]]
    run = _prepare(spec, recipe, timeout=timeout, now=now)
    try:
        seen = recipe.ask(run)
    except NoToken as error:
        return _outcome(error.seen, recipe, spec, correlation="", before="no token: ")
    return _outcome(seen, recipe, spec, correlation=run.correlation)


# --- Recipes ------------------------------------------------------------------------------------


def ask_oauth(run: Run) -> Seen:
    """A token for our own app; it replaces the one in use. A fault is asked once more: fine then is degraded, not down."""
    seen = fetch_token(run)
    if _STATUSES[seen.reading.verdict] is OutcomeStatus.DOWN and time.monotonic() < run.deadline:
        again = fetch_token(run)
        if again.reading.verdict is Verdict.ACCEPTED:
            return Seen(again.reply, again.reading, retried=True)
    return seen


def ask_gateway(run: Run) -> Seen:
    """An STK query with a token nobody has: a healthy gateway refuses it in its own words."""
    seen = query(run, token="invalid", password="none", checkout="ws_CO_NONE")  # noqa: S106  meant to be refused
    verdict = seen.reading.verdict
    if verdict is Verdict.TOKEN:
        return Seen(seen.reply, Reading(Verdict.ACCEPTED, "refuses an invalid token, as it should"))
    if verdict in {Verdict.ACCEPTED, Verdict.PENDING}:
        return Seen(seen.reply, Reading(Verdict.ASSERTION, "it accepted a token that nobody has"))
    return seen


def ask_stk_query(run: Run) -> Seen:
    """The state of one old request of our own. Busy, it is asked again: fine then is degraded, not down."""

    def ask(token: str) -> Seen:
        stamp = f"{datetime.fromtimestamp(run.now, UTC).astimezone(GATEWAY_ZONE):%Y%m%d%H%M%S}"
        password = base64.b64encode(f"{run.shortcode}{run.passkey}{stamp}".encode()).decode()
        return query(run, token=token, password=password, checkout=run.checkout, stamp=stamp)

    seen = with_token(run, ask)
    for _ in range(ASKED_AT_MOST - 1):
        if seen.reading.verdict not in {Verdict.BUSY, Verdict.INTERNAL} or time.monotonic() >= run.deadline:
            break
        seen = replace(with_token(run, ask), retried=True)
    return seen


def ask_qr(run: Run) -> Seen:
    """A QR code for one shilling to ourselves: nobody has to scan it."""
    fields = {"MerchantName": "Probe", "RefNo": "probe", "Amount": 1, "TrxCode": "PB", "CPI": run.shortcode, "Size": "300"}
    seen = with_token(run, lambda token: post(run, QR_PATH, token, fields))
    if seen.reading.verdict is Verdict.ACCEPTED and not _is_picture(seen.reading.fields.get("QRCode")):
        return Seen(seen.reply, Reading(Verdict.ASSERTION, "200, but the code is not a picture"))
    return seen


def _is_picture(value: object) -> bool:
    try:
        return base64.b64decode(str(value), validate=True).startswith(PNG)
    except (binascii.Error, ValueError):
        return False


def ask_status(run: Run) -> Seen:
    """The state of one old payment of our own; the answer comes to our callback address."""
    return _ask_later(run, STATUS_PATH, {"CommandID": "TransactionStatusQuery", "TransactionID": run.secret("RECEIPT")})


def ask_balance(run: Run) -> Seen:
    """Our own balance; how long the answer takes is all that is kept of it."""
    return _ask_later(run, BALANCE_PATH, {"CommandID": "AccountBalance"})


def _ask_later(run: Run, path: str, more: Mapping[str, str]) -> Seen:
    base = callback_address.base(run.app_name, is_demo=run.is_demo)
    fields = {
        "Initiator": run.secret("INITIATOR"),
        "SecurityCredential": run.secret("CREDENTIAL"),
        "PartyA": run.shortcode,
        "IdentifierType": "4",
        "ResultURL": f"{base}/{run.correlation}",
        "QueueTimeOutURL": f"{base}/{run.correlation}/timeout",
        "Remarks": "probe",
        "Occasion": "",
        **more,
    }
    return with_token(run, lambda token: post(run, path, token, fields))


def ask_c2b(run: Run) -> Seen:
    """A customer of the sandbox pays one shilling; the confirmation names our correlation as its account."""
    fields = {
        "ShortCode": run.shortcode,
        "CommandID": "CustomerPayBillOnline",
        "Amount": 1,
        "Msisdn": demo.PAYER,
        "BillRefNumber": run.correlation,
    }
    return with_token(run, lambda token: post(run, SIMULATE_PATH, token, fields))


@dataclass(frozen=True)
class Recipe:
    """How to ask, from when on an acknowledgement is slow, and what it needs. `answers_later`: the acknowledgement is not the
    outcome."""

    ask: Callable[[Run], Seen]
    degraded_ms: int
    needs_app: bool = True
    needs_passkey: bool = False
    needs_shortcode: bool = False
    answers_later: bool = False
    sandbox_only: bool = False


RECIPES: Mapping[str, Recipe] = {
    "oauth": Recipe(ask_oauth, degraded_ms=2000),
    "gateway": Recipe(ask_gateway, degraded_ms=2000, needs_app=False),
    "stk-query": Recipe(ask_stk_query, degraded_ms=3000, needs_passkey=True, needs_shortcode=True),
    "qr": Recipe(ask_qr, degraded_ms=5000, needs_shortcode=True),
    "status-rt": Recipe(ask_status, degraded_ms=3000, needs_shortcode=True, answers_later=True),
    "balance-rt": Recipe(ask_balance, degraded_ms=3000, needs_shortcode=True, answers_later=True),
    "c2b-sim": Recipe(ask_c2b, degraded_ms=3000, needs_shortcode=True, answers_later=True, sandbox_only=True),
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


def _outcome(seen: Seen, recipe: Recipe, spec: Spec, *, correlation: str, before: str = "") -> Outcome:
    reply, reading = seen.reply, seen.reading
    status, words = _STATUSES[reading.verdict], f"{spec['recipe']}: {before}{reading.words}"
    if recipe.answers_later and reading.verdict in {Verdict.ALIVE, Verdict.PENDING}:
        status = OutcomeStatus.MISCONFIGURED  # it lives, but nothing is under way that could be answered
        return Outcome(status, "target", words, reply.status, reply.total_us, reply.phases)
    if status is OutcomeStatus.OK:
        took_ms, limit_ms = (reply.total_us or 0) // 1000, spec.get("degraded_ms") or recipe.degraded_ms
        if recipe.answers_later:
            accepted = Accepted(correlation, *_limits(spec, recipe), slow=took_ms > limit_ms)
            words = f"{spec['recipe']}: accepted in {took_ms} ms"
            return Outcome(OutcomeStatus.ACCEPTED, "", words, reply.status, reply.total_us, reply.phases, accepted)
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


def _is_sandbox(host: str) -> bool:
    return specs.is_loopback(host) or host.lower().startswith("sandbox.")


def _prepare(spec: Spec, recipe: Recipe, *, timeout: float, now: float) -> Run:
    name, is_demo = spec.get("credentials", ""), _is_demo(spec)
    if recipe.needs_app:
        credentials.require_host(name, specs.address(spec, "base_url").hostname)
    return Run(
        base_url=spec["base_url"].rstrip("/"),
        app_name=name,
        shortcode=str(spec.get("shortcode", demo.SHORTCODE)),
        checkout=_checkout(spec, is_demo) if recipe.needs_passkey else "",
        deadline=time.monotonic() + timeout,
        timeout=timeout,
        now=now,
        is_demo=is_demo,
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
