"""The callback worker: posts results to the merchant's address when they are due, to loopback addresses only."""

from __future__ import annotations

import heapq
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

WAITING_AT_MOST = 10_000
POST_SECONDS = 5.0
LOOK_AGAIN = 1.0  # seconds: a clock that is set, or moved by a test, is noticed by then
ANSWER_LIMIT = 4096

Then = Callable[[int | None, bytes], None]


def is_loopback(url: str) -> bool:
    """Whether `url` is http:// on this machine by its literal address; names other than localhost are not looked up."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and host is not None and (host in {"localhost", "::1"} or _is_127(host))


def _is_127(host: str) -> bool:
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except OSError:
        return False


class Job(NamedTuple):
    """One callback: when (epoch seconds), its turn among equals, where, what, and who hears of the answer."""

    due: float
    turn: int
    url: str
    body: bytes
    then: Then | None


class CallbackWorker:
    """`report(what, status)` gets "sent" or "failed" and the receiver's status.

    One thread posts what is due, started with the first callback. With `by_hand` there is none, and whoever moves the clock
    calls `post_due`.
    """

    def __init__(
        self, report: Callable[[str, int | None], None], *, clock: Callable[[], float] = time.time, by_hand: bool = False
    ) -> None:
        self._report = report
        self._clock = clock
        self._by_hand = by_hand
        self._due: list[Job] = []
        self._turns = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def schedule(self, *, url: str, body: dict[str, Any], after_s: float, then: Then | None = None) -> None:
        """Post `body` to `url` in `after_s` seconds. When too many wait, the new one is dropped and reported."""
        with self._changed:
            if len(self._due) >= WAITING_AT_MOST:
                self._report("dropped", None)
                return
            heapq.heappush(self._due, Job(self._clock() + after_s, next(self._turns), url, json.dumps(body).encode(), then))
            if self._thread is None and not self._by_hand:
                self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)
                self._thread.start()
            self._changed.notify()

    def post_due(self) -> int:
        """Post all that is due, in order; answers how many."""
        count = 0
        while job := self._next():
            self._post(job)
            count += 1
        return count

    def next_due(self) -> float | None:
        """When the next one is due (epoch seconds); None when nothing waits."""
        with self._changed:
            return self._due[0].due if self._due else None

    def _run(self) -> None:
        while True:
            self.post_due()
            with self._changed:
                wait = min(self._due[0].due - self._clock(), LOOK_AGAIN) if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)

    def _next(self) -> Job | None:
        with self._changed:
            return heapq.heappop(self._due) if self._due and self._due[0].due <= self._clock() else None

    def _post(self, job: Job) -> None:
        status, body = None, b""
        try:
            status, body = _post(job.url, job.body)
            self._report("sent", status)
        except (OSError, ValueError):
            self._report("failed", None)
        if job.then:
            job.then(status, body)


def _post(url: str, body: bytes) -> tuple[int, bytes]:
    """A POST by hand: http.client would load ssl and the mail parser, half as much memory again as the whole sandbox."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or "127.0.0.1"
    head = (
        f"POST {target} HTTP/1.0\r\nHost: {host}:{parts.port or 80}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((host, parts.port or 80), timeout=POST_SECONDS) as connection:
        connection.sendall(head.encode("ascii") + body)
        answer = connection.makefile("rb")
        words = answer.readline(1000).split()
        if len(words) < 2:
            raise OSError("no status line")
        return int(words[1]), answer.read(ANSWER_LIMIT).partition(b"\r\n\r\n")[2]
