"""Whose turn it is on the connections of one sender."""

from __future__ import annotations

import os
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

    together = 50

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


def carry(lanes: Lanes, domain: str, numbers: range) -> None:
    words, then = Rendered("Subject", "Text", "<p>Text</p>"), datetime(2026, 1, 9, tzinfo=UTC)
    errands = [Errand(Parcel(str(number), words, {}, "key", then)) for number in numbers]
    assert lanes.give(domain, errands, alone=False, waiting=len(errands))
    assert lanes.take_report(wait=10)


def test_a_domain_that_refuses_much_gets_short_turns_while_others_wait(lanes: Lanes) -> None:
    carry(lanes, "refuses.example", range(1, 10))
    carry(lanes, "takes.example", range(1, 3))
    assert lanes.together("refuses.example", alone=False) == 2
    assert lanes.together("refuses.example", alone=True) == 50
    assert lanes.together("takes.example", alone=False) == 50


def test_a_domain_that_takes_everything_again_has_full_turns_again(lanes: Lanes) -> None:
    carry(lanes, "refuses.example", range(1, 10))
    for _ in range(2):
        carry(lanes, "refuses.example", range(1, 3))
    assert lanes.together("refuses.example", alone=False) == 50
