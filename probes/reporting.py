"""Gathers the outcomes of an agent into messages: what ended within the same moment goes on together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Send = Callable[[list[dict[str, Any]], float | None], None]
Waiting = tuple[dict[str, Any], float | None]


class Reporter:
    """`put` from any thread; a thread of its own sends. What a dead broker refuses is lost: its slots stay without an outcome.

    With a message goes the least of the seconds that its tasks took from the dispatcher to here.
    """

    def __init__(self, send: Send, *, every: float, at_most: int) -> None:
        self._send, self._every, self._at_most = send, every, at_most
        self._waiting: list[Waiting] = []
        self._put = self._sent = 0  # how many so far
        self._guard = threading.Lock()
        self._went = threading.Condition(self._guard)
        self._is_wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, report: dict[str, Any], outward_s: float | None) -> None:
        """Nobody is woken for it but a sender at rest."""
        with self._guard:
            self._waiting.append((report, outward_s))
            self._put += 1
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
                self._thread.start()
        if not self._is_wanted.is_set():
            self._is_wanted.set()

    def wait_until_sent(self) -> None:
        """Until all that was put before has gone: a worker that is told to stop waits for its tasks, and loses nothing."""
        with self._went:
            mine = self._put
            self._went.wait_for(lambda: self._sent >= mine, timeout=20 * self._every)

    def _run(self) -> None:
        while True:
            self._is_wanted.wait()
            time.sleep(self._every)
            self._is_wanted.clear()
            with self._guard:
                taken, self._waiting = self._waiting, []
            waiting = sorted(taken, key=lambda item: (item[0]["slot"], item[0]["probe_id"]))
            for start in range(0, len(waiting), self._at_most):
                self._try(waiting[start : start + self._at_most])
            with self._went:
                self._sent += len(waiting)
                self._went.notify_all()

    def _try(self, waiting: list[Waiting]) -> None:
        reports = [report for report, _ in waiting]
        try:
            self._send(reports, min((seconds for _, seconds in waiting if seconds is not None), default=None))
        except Exception as error:  # noqa: BLE001  whatever the broker's client raises, the next message is tried all the same
            log.error("%d outcomes could not be sent (%s).", len(reports), type(error).__name__)
