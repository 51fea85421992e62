"""What operators' Prometheus is told of the outbox: depth and age by channel. Two queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric

from subscribers.models import Delivery, Notification
from subscribers.transports import TRANSPORTS


def collect(*, now: datetime) -> Iterator[Metric]:
    """Deliveries that wait (all, and those due), how long the oldest due one has, and what is not expanded yet."""
    waiting = GaugeMetricFamily("hali_outbox_waiting", "Deliveries that are not sent yet, held ones too.", labels=["channel"])
    due = GaugeMetricFamily("hali_outbox_due", "Deliveries whose time has come.", labels=["channel"])
    age = GaugeMetricFamily(
        "hali_outbox_age_seconds", "Since the oldest due delivery was due; 0: none waits.", labels=["channel"], unit="seconds"
    )
    pending = Delivery.objects.pending()
    all_of = dict(pending.values_list("channel").annotate(Count("pk")).order_by())
    rows = pending.filter(due_at__lte=now).values_list("channel").annotate(Count("pk"), Min("due_at")).order_by()
    late = {channel: (count, oldest) for channel, count, oldest in rows}
    for channel in TRANSPORTS:
        count, oldest = late.get(channel, (0, now))
        waiting.add_metric([channel], all_of.get(channel, 0))
        due.add_metric([channel], count)
        age.add_metric([channel], (now - oldest).total_seconds())
    unexpanded = Notification.objects.filter(expanded_at__isnull=True).count()
    yield from (waiting, due, age)
    yield GaugeMetricFamily("hali_outbox_unexpanded", "Published items that are not yet deliveries.", value=unexpanded)
