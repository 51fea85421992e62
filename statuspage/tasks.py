"""A canary a queue: a worker is alive when it did something, not when it answers a ping."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from statuspage import audit_heads, retention
from statuspage.models import Heartbeat

log = logging.getLogger(__name__)


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def prune() -> None:
    """Each hour: let go of rows that are older than their rule says."""
    retention.prune(now=timezone.now())


@shared_task(ignore_result=True, soft_time_limit=5, time_limit=10)
def canary(queue: str) -> None:
    """Note that somebody consumes `queue`."""
    Heartbeat.objects.update_or_create(name=f"queue:{queue}", defaults={"at": timezone.now()})


@shared_task(ignore_result=True, soft_time_limit=600, time_limit=660)
def note_audit_head() -> None:
    """Once a day, in the hour after midnight or as soon as somebody runs again: the next hour tries again what failed."""
    now = timezone.now()
    if not audit_heads.due(now=now):
        return
    try:
        audit_heads.note(now=now)
    except audit_heads.HeadNotNoted as error:
        log.error("%s", error)
