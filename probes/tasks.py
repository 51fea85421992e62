"""Celery's face of the probes: each task fetches, calls one operation, returns. An agent runs run_batch and needs no database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from django.utils import timezone

from probes import late_answers, recording, reference, retention, rollups, scheduling
from probes.outcome import Outcome, OutcomeStatus, Task
from probes.probers import run

IN_FLIGHT = 25
SEND_EVERY = 1.0  # seconds
RUN_AT_MOST = 25.0  # seconds: above the longest deadline of a probe


@shared_task(ignore_result=True)
def dispatch_due() -> None:
    """Each second: claim the due schedules and send each vantage its batch, on one pipelined connection."""
    now = int(time.time())
    batches = scheduling.into_batches(scheduling.claim_due(now=now))
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


@shared_task(ignore_result=True, soft_time_limit=25, time_limit=30)
def run_batch(vantage: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Run up to 25 probes side by side and send their outcomes on. Needs the broker only.

    One message, unless some are slow: what is there goes out each second, so that a probe that waits for its deadline holds back
    no other's outcome. A pool of threads has no time limit of Celery's; this loop has its own.
    """
    tasks = [Task.from_message(message) for message in messages]
    if not tasks:
        _send(vantage, [])  # a sign of life
        return
    pool = ThreadPoolExecutor(max_workers=min(IN_FLIGHT, len(tasks)))
    runs = [pool.submit(_run_one, task) for task in tasks]
    pending, ends = set(runs), time.monotonic() + RUN_AT_MOST
    while pending and time.monotonic() < ends:
        done, pending = wait(pending, timeout=SEND_EVERY)
        if done:
            _send(vantage, [run.result() for run in sorted(done, key=runs.index)])
    pool.shutdown(wait=False, cancel_futures=True)


def _send(vantage: str, reports: list[dict[str, Any]]) -> None:
    guarded = reference.guard(reports, settings.REFERENCE_TARGETS)
    record_outcomes.apply_async(args=(vantage, guarded), queue="core", expires=300)


def _run_one(task: Task) -> dict[str, Any]:
    started = time.time()
    late = started - task.slot
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
