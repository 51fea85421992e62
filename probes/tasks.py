"""Celery's face of the probes: each task fetches, calls one operation, returns. An agent runs run_batch and needs no database."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from django.utils import timezone

from probes import late_answers, recording, reference, scheduling, sparing, vantages
from probes.outcome import Outcome, OutcomeStatus, Task
from probes.probers import run
from probes.signed_batches import Batch, pack

IN_FLIGHT = 25
SEND_EVERY = 1.0  # seconds
RUN_AT_MOST = 25.0  # seconds: above the longest deadline of a probe
KEEP_RAW_RESULTS = timedelta(hours=48)
_under_way: set[int] = set()  # probes that this agent is running
_guard = threading.Lock()


@shared_task(ignore_result=True)
def dispatch_due() -> None:
    """Each second: claim the due schedules and send each vantage its batch, on one pipelined connection; then write down what
    was left out on purpose."""
    now = int(time.time())
    chosen, spared = sparing.choose(scheduling.claim_due(now=now), now=now)
    batches = scheduling.into_batches(chosen) + scheduling.into_batches(scheduling.claim_asked(now=now), attempt=1)
    if now % 10 == 0:
        batches += [scheduling.Batch(vantage.name, vantage.queue, (), 10.0) for vantage in scheduling.silent_vantages(since=15)]
    if batches:
        _send_out(batches)
    sparing.write_down(spared, now=timezone.now())


def _send_out(batches: Sequence[scheduling.Batch]) -> None:
    with current_app.producer_or_acquire() as producer:
        for batch in batches:
            run_batch.apply_async(
                args=(batch.vantage, [task.as_message() for task in batch.tasks]),
                kwargs={"dispatched_at": time.time()},
                queue=batch.queue,
                expires=batch.expires_in,
                producer=producer,
            )


@shared_task(ignore_result=True, soft_time_limit=25, time_limit=30)
def run_batch(vantage: str, messages: Sequence[Mapping[str, Any]], dispatched_at: float | None = None) -> None:
    """Run up to 25 probes side by side and send their outcomes on. Needs the broker only.

    One message, unless some are slow: what is there goes out each second, so that a probe that waits for its deadline holds back
    no other's outcome. A pool of threads has no time limit of Celery's; this loop has its own.
    """
    outward_s = None if dispatched_at is None else time.time() - dispatched_at
    tasks = [Task.from_message(message) for message in messages]
    if not tasks:
        _send(vantage, [], outward_s)  # a sign of life
        return
    pool = ThreadPoolExecutor(max_workers=min(IN_FLIGHT, len(tasks)))
    runs = [pool.submit(_run_one, task) for task in tasks]
    pending, ends = set(runs), time.monotonic() + RUN_AT_MOST
    while pending and time.monotonic() < ends:
        done, pending = wait(pending, timeout=SEND_EVERY)
        if done:
            _send(vantage, [run.result() for run in sorted(done, key=runs.index)], outward_s)
    pool.shutdown(wait=False, cancel_futures=True)


def _send(vantage: str, reports: list[dict[str, Any]], outward_s: float | None) -> None:
    """Hand outcomes in, signed by this agent's key."""
    guarded = reference.guard(reports, settings.REFERENCE_TARGETS)
    batch = Batch(vantage, guarded, time.time(), secrets.token_urlsafe(12), outward_s)
    signed = pack(batch, settings.AGENT_KEY)
    # Nothing is declared: at the broker an agent's user may append to the queue core and do nothing else to it.
    options: dict[str, Any] = {"declare": []}
    record_outcomes.apply_async(args=(vantage, *signed), queue="core", expires=300, **options)


def _run_one(task: Task) -> dict[str, Any]:
    started = time.time()
    late = started - task.slot
    if task.attempt == 0 and late > max(0.5 * task.interval, 2):
        outcome = Outcome(OutcomeStatus.SKIPPED, recording.LATE, f"not asked: its turn came {late:.1f} s late")
    else:
        outcome = _run_alone(task)
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


def _run_alone(task: Task) -> Outcome:
    """Deadlines end below the interval, but a run that began late may last beyond the next one's slot."""
    with _guard:
        if task.probe_id in _under_way:
            return Outcome(OutcomeStatus.SKIPPED, recording.OVERLAP, "not asked: its last run is still under way")
        _under_way.add(task.probe_id)
    try:
        return run(task)
    finally:
        _under_way.discard(task.probe_id)


@shared_task(ignore_result=True, soft_time_limit=20, time_limit=30, acks_late=True)
def record_outcomes(vantage: str, payload: str, signature: str = "") -> None:
    """Take a signed batch of outcomes into the database."""
    vantages.take_batch(name=vantage, payload=str(payload), signature=signature, now=timezone.now())


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def prune_results() -> None:
    """Each hour: drop raw results older than 48 hours, a bounded number a time."""
    recording.prune_results(older_than=timezone.now() - KEEP_RAW_RESULTS)
    late_answers.prune(now=timezone.now())
    vantages.prune_batches(now=timezone.now())
