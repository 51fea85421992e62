"""Planned work for tests: planned, signed, published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from incidents import planned_work, signing
from incidents.models import Component, MaintenanceUpdate, ScheduledMaintenance
from statuspage import publishing
from tests.factories import NOON, UserFactory

HOUR = timedelta(hours=1)
NAME = {"en": "New database for payments", "sw": "Hifadhidata mpya ya malipo"}
BODY = {"en": "Some payments may fail. Pay before or after.", "sw": "Baadhi ya malipo huenda yasipite. Lipa kabla au baada."}


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


def plan(
    expected: Mapping[Component, str], *, start: float = 0, end: float = 3, now: float = -72, **fields: Any
) -> MaintenanceUpdate:
    """A draft of an announcement: from noon to three, written three days before."""
    words = {"name": NAME, "body": BODY, "author": UserFactory(), **fields}
    return planned_work.plan(expected=expected, starts_at=at(start), ends_at=at(end), now=at(now), **words)


def publish(update: MaintenanceUpdate, now: float = -72) -> MaintenanceUpdate:
    """Signed by a second person where that is needed, and public."""
    if signing.signature_state(update) != "valid":
        update = signing.sign(item=update, signer=UserFactory(), now=at(now))
    return publishing.publish_maintenance(update=update, actor=UserFactory(), now=at(now))


def announced(expected: Mapping[Component, str], *, now: float = -72, **fields: Any) -> ScheduledMaintenance:
    """Public planned work."""
    update = publish(plan(expected, now=now, **fields), now)
    return ScheduledMaintenance.objects.get(pk=update.maintenance_id)


def tick(hours: float) -> int:
    """What falls due of planned work at that hour, to the end: one act may make the next due."""
    said = 0
    while more := publishing.advance_maintenance(now=at(hours)):
        said += more
    return said
