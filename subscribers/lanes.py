"""Connections at work side by side: one thread each, fed by one process's round of sending.

A lane that waits for an answer is held, and one at work for a domain known to be slow will be; such a lane does not count against
the number of connections, up to a bound, and a domain that is slow may hold half of them at most while others wait: so nobody's
slowness is everybody's. One that refuses much gets a few parcels a turn while others wait, and rests between two turns: what is
refused costs as much as what is taken, and comes again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from subscribers.models import Subscriber
from subscribers.outlets import Outlet
from subscribers.rows import Claimed
from subscribers.transports.base import Outcome, Parcel, Sender, Sent

HELD_AFTER = 0.15  # seconds without an answer
SLOW = 0.1  # seconds an answer takes
UNKNOWN_SHARE = 10  # while others wait, the first turn of a domain is so many times smaller: it may be slow
AT_MOST = 3  # lanes for each connection that the settings allow
REFUSING = 0.1  # of the last parcels were not taken
REFUSING_SHARE = 50  # while others wait, a domain that refuses gets a turn so many times smaller
REFUSING_RESTS = 20  # and has the next one so many times as long after it as it took
WORTH_A_LANE = 50  # waiting parcels for each lane that is at work before another one is opened


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """One parcel and whom it tells: deliveries (several in a digest), or somebody who asked to be confirmed."""

    parcel: Parcel
    deliveries: tuple[Claimed, ...] = ()
    asked: Subscriber | None = None


@dataclass(slots=True)
class Report:
    """What came of a lane's errands: outcomes in order, and what ended it before the last one, if anything did."""

    lane: Lane
    domain: str
    errands: Sequence[Errand]
    outcomes: list[Outcome] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0


class Lane:
    """A thread and its sender."""

    def __init__(self, sender: Sender, outlet: Outlet, reports: queue.SimpleQueue[Report]) -> None:
        self._sender, self._outlet, self._reports = sender, outlet, reports
        self._errands: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self.domain: str | None = None  # while it is at work
        self.given = self.moved = 0.0  # when its turn began, when it last had an answer
        self.answers = 0  # of this turn
        self._thread = threading.Thread(target=self._run, name="lane", daemon=True)
        self._thread.start()

    def give(self, domain: str, errands: Sequence[Errand]) -> None:
        self.domain, self.answers = domain, 0
        self.given = self.moved = time.monotonic()
        self._errands.put(Report(self, domain, errands))

    def is_held(self, now: float) -> bool:
        """It waits for an answer, or has waited for most of its turn."""
        if self.domain is None:
            return False
        return now - self.moved > HELD_AFTER or now - self.given > SLOW * (self.answers + 1)

    def end(self) -> None:
        """Close the connection once what it has in hand is done."""
        self._errands.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (report := self._errands.get()) is not None:
            started = time.monotonic()
            try:
                self._send(report)
            except Exception as error:  # noqa: BLE001  told to the round, which raises it
                report.error = error
            report.seconds = time.monotonic() - started
            self._reports.put(report)
        self._sender.close()

    def _send(self, report: Report) -> None:
        self._sender.open()
        outcomes = self._sender.send_all([errand.parcel for errand in report.errands])
        for errand, outcome in zip(report.errands, outcomes, strict=False):
            if isinstance(outcome, Sent):
                self._outlet.note(errand.deliveries)
            report.outcomes.append(outcome)
            self.answers += 1
            self.moved = time.monotonic()


class Lanes:
    """The lanes of one round. `give` answers False, `free_for` None, when none is free for that domain now."""

    def __init__(self, first: Sender, make: Callable[[], Sender], outlet: Outlet) -> None:
        self._make, self._outlet = make, outlet
        self._connections, self._together = first.connections, first.together
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._lanes = [Lane(first, outlet, self.reports)]
        self._seconds: dict[str, float] = {}  # an errand of each domain took, lately
        self._refused: dict[str, float] = {}  # the share of each domain's errands that was not taken, lately
        self._rested: dict[str, float] = {}  # when a domain that refuses may have its next turn

    @property
    def at_work(self) -> int:
        return sum(lane.domain is not None for lane in self._lanes)

    @property
    def domains_at_work(self) -> set[str]:
        return {lane.domain for lane in self._lanes if lane.domain is not None}

    def is_slow(self, domain: str) -> bool:
        """It takes long for an answer, or a lane waits for one of it right now."""
        now = time.monotonic()
        held = any(lane.domain == domain and lane.is_held(now) for lane in self._lanes)
        return held or self.has_been_slow(domain)

    def has_been_slow(self, domain: str | None) -> bool:
        """It takes long for an answer, lately; not for who is only held up at this moment."""
        return domain is not None and self._seconds.get(domain, 0.0) > SLOW

    def has_answered(self, domain: str) -> bool:
        """A turn of it has come back."""
        return domain in self._seconds

    def is_refusing(self, domain: str) -> bool:
        return self._refused.get(domain, 0.0) > REFUSING

    def together(self, domain: str, *, alone: bool) -> int:
        """How many parcels go to one lane at once. `alone`: nobody else waits."""
        if self.is_slow(domain):
            return 1
        if domain not in self._seconds and not alone:
            return max(1, self._together // UNKNOWN_SHARE)
        return max(1, self._together // REFUSING_SHARE) if self.is_refusing(domain) and not alone else self._together

    def give(self, domain: str, errands: Sequence[Errand], *, alone: bool, waiting: int) -> bool:
        """As free_for, and what the lane is to do."""
        lane = self.free_for(domain, alone=alone, waiting=waiting)
        if lane is not None:
            lane.give(domain, errands)
        return lane is not None

    def free_for(self, domain: str, *, alone: bool, waiting: int) -> Lane | None:
        """A lane that may work for the domain now. `alone`: nobody else waits; `waiting`: parcels that do, all in all."""
        now = time.monotonic()
        if self.is_refusing(domain) and not alone and now < self._rested.get(domain, 0.0):
            return None
        busy = [lane for lane in self._lanes if lane.domain is not None]
        moving = [lane for lane in busy if not (lane.is_held(now) or self.has_been_slow(lane.domain))]
        here = [lane for lane in busy if lane.domain == domain]
        slow = self.is_slow(domain)
        if len(moving) >= self._connections or (slow and not alone and len(here) >= max(1, self._connections // 2)):
            return None
        if slow and len(here) >= self._connections:
            return None
        lane = next((lane for lane in self._lanes if lane.domain is None), None)
        if lane is None:
            wanted = not moving or waiting >= WORTH_A_LANE * len(moving)
            if not wanted or len(self._lanes) >= AT_MOST * self._connections:
                return None
            lane = Lane(self._make(), self._outlet, self.reports)
            self._lanes.append(lane)
        return lane

    def take_report(self, *, wait: float) -> Report | None:
        """What a lane has done, within `wait` seconds."""
        try:
            report = self.reports.get(timeout=wait) if wait > 0 else self.reports.get_nowait()
        except queue.Empty:
            return None
        report.lane.domain = None
        each = report.seconds / max(1, len(report.outcomes))
        self._seconds[report.domain] = 0.5 * each + 0.5 * self._seconds.get(report.domain, each)
        refused = sum(not isinstance(outcome, Sent) for outcome in report.outcomes) / max(1, len(report.outcomes))
        weight = min(0.5, len(report.outcomes) / 20)  # a turn of two says little
        self._refused[report.domain] = weight * refused + (1 - weight) * self._refused.get(report.domain, refused)
        self._rested[report.domain] = time.monotonic() + REFUSING_RESTS * report.seconds
        return report

    def end(self) -> None:
        for lane in self._lanes:
            lane.end()
