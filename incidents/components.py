"""Acts on components themselves: states set by hand, groups in two levels."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record, windows
from incidents.drafts import TimelineError
from incidents.models import Component, ComponentGroup, Override
from incidents.timeline import refresh_status
from incidents.words import ComponentStatus


def set_override(*, component: Component, status: str, reason: str, expires_at: datetime, actor: User, now: datetime) -> Override:
    """Show a state set by hand until it expires or is ended; it stands over what probes confirm, under incidents.

    One already standing is ended by it. Raises TimelineError without a reason, with an end that has passed, and for planned work
    that nobody announced.
    """
    if not reason.strip():
        raise TimelineError("Say why the state is set by hand.")
    if expires_at <= now:
        raise TimelineError("Say until when; that time has passed.")
    if status == ComponentStatus.UNDER_MAINTENANCE and not windows.expected_of(component):
        raise TimelineError("No announced work on it is going on: say what customers notice.")
    with transaction.atomic():
        record.lock_head()
        component = Component.objects.select_for_update().get(pk=component.pk)
        component.overrides.standing().update(ended_at=now, ended_by=actor)
        override = Override.objects.create(
            component=component, status=status, reason=reason.strip(), set_by=actor, set_at=now, expires_at=expires_at
        )
        refresh_status(component=component, since=now, now=now)
        details = {"status": status, "reason": override.reason, "expires_at": record.timestamp(expires_at)}
        audit.log(act="override.set", actor=actor, now=now, target=component.code, details=details)
    return override


def end_override(*, override: Override, actor: User | None, now: datetime) -> bool:
    """End a state set by hand; without `actor` it expired. False when it had ended already."""
    with transaction.atomic():
        record.lock_head()
        if not Override.objects.standing().filter(pk=override.pk).update(ended_at=now, ended_by=actor):
            return False
        component = Component.objects.select_for_update().get(pk=override.component_id)
        refresh_status(component=component, since=component.observed_since or now, now=now)
        audit.log(act="override.end", actor=actor, actor_name="publisher", now=now, target=component.code)
    return True


def lapse_overrides(*, now: datetime) -> int:
    """End every state set by hand whose time has come; answers how many. Run by the publisher each second."""
    return sum(
        end_override(override=override, actor=None, now=now)
        for override in Override.objects.standing().filter(expires_at__lte=now)
    )


def put_under(*, group: ComponentGroup, parent: ComponentGroup | None) -> ComponentGroup:
    """Put a group under another, or with None at the top. Raises TimelineError for a third level."""
    if parent and (parent.parent_id or parent.pk == group.pk):
        raise TimelineError(f"{parent.code} is inside a group itself: groups have two levels.")
    if parent and group.children.exists():
        raise TimelineError(f"{group.code} has groups of its own: groups have two levels.")
    group.parent = parent
    group.save(update_fields=["parent"])
    return group
