"""Acts on components themselves: states set by hand, groups in two levels, what a failing part drags along."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, dependencies, drafts, record, rollup, windows
from incidents.dependencies import Proposal
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all, to_read
from incidents.models import Component, ComponentGroup, Dependency, Incident, IncidentUpdate, Override
from incidents.timeline import refresh_status
from incidents.words import ComponentStatus, Need


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


def add(
    *,
    code: str,
    group: ComponentGroup,
    name: Mapping[str, str],
    actor: User | None,
    now: datetime,
    description: Mapping[str, str] | None = None,
    position: int = 1,
    machine: str = "import",
) -> Component:
    """A new service, working until somebody says otherwise."""
    with transaction.atomic():
        component = Component.objects.create(
            code=code, group=group, name=in_all(name), description=in_all(description or {}), position=position
        )
        audit.log(act="component.add", actor=actor, actor_name=machine, now=now, target=code)
    return component


def edit(*, component: Component, actor: User, now: datetime, **fields: Any) -> Component:
    """Change its words or its place: name, description (by language), position. What machines write meanwhile stays."""
    values = {field: in_all(value) if field in ("name", "description") else value for field, value in fields.items()}
    with transaction.atomic():
        row = Component.objects.select_for_update().get(pk=component.pk)
        changed = {field: value for field, value in values.items() if _plain(getattr(row, field)) != _plain(value)}
        details = {field: {"before": _plain(getattr(row, field)), "after": _plain(value)} for field, value in changed.items()}
        for field, value in changed.items():
            setattr(row, field, value)
        if changed:
            row.save(update_fields=list(changed))
            audit.log(act="component.edit", actor=actor, now=now, target=row.code, details=details)
    return row


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else by_language(value)


def put_under(*, group: ComponentGroup, parent: ComponentGroup | None) -> ComponentGroup:
    """Put a group under another, or with None at the top. Raises TimelineError for a third level."""
    if problem := level_problem(group, parent):
        raise TimelineError(problem)
    group.parent = parent
    group.save(update_fields=["parent"])
    return group


def level_problem(group: ComponentGroup, parent: ComponentGroup | None) -> str:
    """Why the group cannot stand there; "" if it can."""
    if parent and (parent.parent_id or parent.pk == group.pk):
        return f"{parent.code} is inside a group itself: groups have two levels."
    if parent and group.pk and group.children.exists():
        return f"{group.code} has groups of its own: groups have two levels."
    return ""


# --- What a failing part drags along ---------------------------------------------------------------


def proposals(*, component: Component, status: str) -> list[Proposal]:
    """What else a part in this state may bring down or delay, the worst and nearest first: public services only. A person
    confirms."""
    rows = Dependency.objects.values_list("component__code", "needs__code", "kind")
    edges = [dependencies.Edge(code, needs, hard=kind == Need.HARD) for code, needs, kind in rows]
    public = set(Component.objects.published().values_list("code", flat=True))
    return [one for one in dependencies.propose(component.code, status, edges) if one.component in public]


def restored(*, incident: Incident) -> dict[Component, str]:
    """What resolving proposes: every service that the incident has named, working again."""
    named = Component.objects.filter(affected__update__in=incident.updates.published()).distinct()
    return dict.fromkeys(named, ComponentStatus.OPERATIONAL.value)


def take_in(*, update: IncidentUpdate, confirmed: Collection[Proposal], actor: User, now: datetime) -> IncidentUpdate:
    """Add what a person confirmed to a draft: each service at the proposed state, or the worse one it has there already.

    The note of a soft need becomes the advice, where there is none yet. Raises TimelineError as edit_update."""
    found = {part.code: part for part in Component.objects.filter(code__in=[one.component for one in confirmed])}
    states = {row.component: row.new_status for row in update.affected.select_related("component")}
    for one in confirmed:
        part = found[one.component]
        states[part] = rollup.worst([one.status, states.get(part, ComponentStatus.OPERATIONAL.value)])
    note = next((one.note for one in confirmed if one.note), None)
    more = {"what_to_do": note} if note and not any(by_language(update.what_to_do).values()) else None
    return drafts.edit_update(update=update, actor=actor, now=now, affected=states, more=more)


def names() -> list[dict[str, str]]:
    """Of all services, as readers of each language get them."""
    return [to_read(name) for name in Component.objects.values_list("name", flat=True)]
