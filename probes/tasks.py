"""Celery's face of the probes where the database is: each task fetches, calls one operation, returns. What an agent runs is in
probes.agent_tasks, which no process here has to load."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from celery import current_app, shared_task
from django.utils import timezone

from probes import late_answers, retention, rollups, scheduling, sparing, vantages
from probes.outcome import AHEAD

_SHOWN = "(...)"  # of a message's arguments, for logs: Celery's own way takes as long as all our rest


@shared_task(ignore_result=True)
def dispatch_due() -> None:
    """Each second: claim the due schedules and send each vantage its batch, on one pipelined connection; then write down what
    was left out on purpose."""
    now = int(time.time())
    soon = now + AHEAD
    chosen, spared = sparing.choose(scheduling.claim_due(now=soon), now=soon)
    batches = scheduling.into_batches(chosen) + scheduling.into_batches(scheduling.claim_asked(now=now), attempt=1)
    if now % 10 == 0:
        batches += [scheduling.Batch(vantage.name, vantage.queue, (), 10.0) for vantage in scheduling.silent_vantages(since=15)]
    if batches:
        _send_out(batches)
    sparing.write_down(spared, now=timezone.now())


def _send_out(batches: Sequence[scheduling.Batch]) -> None:
    options: dict[str, Any] = {"argsrepr": _SHOWN}
    with current_app.producer_or_acquire() as producer:
        for batch in batches:
            current_app.send_task(
                "probes.agent_tasks.run_batch",
                args=(batch.vantage, [task.as_message() for task in batch.tasks]),
                kwargs={"dispatched_at": time.time()},
                queue=batch.queue,
                expires=batch.expires_in,
                producer=producer,
                **options,
            )


@shared_task(ignore_result=True, soft_time_limit=20, time_limit=30, acks_late=True)
def record_outcomes(vantage: str, payload: str, signature: str = "") -> None:
    """Take a signed batch of outcomes into the database."""
    vantages.take_batch(name=vantage, payload=str(payload), signature=signature, now=timezone.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=290)
def roll_up() -> None:
    """Every five minutes: count what came into hours and days, then let go of what is old."""
    now = timezone.now()
    rollups.roll(now=int(now.timestamp()))
    retention.prune(now=int(now.timestamp()))
    late_answers.prune(now=now)
    vantages.prune_batches(now=now)
