"""The prober `flow`: several requests after one another, as data, so that nobody writes code for one gateway more.

A step is a request; what it extracts is a name for the steps after it. The first step that fails is the outcome; else the slowest
word of all of them, and of the time they took together. A call that is answered later ends as accepted.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from probes.gateway_callbacks import correlation_of
from probes.outcome import Accepted, Outcome, OutcomeStatus, TargetError
from probes.probers import (
    assertions,
    callback_address,
    credentials,
    flow_spec,
    http,
    http_spec,
    limits,
    never_scheduled,
    patterns,
    templates,
    tracing,
)
from probes.probers.authorization import NotAuthorized
from probes.probers.engine import Reply
from probes.probers.specs import Spec
from probes.probers.tokens import NotInTime, TokenCache

KEYS, validate = flow_spec.KEYS, flow_spec.validate
TOKENS = TokenCache()
LONGEST_VALUE = 4000  # characters of what is taken out of an answer

Verdict = tuple[OutcomeStatus, str, str]


class Ended(Exception):
    """The flow is over before its end; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.evidence)
        self.outcome = outcome


@dataclass
class Run:
    """One run: what is known by now, what it took, and the worst word so far."""

    spec: Spec
    deadline: float
    names: dict[str, str] = field(repr=False)
    took: list[tuple[str, Reply]] = field(default_factory=list)
    worst: Verdict = (OutcomeStatus.OK, "", "")

    @property
    def total_us(self) -> int:
        return sum(reply.total_us or 0 for _, reply in self.took)

    @property
    def phases(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for _, reply in self.took:
            for name, took in reply.phases.items():
                found[name] = found.get(name, 0) + took
        return found


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds for all steps, a token's fetch included."""
    run = Run(spec, time.monotonic() + timeout, _built_in(spec, now))
    try:
        reply = Reply()
        for number, step in enumerate(spec["steps"], start=1):
            reply = _step(run, step, f"step {number} ({step['name']})")
    except Ended as error:
        return error.outcome
    if "answers_later" in spec:
        return _accepted(run, reply)
    status, error_class, words = _speed(run)
    return _outcome(run, status, error_class, words)


def _built_in(spec: Spec, now: float) -> dict[str, str]:
    moment = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(spec.get("time_zone") or "UTC"))
    names = {
        "run": f"p{secrets.token_hex(8)}",
        "uuid": str(uuid.uuid4()),
        "now": str(int(now)),
        "now_iso": moment.isoformat(timespec="seconds"),
        "now_stamp": f"{moment:%Y%m%d%H%M%S}",
    }
    later = spec.get("answers_later", {})
    if "callback" in later:
        base = callback_address.base(later["callback"], is_demo=False)
        names["callback"] = f"{base}/{names['run']}/code/{later.get('code', 'ResultCode')}"
    return names


# --- One step ---------------------------------------------------------------------------------------------


def _step(run: Run, step: Mapping[str, Any], where: str) -> Reply:
    """Ask, judge, extract; raises Ended where the flow cannot go on."""
    tries = step.get("tries", 1)
    for left in range(tries - 1, -1, -1):
        reply = _ask_with_token(run, step, where)
        verdict = _judge(run, step, reply)
        if verdict[0] is not OutcomeStatus.DOWN or not left or time.monotonic() >= run.deadline:
            break
    run.took.append((step["name"], reply))
    status, error_class, words = verdict
    if status in {OutcomeStatus.DOWN, OutcomeStatus.MISCONFIGURED}:
        raise Ended(_outcome(run, status, error_class, f"{where}: {words}"))
    if status is OutcomeStatus.OK and left < tries - 1:
        status, words = OutcomeStatus.DEGRADED, f"{words}, on try {tries - left}"
    if assertions.severity(status) > assertions.severity(run.worst[0]):
        run.worst = (status, error_class, f"{where}: {words}")
    run.names |= _extract(run, step, reply, where)
    return reply


