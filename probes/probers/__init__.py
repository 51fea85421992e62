"""Probers, one file per kind and one map to find them. A prober only answers how it went; a bad target is an outcome too."""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from probes.outcome import Outcome, OutcomeStatus, TargetError, Task
from probes.probers import credentials, heartbeat, metric, never_scheduled, passive, secret_names, specs, ussd_lab
from probes.probers.credentials import MissingSecret, NotSet

if TYPE_CHECKING:
    from probes.probers.engine import Reply, Request

logger = logging.getLogger(__name__)

EVIDENCE_LIMIT = 300
LONG_NUMBER = re.compile(r"\d{9,}")  # could be a person's
KNOWN_AT_MOST = 20_000  # probes of one agent whose specs are remembered


T = TypeVar("T")


class ProbeOnce(Protocol):
    def __call__(self, spec: Mapping[str, Any], /, *, timeout: float, now: float) -> Outcome: ...


class RequestOf(Protocol):
    def __call__(self, spec: Mapping[str, Any], /, *, timeout: float) -> Request | None: ...


@dataclass(frozen=True)
class Prober:
    """One kind of probe: what its spec may say, and one run of it (`timeout` seconds in all, `now` in epoch seconds).

    A kind with `judge` is passive: nobody asks, it is pushed to us, and `judge` turns a push's body into an outcome or raises
    passive.BodyError. `is_beat`: there a push that does not come is an outcome too. A kind with `request_of` and `conclude` has
    runs that are one HTTP request, which an agent can have many of on their way.
    """

    validate: Callable[[Mapping[str, Any]], None]
    probe: ProbeOnce
    judge: Callable[[Mapping[str, Any], Mapping[str, Any]], Outcome] | None = None
    is_beat: bool = False
    request_of: RequestOf | None = None
    conclude: Callable[[Mapping[str, Any], Reply], Outcome] | None = None


def _when_needed(kind: str, *, may_be_one_request: bool = False) -> Prober:
    """The kind's module, loaded for its first probe: only agents ask, and the clients that they ask with (libcurl, databases' and
    name servers') weigh 25 MB in each process."""

    @cache
    def module() -> Any:
        return import_module(f"probes.probers.{kind}")

    def validate_spec(spec: Mapping[str, Any]) -> None:
        module().validate(spec)

    def probe(spec: Mapping[str, Any], /, *, timeout: float, now: float) -> Outcome:
        outcome: Outcome = module().probe(spec, timeout=timeout, now=now)
        return outcome

    def request_of(spec: Mapping[str, Any], /, *, timeout: float) -> Request | None:
        request: Request | None = module().request_of(spec, timeout=timeout)
        return request

    def conclude(spec: Mapping[str, Any], reply: Reply) -> Outcome:
        outcome: Outcome = module().conclude(spec, reply)
        return outcome

    if may_be_one_request:
        return Prober(validate_spec, probe, request_of=request_of, conclude=conclude)
    return Prober(validate_spec, probe)


PROBERS: Mapping[str, Prober] = {
    "http": _when_needed("http", may_be_one_request=True),
    "payment_flow": _when_needed("payment_flow"),
    "tcp": _when_needed("tcp"),
    "tls": _when_needed("tls"),
    "dns": _when_needed("dns"),
    "icmp": _when_needed("icmp"),
    "smtp": _when_needed("smtp"),
    "sql": _when_needed("sql"),
    "queue": _when_needed("queue"),
    "flow": _when_needed("flow"),
    "heartbeat": Prober(heartbeat.validate, passive.probe, heartbeat.judge, is_beat=True),
    "ussd_lab": Prober(ussd_lab.validate, passive.probe, ussd_lab.judge, is_beat=True),
    "metric": Prober(metric.validate, passive.probe, metric.judge),
}
PASSIVE = tuple(kind for kind, prober in PROBERS.items() if prober.judge)
BEATS = tuple(kind for kind, prober in PROBERS.items() if prober.is_beat)
COUNTED = "metric"  # the core's own counts of payments


def validate(kind: str, spec: Mapping[str, Any]) -> None:
    """Raises TargetError, whose message says what to change, when a probe of this kind cannot be run."""
    if kind not in PROBERS:
        raise TargetError(f"kind {str(kind)[:40]!r} is not known: use {', '.join(PROBERS)}.")
    if not isinstance(spec, dict):
        raise TargetError("spec: give a JSON object.")
    with specs.part():
        never_scheduled.refuse_calls(spec)
        if isinstance(spec.get("url"), str):
            never_scheduled.refuse_request(str(spec.get("method", "GET")).upper(), spec["url"])
    PROBERS[kind].validate(spec)


