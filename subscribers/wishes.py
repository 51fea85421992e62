"""What somebody wants to hear of: which services, which kinds of news, from which impact on, each at once or once a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from incidents.models import Component, ComponentGroup, Incident
from incidents.words import Impact
from subscribers.models import NewsKind, Rhythm, Subscriber, Subscription


@dataclass(frozen=True, slots=True)
class Wishes:
    """Nothing named is the whole page. No kind at all is refused by the form; here it means to hear nothing."""

    components: Sequence[Component] = ()
    groups: Sequence[ComponentGroup] = ()
    incidents: Sequence[Incident] = ()
    kinds: frozenset[NewsKind] = frozenset({NewsKind.INCIDENTS, NewsKind.PLANNED_WORK})
    minimum_impact: str = Impact.NONE.value
    rhythm: str = Rhythm.EACH.value


THE_PAGE = Wishes()
ALL = "all"  # names the whole page beside public ids


def take(subscriber: Subscriber, wishes: Wishes) -> None:
    """Make the rows say so. Call it in a transaction."""
    wanted: dict[str, Any] = {kind.value: kind in wishes.kinds for kind in NewsKind}
    wanted |= {"minimum_impact": wishes.minimum_impact, "rhythm": wishes.rhythm if subscriber.channel == "email" else Rhythm.EACH}
    if changed := [name for name, value in wanted.items() if getattr(subscriber, name) != value]:
        for name in changed:
            setattr(subscriber, name, wanted[name])
        subscriber.save(update_fields=changed)
    _follow(subscriber, wishes)


def _follow(subscriber: Subscriber, wishes: Wishes) -> None:
    rows: set[tuple[int | None, int | None, int | None]] = {
        *((component.pk, None, None) for component in wishes.components),
        *((None, group.pk, None) for group in wishes.groups),
        *((None, None, incident.pk) for incident in wishes.incidents),
    } or {(None, None, None)}
    if rows == set(subscriber.subscriptions.values_list("component_id", "group_id", "incident_id")):
        return
    subscriber.subscriptions.all().delete()
    Subscription.objects.bulk_create(
        Subscription(subscriber=subscriber, component_id=component, group_id=group, incident_id=incident)
        for component, group, incident in sorted(rows, key=str)
    )


def is_the_page(wishes: Wishes) -> bool:
    return not (wishes.components or wishes.groups or wishes.incidents)


def beside(held: Wishes, asked: Wishes) -> Wishes | None:
    """Of what is asked for that which is not followed yet; None for nothing."""
    if is_the_page(held):
        return None
    if is_the_page(asked):
        return THE_PAGE
    more = Wishes(
        components=[one for one in asked.components if one not in held.components],
        groups=[one for one in asked.groups if one not in held.groups],
        incidents=[one for one in asked.incidents if one not in held.incidents],
    )
    return None if is_the_page(more) else more


def together(held: Wishes, more: Wishes) -> Wishes:
    """What is held, and what more is followed from now on."""
    if is_the_page(more):
        return replace(held, components=(), groups=(), incidents=())
    return replace(
        held,
        components=[*held.components, *more.components],
        groups=[*held.groups, *more.groups],
        incidents=[*held.incidents, *more.incidents],
    )


def named(wishes: Wishes | None) -> str:
    """What is followed by public ids, commas between, as a link carries it; "" for None."""
    if wishes is None:
        return ""
    things: list[Component | ComponentGroup | Incident] = [*wishes.components, *wishes.groups, *wishes.incidents]
    return ",".join(one.public_id for one in things) or ALL


def of(subscriber: Subscriber) -> Wishes:
    """What the rows say now."""
    rows = list(subscriber.subscriptions.select_related("component", "group", "incident"))
    return Wishes(
        components=[row.component for row in rows if row.component],
        groups=[row.group for row in rows if row.group],
        incidents=[row.incident for row in rows if row.incident],
        kinds=frozenset(kind for kind in NewsKind if getattr(subscriber, kind.value)),
        minimum_impact=subscriber.minimum_impact,
        rhythm=subscriber.rhythm,
    )
