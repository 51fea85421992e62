"""Whose trouble a component's may follow from: the dependencies of the record, as long as somebody speaks of what failed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from incidents.models import Component, Dependency, Incident
from incidents.words import Need, Publication
from probes.suppression import Needs


@dataclass
class Following:
    """`edges`: all that the looked-at components need, and whatever else needs the same. `named`: the components that each open
    incident, or a draft of one, names."""

    edges: list[Dependency] = field(default_factory=list)
    named: list[set[int]] = field(default_factory=list)

    def needs_of(self, component: Component) -> tuple[Needs, dict[str, str]]:
        """What it needs, and what is confirmed for those of them that are spoken of: what suppression.held_back looks at.

        A node that is internal has no incident of its own: it is spoken of while one names another service that needs it as
        hard. So the first service that a failing node drags along opens a draft and the next are proposed with it; when that
        draft is gone and they still fail, they open their own.
        """
        mine = [edge for edge in self.edges if edge.component_id == component.pk]
        others = set().union(*(parts for parts in self.named if component.pk not in parts))
        needs = Needs(
            hard=tuple(edge.needs.code for edge in mine if edge.kind == Need.HARD),
            soft=tuple(edge.needs.code for edge in mine if edge.kind == Need.SOFT),
        )
        return needs, {edge.needs.code: edge.needs.observed_status for edge in mine if self._is_spoken_of(edge.needs, others)}

    def heard(self, component: Component, status: str, *, opens: bool) -> None:
        """What is confirmed for it from now on, and whether an incident names it."""
        for edge in self.edges:
            if edge.needs_id == component.pk:
                edge.needs.observed_status = status
        if opens and not component.internal:
            self.named.append({component.pk})

    def in_order(self, component_ids: Collection[int]) -> list[int]:
        """Who needs least comes first, so that a node's draft is there before those of what needs it."""
        needing = [edge.component_id for edge in self.edges]
        return sorted(component_ids, key=needing.count)

    def _is_spoken_of(self, node: Component, others: Collection[int]) -> bool:
        if not node.internal:
            return node.pk in others
        return any(edge.component_id in others for edge in self.edges if edge.needs_id == node.pk and edge.kind == Need.HARD)


def read(component_ids: Collection[int]) -> Following:
    """At most two queries; none without components, and one where they need nothing."""
    if not component_ids:
        return Following()
    needed = Dependency.objects.filter(component__in=component_ids).values("needs")
    edges = list(Dependency.objects.filter(needs__in=needed).select_related("needs"))
    return Following(edges, _named() if edges else [])


def _named() -> list[set[int]]:
    rows = Incident.objects.unresolved().filter(updates__publication__in=(Publication.DRAFT, Publication.PUBLISHED))
    named: dict[int, set[int]] = {}
    for pk, component in rows.values_list("pk", "updates__affected__component"):
        named.setdefault(pk, set()).add(component)
    return list(named.values())