def problems(kind: str, spec: Mapping[str, Any]) -> list[str]:
    """What `validate` would raise, and what it would raise after that: a line for each key, assertion and step that is wrong."""
    with specs.all_told() as told:
        try:
            with specs.part():
                validate(kind, spec)
        except (AttributeError, KeyError, TypeError, ValueError):
            if not told:  # else it stumbled over what has been told
                raise
    return told


def run(task: Task, *, now: float | None = None) -> Outcome:
    """Run a task once and say how it went. Never raises: what we got wrong ourselves is `misconfigured` and has no vote."""
    with credentials.watched():
        return _presentable(_run(task, time.time() if now is None else now))


_good: dict[int, tuple[str, Mapping[str, Any]]] = {}  # by probe, the kind and spec that were good


def _require_valid(task: Task) -> None:
    """Raises TargetError. A spec that was good once is good in every later run: looking again takes as long as all our rest."""
    if _good.get(task.probe_id) == (task.kind, task.spec):
        return
    validate(task.kind, task.spec)
    if len(_good) >= KNOWN_AT_MOST:
        _good.clear()
    _good[task.probe_id] = task.kind, task.spec


def _run(task: Task, now: float) -> Outcome:
    def probe() -> Outcome:
        _require_valid(task)
        return PROBERS[task.kind].probe(task.spec, timeout=task.timeout, now=now)

    return _guarded(task, probe)


class OneRequest(NamedTuple):
    """A run that is one HTTP request: whoever sends it gives the reply to `conclude`, once."""

    task: Task
    request: Request
    context: Context | None  # what the run used of secrets, until its words are written; None where it used none

    def conclude(self, reply: Reply) -> Outcome:
        """As `run`: never raises."""
        return self._conclude(reply) if self.context is None else self.context.run(self._conclude, reply)

    def _conclude(self, reply: Reply) -> Outcome:
        conclude = PROBERS[self.task.kind].conclude
        assert conclude is not None
        return _presentable(_guarded(self.task, lambda: conclude(self.task.spec, reply)))


# By probe, what its request was made of, and the request: usual ones, which hold no secret and name no file.
_usual: dict[int, tuple[str, Mapping[str, Any], float, Request]] = {}


def prepare(task: Task) -> OneRequest | Outcome | None:
    """The task as a request to be sent now; an outcome where it cannot be asked; None where it takes more: `run` it."""
    usual = _usual.get(task.probe_id)
    if usual is not None and usual[:3] == (task.kind, task.spec, task.timeout):
        return OneRequest(task, usual[3], None)
    request_of = PROBERS[task.kind].request_of if task.kind in PROBERS else None
    if request_of is None:
        return None
    context = Context()
    found = context.run(_prepared, task, request_of)
    return OneRequest(task, found, context) if found is not None and not isinstance(found, Outcome) else found


def _prepared(task: Task, request_of: RequestOf) -> Request | Outcome | None:
    def request() -> Request | None:
        _require_valid(task)
        return request_of(task.spec, timeout=task.timeout)

    credentials.watch()
    found = _guarded(task, request)
    if isinstance(found, Outcome):
        return _presentable(found)
    if found is not None and found.shape is not None:
        if len(_usual) >= KNOWN_AT_MOST:
            _usual.clear()
        _usual[task.probe_id] = task.kind, task.spec, task.timeout, found
    return found


def _guarded(task: Task, act: Callable[[], T]) -> T | Outcome:
    try:
        return act()
    except NotSet as error:
        others = credentials.lacking(secret_names.variables(task.kind, task.spec))
        missing = [error.variable, *(one for one in others if one != error.variable)]
        return Outcome(OutcomeStatus.MISCONFIGURED, "credentials", credentials.not_set(missing))
    except MissingSecret as error:
        return Outcome(OutcomeStatus.MISCONFIGURED, "credentials", str(error))
    except TargetError as error:
        return Outcome(OutcomeStatus.MISCONFIGURED, "target", str(error))
    except Exception as error:  # noqa: BLE001  one broken prober must not take 24 others with it
        # Only the places in the code: an error's own words may hold what it stumbled over, a secret among it.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Probe %s: %s in its prober\n%s", task.code, type(error).__name__, places)
        return Outcome(OutcomeStatus.MISCONFIGURED, "target", f"the prober itself failed: {type(error).__name__}")


def _presentable(outcome: Outcome) -> Outcome:
    """One line, short enough for its column, without the run's secrets and without long numbers."""
    words = LONG_NUMBER.sub("[number]", credentials.without_secrets(" ".join(outcome.evidence.split())))[:EVIDENCE_LIMIT]
    return outcome if words == outcome.evidence else replace(outcome, evidence=words)
