"""Pure: what a failing node drags along. People confirm; nothing here changes a state."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from incidents.rollup import is_worse
from incidents.words import ComponentStatus

# States that reach what depends on a node. Unknown does not: that we cannot see the node says nothing about the rest.
_SPREADS = (
    ComponentStatus.MAJOR_OUTAGE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.DELAYED,
    ComponentStatus.UNDER_MAINTENANCE,
)
# Said of what depends softly: the money may have moved although the message about it is late.
SOFT_NOTE = {
    "en": "Your payment may have gone through though the SMS is late. Do not pay again.",
    "sw": "Huenda malipo yako yamekamilika ingawa SMS imechelewa. Usilipe tena.",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """`component` needs `needs`, by code. Hard: without it, it fails alike. Soft: without it, it is only late."""

    component: str
    needs: str
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a component may show at worst because of the failing node; `path` leads from the node to it, both included."""

    component: str
    status: str
    hard: bool
    path: tuple[str, ...]
    note: Mapping[str, str]


def propose(node: str, status: str, edges: Iterable[Edge]) -> list[Proposal]:
    """What a node in this state drags along, the worst and nearest first.

    Along hard edges the same status at most; over a soft edge delayed, with a note. A component reached on several ways takes the
    worst. Cycles are safe: a component is looked at again only when it gets worse. Nodes that are not public are listed too.
    """
    if status not in _SPREADS:
        return []
    dependents: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        dependents[edge.needs].append(edge)
    found: dict[str, Proposal] = {}
    waiting = deque([Proposal(node, status, hard=True, path=(node,), note={})])
    while waiting:
        reached = waiting.popleft()
        for edge in dependents[reached.component]:
            proposal = _along(edge, reached)
            known = found.get(edge.component)
            if proposal and edge.component != node and (known is None or is_worse(proposal.status, known.status)):
                found[edge.component] = proposal
                waiting.append(proposal)
    return sorted(found.values(), key=_worst_and_nearest)


def _along(edge: Edge, reached: Proposal) -> Proposal | None:
    path = (*reached.path, edge.component)
    if edge.hard:
        return Proposal(edge.component, reached.status, reached.hard, path, reached.note)
    if reached.status == ComponentStatus.UNDER_MAINTENANCE:  # announced work on it delays nothing by itself
        return None
    return Proposal(edge.component, ComponentStatus.DELAYED.value, False, path, SOFT_NOTE)


def _worst_and_nearest(proposal: Proposal) -> tuple[int, int, str]:
    return _SPREADS.index(ComponentStatus(proposal.status)), len(proposal.path), proposal.component


def find_cycle(edges: Iterable[Edge]) -> tuple[str, ...]:
    """The codes of one cycle, for a remark at the desk; empty when there is none."""
    needs: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        needs[edge.component].append(edge.needs)
    done: set[str] = set()
    for start in sorted(needs):
        if cycle := _cycle_from(start, needs, done):
            return cycle
    return ()


def _cycle_from(start: str, needs: Mapping[str, list[str]], done: set[str]) -> tuple[str, ...]:
    """Depth first, without recursion: the path in hand, and what is still to be tried at each step of it."""
    path, tries = [start], [iter(needs.get(start, ()))]
    while path:
        following = next(tries[-1], None)
        if following is None:
            done.add(path.pop())
            tries.pop()
        elif following in path:
            return tuple(path[path.index(following) :])
        elif following not in done:
            path.append(following)
            tries.append(iter(needs.get(following, ())))
    return ()