def _ask_with_token(run: Run, step: Mapping[str, Any], where: str) -> Reply:
    """Ask; a step that needs the shared token and is refused asks once more with a new one."""
    if "token" not in run.spec or "token" not in templates.names_in(
        [step.get(key) for key in ("path", "url", "headers", "body")]
    ):
        return _ask(run, step, where)
    run.names["token"] = _token(run)
    reply = _ask(run, step, where)
    if reply.status == 401 and 401 not in http_spec.expected(step):
        run.names["token"] = _token(run, refused=run.names["token"])
        reply = _ask(run, step, where)
    return reply


def _ask(run: Run, step: Mapping[str, Any], where: str) -> Reply:
    tracing.note(f"step       {where.removeprefix('step ').removeprefix('no ')}")  # what is asked from here on is asked for it
    if time.monotonic() >= run.deadline:
        raise Ended(_outcome(run, OutcomeStatus.DOWN, "deadline", f"{where}: no time was left to ask"))
    place = flow_spec.address_of(run.spec, step)
    url = templates.render(place, lambda name: quote(run.names[name], safe=""))
    never_scheduled.refuse_request(step.get("method", "GET"), url)  # whatever an answer put into it
    host = urlsplit(url).hostname

    def lookup(name: str) -> str:
        return _secret(name, host) if name.startswith(templates.SECRET) else run.names[name]

    whole = {**flow_spec.as_http(run.spec, step, place, lookup=lookup), "url": url}
    more = {name: _header(name, templates.render(value, lookup)) for name, value in flow_spec.headers_with_names(step).items()}
    wants = any("header" in one for one in step.get("extract", {}).values()) or _is_header(run.spec.get("answers_later"))
    try:
        return http.ask(whole, run.deadline, more_headers=more, wants_headers=wants)
    except NotAuthorized as error:
        raise Ended(replace(error.outcome, evidence=f"{where}: {error.outcome.evidence}")) from None


def _is_header(later: Mapping[str, Any] | None) -> bool:
    correlation = (later or {}).get("correlation")
    return isinstance(correlation, dict) and "header" in correlation


def _secret(name: str, host: str | None) -> str:
    name = name.removeprefix(templates.SECRET)
    credentials.require_host(name, host)
    return credentials.secret(name)


