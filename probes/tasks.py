"""Celery's face of the probes: each task fetches, calls one operation, returns. An agent runs run_batch and needs no database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from functools import cache, partial
from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from django.utils import timezone

from probes import late_answers, recording, reference, retention, rollups, scheduling
from probes.outcome import Outcome, OutcomeStatus, Task
from probes.probers import run
from probes.reporting import Reporter

IN_FLIGHT = 200  # at most; where targets answer, few are
SEND_EVERY = 0.5  # seconds
SEND_AT_MOST = 100  # outcomes in one message, and so in one transaction
RUN_AT_MOST = 25.0  # seconds: above the longest deadline of a probe


@shared_task(ignore_result=True)
def dispatch_due() -> None:
    """Each second: claim the due schedules and send each vantage its batch, on one pipelined connection."""
    now = int(time.time())
    batches = scheduling.into_batches(scheduling.claim_due(now=now + scheduling.AHEAD))
    if now % 10 == 0:
        batches += [scheduling.Batch(vantage.name, vantage.queue, (), 10.0) for vantage in scheduling.silent_vantages(since=15)]
    if not batches:
        return
    with current_app.producer_or_acquire() as producer:
        for batch in batches:
            run_batch.apply_async(
                args=(batch.vantage, [task.as_message() for task in batch.tasks]),
                queue=batch.queue,
                expires=batch.expires_in,
                producer=producer,
            )


@shared_task(ignore_result=True, soft_time_limit=35, time_limit=40)
def run_batch(vantage: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Begin up to 25 probes, each when it is due, and send their outcomes on. Needs the broker only.

    An outcome goes on within half a second of its end, with all that ended meanwhile: a probe that waits for its deadline holds
    back no other's. A pool of threads has no time limit of Celery's; this has its own.
    """
    tasks = sorted((Task.from_message(message) for message in messages), key=lambda task: task.due_at)
    reporter = _reporter(vantage)
    if not tasks:
        _send(vantage, [])  # a sign of life
        return
    ends = time.monotonic() + scheduling.AHEAD + RUN_AT_MOST
    runs = []
    for task in tasks:
        # An agent's clock may be wrong: never longer than the tick was ahead.
        time.sleep(min(max(0.0, task.due_at - time.time()), scheduling.AHEAD + 1.0))
        runs.append(_pool().submit(_run_and_report, task, reporter))
    wait(runs, timeout=max(0.0, ends - time.monotonic()))
    reporter.wait_until_sent()


@cache
def _pool() -> ThreadPoolExecutor:
    """One for the process: threads are made as they are needed and then kept."""
    return ThreadPoolExecutor(max_workers=IN_FLIGHT, thread_name_prefix="probe")


@cache
def _reporter(vantage: str) -> Reporter:
    return Reporter(partial(_send, vantage), every=SEND_EVERY, at_most=SEND_AT_MOST)


def _run_and_report(task: Task, reporter: Reporter) -> None:
    reporter.put(_run_one(task))


def _send(vantage: str, reports: list[dict[str, Any]]) -> None:
    guarded = reference.guard(reports, settings.REFERENCE_TARGETS)
    record_outcomes.apply_async(args=(vantage, guarded), queue="core", expires=300)


def _run_one(task: Task) -> dict[str, Any]:
    started = time.time()
    late = started - task.due_at
    outcome = Outcome(OutcomeStatus.SKIPPED, error_class=recording.LATE) if late > max(0.5 * task.interval, 2) else run(task)
    return {
        "probe_id": task.probe_id,
        "slot": task.slot,
        "attempt": task.attempt,
        "status": outcome.status.value,
        "error_class": outcome.error_class,
        "evidence": outcome.evidence,
        "http_status": outcome.http_status,
        "total_us": outcome.total_us,
        "phases": dict(outcome.phases),
        "started_at": started,
        "lateness_ms": round(late * 1000),
        "accepted": None if outcome.accepted is None else asdict(outcome.accepted),
    }


@shared_task(ignore_result=True, soft_time_limit=20, time_limit=30, acks_late=True)
def record_outcomes(vantage: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Take a batch of outcomes into the database."""
    reports = [recording.Report.from_message(message) for message in messages]
    recording.record(vantage_name=vantage, reports=reports, now=timezone.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=290)
def roll_up() -> None:
    """Every five minutes: count what came into hours and days, then let go of what is old."""
    now = timezone.now()
    rollups.roll(now=int(now.timestamp()))
    retention.prune(now=int(now.timestamp()))
    late_answers.prune(now=now)
