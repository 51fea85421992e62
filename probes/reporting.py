"""Gathers the outcomes of an agent into messages: what ended within the same half second goes on together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Send = Callable[[list[dict[str, Any]]], None]


class Reporter:
    """`put` from any thread; a thread of its own sends. What a dead broker refuses is lost: its slots stay without an outcome."""

    def __init__(self, send: Send, *, every: float, at_most: int) -> None:
        self._send, self._every, self._at_most = send, every, at_most
        self._waiting: list[dict[str, Any]] = []
        self._put = self._sent = 0  # how many so far
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, report: dict[str, Any]) -> None:
        with self._changed:
            self._waiting.append(report)
            self._put += 1
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_until_sent(self) -> None:
        """Until all that was put before has gone: a worker that is told to stop waits for its tasks, and loses nothing."""
        with self._changed:
            mine = self._put
            self._changed.wait_for(lambda: self._sent >= mine, timeout=20 * self._every)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
            time.sleep(self._every)
            with self._changed:
                reports = sorted(self._waiting, key=lambda report: (report["slot"], report["probe_id"]))
                self._waiting = []
            for start in range(0, len(reports), self._at_most):
                self._try(reports[start : start + self._at_most])
            with self._changed:
                self._sent += len(reports)
                self._changed.notify_all()

    def _try(self, reports: list[dict[str, Any]]) -> None:
        try:
            self._send(reports)
        except Exception as error:  # noqa: BLE001  whatever the broker's client raises, the next half second tries again
            log.error("%d outcomes could not be sent (%s).", len(reports), type(error).__name__)
