"""What a failing node drags along: tables, and properties over any net of edges."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import dependencies, rollup
from incidents.dependencies import SOFT_NOTE, Edge
from incidents.words import ComponentStatus

DOWN, PARTIAL, SLOW, LATE, BLIND, WORK, OK = (
    "major_outage",
    "partial_outage",
    "degraded_performance",
    "delayed",
    "unknown",
    "under_maintenance",
    "operational",
)
# send-money and paybill need the core; the app needs the gateway; all like the SMS centre.
NET = [
    Edge("send-money", "core"),
    Edge("paybill", "core"),
    Edge("api-gateway", "core"),
    Edge("app", "api-gateway"),
    Edge("send-money", "smsc", hard=False),
    Edge("paybill", "smsc", hard=False),
    Edge("confirmation-sms", "smsc"),
    Edge("tax", "paybill"),
]


def proposed(node: str, status: str, edges: list[Edge] = NET) -> list[tuple[str, str]]:
    return [(one.component, one.status) for one in dependencies.propose(node, status, edges)]


@pytest.mark.parametrize(
    ("node", "status", "expected"),
    [
        ("core", DOWN, [("api-gateway", DOWN), ("paybill", DOWN), ("send-money", DOWN), ("app", DOWN), ("tax", DOWN)]),
        ("core", LATE, [("api-gateway", LATE), ("paybill", LATE), ("send-money", LATE), ("app", LATE), ("tax", LATE)]),
        ("smsc", DOWN, [("confirmation-sms", DOWN), ("paybill", LATE), ("send-money", LATE), ("tax", LATE)]),
        ("smsc", SLOW, [("confirmation-sms", SLOW), ("paybill", LATE), ("send-money", LATE), ("tax", LATE)]),
        ("smsc", WORK, [("confirmation-sms", WORK)]),
        ("app", DOWN, []),
        ("nobody", DOWN, []),
        ("core", BLIND, []),
        ("core", OK, []),
    ],
)
def test_hard_edges_carry_the_same_state_and_soft_ones_delay(node: str, status: str, expected: list[tuple[str, str]]) -> None:
    assert proposed(node, status) == expected


def test_a_soft_edge_comes_with_the_note_not_to_pay_again() -> None:
    found = {one.component: one for one in dependencies.propose("smsc", DOWN, NET)}
    assert found["send-money"].note == SOFT_NOTE
    assert found["tax"].note == SOFT_NOTE  # what hangs on a softly delayed service is late for the same reason
    assert (found["confirmation-sms"].hard, found["confirmation-sms"].note) == (True, {})
    assert "Do not pay again." in SOFT_NOTE["en"]
    assert "Usilipe tena." in SOFT_NOTE["sw"]


def test_the_way_to_each_component_is_told() -> None:
    found = {one.component: one.path for one in dependencies.propose("core", DOWN, NET)}
    assert found["app"] == ("core", "api-gateway", "app")


def test_of_several_ways_the_worst_counts() -> None:
    edges = [Edge("b", "a", hard=False), Edge("c", "b"), Edge("d", "a"), Edge("c", "d")]
    assert proposed("a", DOWN, edges) == [("d", DOWN), ("c", DOWN), ("b", LATE)]


def test_a_cycle_ends_and_is_named() -> None:
    edges = [Edge("b", "a"), Edge("c", "b"), Edge("a", "c")]
    assert proposed("a", DOWN, edges) == [("b", DOWN), ("c", DOWN)]
    assert set(dependencies.find_cycle(edges)) == {"a", "b", "c"}
    assert dependencies.find_cycle(NET) == ()
    assert dependencies.find_cycle([Edge("a", "a")]) == ("a",)


nodes = st.sampled_from("abcdefg")
nets = st.lists(st.builds(Edge, nodes, nodes, st.booleans()), max_size=25)
statuses = st.sampled_from(ComponentStatus.values)


@given(node=nodes, status=statuses, edges=nets)
def test_nothing_is_proposed_worse_than_the_node_or_late(node: str, status: str, edges: list[Edge]) -> None:
    for one in dependencies.propose(node, status, edges):
        assert one.component != node
        assert one.status in (status, LATE)
        assert one.status == LATE or one.hard
        assert rollup.is_worse(status, one.status) or one.status in (status, LATE)


@given(node=nodes, status=statuses, edges=nets)
def test_each_component_is_named_once_by_a_way_of_real_edges(node: str, status: str, edges: list[Edge]) -> None:
    found = dependencies.propose(node, status, edges)
    assert len({one.component for one in found}) == len(found)
    pairs = {(edge.needs, edge.component) for edge in edges}
    for one in found:
        assert one.path[0] == node
        assert set(pairwise(one.path)) <= pairs


@given(node=nodes, edges=nets, more=nets)
def test_more_edges_never_make_anything_better(node: str, edges: list[Edge], more: list[Edge]) -> None:
    before = {one.component: one.status for one in dependencies.propose(node, DOWN, edges)}
    after = {one.component: one.status for one in dependencies.propose(node, DOWN, [*edges, *more])}
    for component, status in before.items():
        assert not rollup.is_worse(status, after[component])
