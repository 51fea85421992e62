"""Whose turn it is on the connections of one sender."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from subscribers.lanes import Errand, Lanes
from subscribers.outlets import Outlet
from subscribers.rendering import Rendered
from subscribers.transports.base import Parcel, Sender, TransportError


class EveryThird(Sender):
    """Refuses every third parcel."""

    together = 100

    def send(self, parcel: Parcel) -> str:
        if int(parcel.address) % 3 == 0:
            raise TransportError("Busy.")
        return ""


@pytest.fixture
def lanes(tmp_path: Path) -> Iterator[Lanes]:
    descriptor = os.open(tmp_path / "outlet", os.O_WRONLY | os.O_CREAT)
    made = Lanes(EveryThird(), EveryThird, Outlet(descriptor))
    yield made
    made.end()
    os.close(descriptor)


class WhenTold(Sender):
    """One connection, over which a parcel goes when the test says so."""

    def __init__(self) -> None:
        self.told = threading.Event()

    def send(self, parcel: Parcel) -> str:
        self.told.wait(10)
        return ""


def errands_of(numbers: range) -> list[Errand]:
    words, then = Rendered("Subject", "Text", "<p>Text</p>"), datetime(2026, 1, 9, tzinfo=UTC)
    return [Errand(Parcel(str(number), words, {}, "key", then)) for number in numbers]


def carry(lanes: Lanes, domain: str, numbers: range) -> None:
    errands = errands_of(numbers)
    lanes._rested.clear()
    assert lanes.give(domain, errands, alone=False, waiting=len(errands))
    assert lanes.take_report(wait=10)


def test_a_domain_that_refuses_much_gets_short_turns_while_others_wait(lanes: Lanes) -> None:
    carry(lanes, "refuses.example", range(1, 10))
    carry(lanes, "takes.example", range(1, 3))
    assert lanes.together("refuses.example", alone=False) == 2
    assert lanes.together("refuses.example", alone=True) == 100
    assert lanes.together("takes.example", alone=False) == 100


def test_a_domain_that_refuses_much_rests_between_two_turns_while_others_wait(lanes: Lanes) -> None:
    carry(lanes, "refuses.example", range(1, 10))
    lanes._rested["refuses.example"] += 60
    assert not lanes.give("refuses.example", errands_of(range(1, 3)), alone=False, waiting=2)
    assert lanes.give("refuses.example", errands_of(range(1, 3)), alone=True, waiting=2)
    assert lanes.take_report(wait=10)


def test_a_domain_that_takes_everything_again_has_full_turns_again(lanes: Lanes) -> None:
    carry(lanes, "refuses.example", range(1, 10))
    for _ in range(12):
        carry(lanes, "refuses.example", range(1, 3))
    assert lanes.together("refuses.example", alone=False) == 100


def test_a_domain_known_to_be_slow_takes_no_connection_from_the_others(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "outlet", os.O_WRONLY | os.O_CREAT)
    senders: list[WhenTold] = []

    def make() -> Sender:
        senders.append(WhenTold())
        return senders[-1]

    lanes = Lanes(make(), make, Outlet(descriptor))
    assert lanes.give("slow.example", errands_of(range(1)), alone=False, waiting=100)
    assert not lanes.give("quick.example", errands_of(range(1)), alone=False, waiting=100), "there is one connection"
    lanes._seconds["slow.example"] = 0.2
    assert lanes.give("quick.example", errands_of(range(1)), alone=False, waiting=100)
    for sender in senders:
        sender.told.set()
    lanes.end()
    os.close(descriptor)


def test_the_first_turn_of_an_unknown_domain_is_short_while_others_wait(lanes: Lanes) -> None:
    assert lanes.together("new.example", alone=False) == 10
    assert lanes.together("new.example", alone=True) == 100


def test_a_lane_that_has_waited_for_most_of_its_turn_is_held_between_two_answers(lanes: Lanes) -> None:
    [lane] = lanes._lanes
    lane.domain, lane.given, lane.moved, lane.answers = "slow.example", 10.0, 11.0, 5
    assert lane.is_held(11.01)
    lane.answers = 50
    assert not lane.is_held(11.01)
    lane.domain = None
