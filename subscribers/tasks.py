"""Celery's face of the outbox: each task calls one operation. The messages are hints, the rows are the work."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from subscribers import bounce_mailbox, bounces, outbox, subscriptions

log = logging.getLogger(__name__)

LISTED_AT_ONCE = 1_000_000
EXPIRES = 10  # seconds: the courier asks again each second
SENT_AT_ONCE = 100_000


@shared_task(ignore_result=True, acks_late=True, max_retries=3, soft_time_limit=120, time_limit=150)
def fan_out() -> None:
    """Expand waiting Notifications into Deliveries, for a turn; the rest lines up behind a sender."""
    if outbox.fan_out_a_turn(now=timezone.now(), limit=LISTED_AT_ONCE):
        for task in (deliver_due, fan_out):
            task.apply_async(expires=EXPIRES)


@shared_task(ignore_result=True, acks_late=True, max_retries=3, soft_time_limit=120, time_limit=150)
def deliver_due() -> None:
    """Send what is due, for about 20 seconds."""
    outbox.deliver_due(now=timezone.now(), limit=SENT_AT_ONCE)


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def purge_unconfirmed() -> None:
    """Each hour: forget who never confirmed."""
    subscriptions.purge_unconfirmed(now=timezone.now())
    bounces.forget_old(now=timezone.now())


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def read_bounces() -> None:
    """Each minute: what came back by mail."""
    try:
        bounce_mailbox.read_mailbox(now=timezone.now())
    except bounce_mailbox.MailboxError as error:
        log.error("%s", error)
