"""An agent's runs: each begins when it is due, those that are one HTTP request on a few loops, others in a thread each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from probes import probers
from probes.outcome import LATE, OVERLAP, Outcome, OutcomeStatus, Task
from probes.probers import OneRequest

if TYPE_CHECKING:
    from probes.probers.loop import Loop

IN_FLIGHT = 200  # threads at most; where targets answer, few are busy
LOOPS = min(2, os.cpu_count() or 1)
HELD_UP = 0.5  # seconds
_OF_TIME = ("dns", "timeout_connect", "timeout_read", "deadline")
Report = Callable[[dict[str, Any]], None]


class Runner:
    """All runs of this process. Threads are made as they are needed and then kept."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=IN_FLIGHT, thread_name_prefix="probe")
        self._made: list[Loop] = []
        self._under_way: set[int] = set()  # probes that are being run
        self._guard = threading.Lock()

    def begin(self, tasks: Sequence[Task], report: Report, *, at_most: float) -> threading.Event:
        """Begin each task when it is due, `at_most` seconds from now however wrong this clock is; `report` gets each outcome, in
        any thread. What is answered is set when all have reported."""
        batch = _Batch(len(tasks), report)
        now, clock = time.time(), time.monotonic()
        loops = self._loops()
        for place, loop in enumerate(loops):
            loop.later(
                (clock + min(max(0.0, task.due_at - now), at_most), partial(self._start, task, batch, loop))
                for task in tasks
                if _place(task, len(loops)) == place
            )
        return batch.is_done

    def run_now(self, task: Task) -> dict[str, Any]:
        """Run it and wait for its report."""
        reports: list[dict[str, Any]] = []
        self.begin([task], reports.append, at_most=0).wait()
        return reports[0]

    def _loops(self) -> Sequence[Loop]:
        with self._guard:
            if not self._made:
                from probes.probers.loop import Loop  # libcurl, which the core has no use for

                self._made = [Loop() for _ in range(LOOPS)]
            return self._made

    def _start(self, task: Task, batch: _Batch, loop: Loop) -> None:
        """In the loop's thread."""
        started = time.time()
        late = started - task.due_at
        if task.attempt == 0 and late > max(0.5 * task.interval, 2):
            words = f"not asked: its turn came {late:.1f} s late"
            batch.put(_report(task, Outcome(OutcomeStatus.SKIPPED, LATE, words), started))
        # Deadlines end below the interval, but a run that began late may last beyond the next one's slot.
        elif not self._take_turn(task):
            words = "not asked: its last run is still under way"
            batch.put(_report(task, Outcome(OutcomeStatus.SKIPPED, OVERLAP, words), started))
        else:
            self._ask(task, batch, loop, started)

    def _take_turn(self, task: Task) -> bool:
        with self._guard:
            if task.probe_id in self._under_way:
                return False
            self._under_way.add(task.probe_id)
            return True

    def _ask(self, task: Task, batch: _Batch, loop: Loop, started: float) -> None:
        found = probers.prepare(task)
        if isinstance(found, OneRequest):
            one = found
            loop.ask(one.request, lambda reply, held: self._end(task, batch, started, _unless_held_up(one.conclude(reply), held)))
        elif found is None:
            self._pool.submit(self._run, task, batch, started)
        else:
            self._end(task, batch, started, found)

    def _run(self, task: Task, batch: _Batch, started: float) -> None:
        self._end(task, batch, started, probers.run(task))

    def _end(self, task: Task, batch: _Batch, started: float, outcome: Outcome) -> None:
        self._under_way.discard(task.probe_id)
        batch.put(_report(task, outcome, started))


def _place(task: Task, loops: int) -> int:
    """Which loop: while libcurl shakes hands over TLS for one, it leaves the interpreter to the other. Whatever needs none is
    cheaper, and its time more exact, in one loop."""
    return task.probe_id % loops if str(task.spec.get("url", "")).startswith("https:") else 0


class _Batch:
    """The tasks of one message, counted down."""

    def __init__(self, count: int, report: Report) -> None:
        self._left, self._report = count, report
        self._guard = threading.Lock()
        self.is_done = threading.Event()
        if not count:
            self.is_done.set()

    def put(self, report: dict[str, Any]) -> None:
        self._report(report)
        with self._guard:
            self._left -= 1
            if not self._left:
                self.is_done.set()


def _unless_held_up(outcome: Outcome, held: float) -> Outcome:
    """What ran out of time, or was slow, while this agent itself came to nothing says nothing of whom it asked."""
    is_of_time = outcome.error_class in _OF_TIME or outcome.status in (OutcomeStatus.DELAYED, OutcomeStatus.DEGRADED)
    if held < HELD_UP or not is_of_time:
        return outcome
    words = f"not judged: this agent was held up for {held:.1f} s of it; seen all the same: {outcome.evidence}"
    return Outcome(OutcomeStatus.SKIPPED, LATE, words[:300])


def _report(task: Task, outcome: Outcome, started: float) -> dict[str, Any]:
    report = {
        "probe_id": task.probe_id,
        "slot": task.slot,
        "attempt": task.attempt,
        "status": outcome.status.value,
        "error_class": outcome.error_class,
        "evidence": outcome.evidence,
        "http_status": outcome.http_status,
        "total_us": outcome.total_us,
        "phases": outcome.phases,
        "started_at": started,
        "lateness_ms": round((started - task.due_at) * 1000),
    }
    return report if outcome.accepted is None else {**report, "accepted": asdict(outcome.accepted)}
