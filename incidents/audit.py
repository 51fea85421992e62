"""The log of every act of staff and of machines in their place: appended in the act's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from incidents.models import AuditEvent


def log(
    *,
    act: str,
    now: datetime,
    actor: User | None = None,
    actor_name: str = "",
    target: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append one event. Machines have no `actor` and give their `actor_name`."""
    return AuditEvent.objects.create(
        at=now,
        actor=actor,
        actor_name=actor.get_username() if actor else actor_name,
        act=act,
        target=target,
        details=dict(details or {}),
    )