def _header(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise TargetError(f"headers.{name}: what was put into it has a line break or letters outside ASCII.")
    return value


def _judge(run: Run, step: Mapping[str, Any], reply: Reply) -> Verdict:
    """As the kind `http` does; but a refusal of our own making is no fault of theirs."""
    checks = flow_spec.as_http(run.spec, step, "", lookup=lambda name: run.names.get(name, "")).get("assertions", [])
    verdict = http.judge({**step, "assertions": checks}, reply)
    if verdict[1] != "status" or reply.status not in flow_spec.statuses(step, "ours_status", flow_spec.OURS):
        return verdict
    if reply.status in {401, 403}:
        if "token" in run.names and reply.status == 401:
            return OutcomeStatus.DOWN, "assertion", "it refuses a fresh token"
        return OutcomeStatus.MISCONFIGURED, "credentials", f"{reply.status}: our credentials are refused"
    return OutcomeStatus.MISCONFIGURED, "target", f"{reply.status}: our request is refused"


# --- The shared token ---------------------------------------------------------------------------------------


def _token(run: Run, *, refused: str = "") -> str:
    """The token that all probes with this call of this agent share, fetched where there is none or it was `refused`."""
    call = run.spec["token"]
    key = (run.spec["base_url"], json.dumps(call, sort_keys=True))
    if token := TOKENS.get(key, refused=refused):
        credentials.remember(token)
        return token
    try:
        with TOKENS.fetching(key, timeout=max(0.001, run.deadline - time.monotonic())):
            token = TOKENS.get(key, refused=refused) or _fetch_token(run, call, key)
    except NotInTime:
        raise Ended(_outcome(run, OutcomeStatus.DOWN, "timeout_read", "no token: none came in time")) from None
    credentials.remember(token)
    return token


def _fetch_token(run: Run, call: Mapping[str, Any], key: tuple[str, str]) -> str:
    reply = _ask(run, call, "no token")
    status, error_class, words = http.judge(call, reply)
    if status is OutcomeStatus.DOWN and error_class == "status" and reply.status in flow_spec.OURS:
        status, error_class, words = OutcomeStatus.MISCONFIGURED, "credentials", f"{reply.status}: our credentials are refused"
    if status in {OutcomeStatus.DOWN, OutcomeStatus.MISCONFIGURED}:
        failed = Outcome(status, error_class, f"no token: {words}", reply.status, reply.total_us, reply.phases)
        raise Ended(failed)
    found = _extract(run, call, reply, "no token")
    seconds = found.get("expires_s", "")
    lives_s = int(seconds) if seconds.isascii() and seconds.isdecimal() and len(seconds) < 7 else int(call.get("lives_s", 300))
    TOKENS.put(key, found["token"], max(1, lives_s))
    return found["token"]


# --- What is taken out ----------------------------------------------------------------------------------------


def _extract(run: Run, step: Mapping[str, Any], reply: Reply, where: str) -> dict[str, str]:
    """The step's names with what they are now; raises Ended where one is missing."""
    found: dict[str, str] = {}
    for name, place in step.get("extract", {}).items():
        value = _value_at(place, reply)
        if value is None and name == "expires_s":
            continue
        if value is None:
            raise Ended(_outcome(run, OutcomeStatus.DOWN, "assertion", f"{where}: the answer has no {name}"))
        credentials.remember(value)  # it may be a token, or a number of a person: no words hold it
        found[name] = value
    return found


def _value_at(place: Mapping[str, str], reply: Reply) -> assertions.Extracted | None:
    """One text, number, true or false; None where there is none."""
    value: Any = None
    if "json" in place:
        value = next(iter(assertions.value_at(place["json"], reply.body)), None)
    elif "header" in place:
        value = next(iter(reply.headers.get(place["header"].lower(), ())), None)
    else:
        value = patterns.group_in(place["regex"], reply.body.decode("utf-8", "replace"))
    if not isinstance(value, (str, int, float)) or not str(value) or len(str(value)) > LONGEST_VALUE:
        return None
    return assertions.Extracted(value)


# --- The outcome ------------------------------------------------------------------------------------------------


def _speed(run: Run) -> Verdict:
    """The worst of what the steps said and of the time they took together."""
    steps = ", ".join(f"{name} {(reply.total_us or 0) // 1000}" for name, reply in run.took)
    status, error_class, words = limits.judge(run.spec, run.total_us, f"{len(run.took)} steps ({steps} ms)")
    if assertions.severity(status) > assertions.severity(run.worst[0]) or run.worst[0] is OutcomeStatus.OK:
        return status, error_class, words
    return run.worst


def _accepted(run: Run, reply: Reply) -> Outcome:
    """The last step was accepted; its answer will name the correlation."""
    later = run.spec["answers_later"]
    correlation = later.get("correlation", "{{run}}")
    if isinstance(correlation, str):
        named: str | None = templates.render(correlation, lambda name: run.names[name])
    else:
        named = _value_at(correlation, reply)
    if named is None:
        return _outcome(run, OutcomeStatus.DOWN, "assertion", "accepted, but without what a later answer would name")
    status, error_class, words = _speed(run)
    if status is OutcomeStatus.DOWN:
        return _outcome(run, status, error_class, words)
    accepted = Accepted(
        correlation_of(named),
        float(later.get("late_s", flow_spec.LATE_S)),
        float(later.get("lost_s", flow_spec.LOST_S)),
        slow=status is not OutcomeStatus.OK,
        codes=flow_spec.codes_of(later),
    )
    return replace(_outcome(run, OutcomeStatus.ACCEPTED, "", f"flow: accepted, {words}"), accepted=accepted)


def _outcome(run: Run, status: OutcomeStatus, error_class: str, words: str) -> Outcome:
    last = run.took[-1][1] if run.took else Reply()
    return Outcome(status, error_class, words, last.status, run.total_us if run.took else None, run.phases)
