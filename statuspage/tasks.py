"""A canary a queue: a worker is alive when it did something, not when it answers a ping."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from statuspage import retention
from statuspage.models import Heartbeat


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def prune() -> None:
    """Each hour: let go of rows that are older than their rule says."""
    retention.prune(now=timezone.now())


@shared_task(ignore_result=True, soft_time_limit=5, time_limit=10)
def canary(queue: str) -> None:
    """Note that somebody consumes `queue`."""
    Heartbeat.objects.update_or_create(name=f"queue:{queue}", defaults={"at": timezone.now()})
