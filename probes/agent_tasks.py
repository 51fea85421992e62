"""Celery's face of the probes at a vantage: all that an agent loads. It knows the broker and its key; no rows, no models."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from celery import current_app, shared_task
from django.conf import settings

from incidents import tracing
from probes import reference
from probes.outcome import AHEAD, OutcomeStatus, Task
from probes.reporting import Reporter
from probes.running import Runner
from probes.signed_batches import Batch, pack

log = logging.getLogger(__name__)

SEND_EVERY = 1.0  # seconds: with the publisher's second the page is told within two
SEND_AT_MOST = 400  # outcomes in one message, and so in one transaction: a batch costs as much as a hundred outcomes
_SHOWN = "(...)"  # of a message's arguments, for logs: Celery's own way takes as long as all our rest
RUN_AT_MOST = 25.0  # seconds: above the longest deadline of a probe
_UNREMARKABLE = {OutcomeStatus.OK.value, OutcomeStatus.SKIPPED.value, OutcomeStatus.ACCEPTED.value}


@shared_task(ignore_result=True, soft_time_limit=35, time_limit=40)
def run_batch(vantage: str, messages: Sequence[Mapping[str, Any]], dispatched_at: float | None = None) -> None:
    """Begin many probes, each when it is due, and send their outcomes on. Needs the broker only.

    An outcome goes on within a second of its end, with all that ended meanwhile: a probe that waits for its deadline holds
    back no other's. A pool of threads has no time limit of Celery's; this has its own.
    """
    outward_s = None if dispatched_at is None else time.time() - dispatched_at
    tasks = [Task.from_message(message) for message in messages]
    reporter = _reporter(vantage)
    if not tasks:
        _send(vantage, [], outward_s)  # a sign of life
        return
    begun = _runner().begin(tasks, lambda report: reporter.put(report, outward_s), at_most=AHEAD + 1.0)
    begun.wait(AHEAD + RUN_AT_MOST)
    reporter.wait_until_sent()


@cache
def _runner() -> Runner:
    """One for the process."""
    return Runner()


@cache
def _reporter(vantage: str) -> Reporter:
    return Reporter(partial(_send, vantage), every=SEND_EVERY, at_most=SEND_AT_MOST)


def _send(vantage: str, reports: list[dict[str, Any]], outward_s: float | None) -> None:
    """Hand outcomes in, signed by this agent's key."""
    guarded = reference.guard(reports, settings.REFERENCE_TARGETS)
    batch = Batch(vantage, guarded, time.time(), secrets.token_urlsafe(12), outward_s)
    signed = pack(batch, settings.AGENT_KEY)
    unwell = [one for one in guarded if one["status"] not in _UNREMARKABLE]
    if unwell:
        with tracing.since(f"batch-{batch.nonce}"):
            log.info("Handed in: %s.", "; ".join(f"probe {one['probe_id']} at {one['slot']}: {one['status']}" for one in unwell))
    # Nothing is declared: at the broker an agent's user may append to the queue core and do nothing else to it.
    options: dict[str, Any] = {"declare": [], "argsrepr": _SHOWN}
    current_app.send_task("probes.tasks.record_outcomes", args=(vantage, *signed), queue="core", expires=300, **options)
