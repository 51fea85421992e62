"""Many HTTP requests at once on one thread, by libcurl's events: no thread waits for a target, none is woken by an answer."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pycurl

from probes.probers import engine
from probes.probers.engine import Exchange, Reply, Request

log = logging.getLogger(__name__)

AT_ONCE = 400  # requests on their way: each holds a socket or two, and a process is let open 1024
BEHIND = 0.1  # seconds that one turn of the loop may take before it counts as held up
SLICE = 0.001  # seconds of our own work in a turn: libcurl times an answer when it is told of it, so it must not wait for more
Act = Callable[[], None]
Done = Callable[[Reply, float], None]  # the reply, and for how many seconds of it this loop was held up
_READ, _WRITE, _GONE = select.POLLIN, select.POLLOUT, select.POLLNVAL
_EVENTS = {pycurl.POLL_IN: _READ, pycurl.POLL_OUT: _WRITE, pycurl.POLL_INOUT: _READ | _WRITE}


class Loop:
    """`later` from any thread; `ask` from what it runs. A thread of its own, which begins with the first act."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        # Few sockets, each watched for a moment: changing what poll() looks at is no call of the system, as with epoll it is.
        self._watched = select.poll()
        self._timer = float("inf")  # when libcurl wants to be called
        self._handles: list[engine.Rested] = []
        self._under_way: dict[Any, tuple[Exchange, Done, float]] = {}
        self._queued: deque[tuple[Request, Done]] = deque()
        self._ended: deque[tuple[Any, tuple[int, str] | None]] = deque()  # timed by libcurl, not looked at yet
        self._held = 0.0  # seconds so far in which a turn took too long
        self._turn = 0.0  # when this one began
        self._due: list[tuple[float, int, Act]] = []
        self._number = itertools.count()  # of two acts due together the first is the first
        self._given: deque[tuple[float, int, Act]] = deque()
        self._wake, self._waken = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waken, False)
        self._watched.register(self._wake, _READ)
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def later(self, acts: Iterable[tuple[float, Act]]) -> None:
        """Run each act in the loop's thread at its time, of the clock that never steps. What it raises is logged."""
        self._given.extend((when, next(self._number), act) for when, act in acts)
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="probes", daemon=True)
                self._thread.start()
        with suppress(BlockingIOError):  # it is full of calls already
            os.write(self._waken, b"!")

    def ask(self, request: Request, done: Done) -> None:
        """Ask once, as `engine.fetch` does; `done` runs in this thread. Beyond AT_ONCE it waits its turn."""
        if len(self._under_way) >= AT_ONCE:
            self._queued.append((request, done))
            return
        exchange = engine.begin(request, self._handles)
        if isinstance(exchange, Reply):
            refusal = exchange
            _try(lambda: done(refusal, 0.0))
            return
        self._under_way[exchange.curl] = exchange, done, self._held
        self._multi.add_handle(exchange.curl)

    # --- The loop's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        sys.setswitchinterval(SLICE)  # nor may other threads of this process keep an answer waiting for longer
        while True:
            ready = self._watched.poll(self._patience())
            self._turn = time.monotonic()
            for fd, events in ready:
                if fd == self._wake:
                    os.read(self._wake, 4096)
                elif events & _GONE:  # it was closed, and nobody said so
                    self._forget(fd)
                else:  # an error or a hang-up is news for whoever reads, and for whoever writes
                    mask = (pycurl.CSELECT_IN if events & ~_WRITE else 0) | (pycurl.CSELECT_OUT if events & ~_READ else 0)
                    self._multi.socket_action(fd, mask)
            if self._timer <= time.monotonic():
                self._timer = float("inf")
                self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._take_answers()
            while self._given:
                heapq.heappush(self._due, self._given.popleft())
            self._work(time.monotonic() + SLICE)
            self._held += self._late_in_turn()

    def _work(self, until: float) -> None:
        """Finish what has ended and begin what is due, in turns, for a short while."""
        while True:
            if self._ended:
                self._finish(*self._ended.popleft())
            now = time.monotonic()
            if self._due and self._due[0][0] <= now:
                _try(heapq.heappop(self._due)[2])
            elif not self._ended:
                return
            if now >= until:
                return

    def _late_in_turn(self) -> float:
        """Seconds that this turn has taken too long: where a machine has too much to do, answers wait for us."""
        return max(0.0, time.monotonic() - self._turn - BEHIND)

    def _patience(self) -> float | None:
        """Milliseconds until something is to be done; None: only a call can be the next."""
        following = min(self._timer, self._due[0][0] if self._due else float("inf"))
        if self._given or self._ended:
            return 0
        return None if following == float("inf") else max(0.0, 1000 * (following - time.monotonic()))

    def _take_answers(self) -> None:
        waiting = 1
        while waiting:
            waiting, fine, failed = self._multi.info_read()
            self._ended.extend((curl, None) for curl in fine)
            self._ended.extend((curl, (code, str(words))) for curl, code, words in failed)

    def _finish(self, curl: Any, failure: tuple[int, str] | None) -> None:
        exchange, done, before = self._under_way.pop(curl)
        held = self._held + self._late_in_turn() - before
        reply = engine.end(exchange, failure, before_rest=lambda: self._multi.remove_handle(curl))
        _try(lambda: done(reply, held))
        while self._queued and len(self._under_way) < AT_ONCE:
            self.ask(*self._queued.popleft())

    # --- What libcurl calls --------------------------------------------------------------------

    def _watch(self, what: int, fd: int, multi: Any, data: Any) -> None:
        if what == pycurl.POLL_REMOVE:
            self._forget(fd)
        elif events := _EVENTS.get(what):
            self._watched.register(fd, events)  # anew, or with other events

    def _forget(self, fd: int) -> None:
        with suppress(KeyError):  # it never got as far as being watched
            self._watched.unregister(fd)

    def _set_timer(self, milliseconds: int) -> None:
        self._timer = float("inf") if milliseconds < 0 else time.monotonic() + milliseconds / 1000


def _try(act: Act) -> None:
    try:
        act()
    except Exception as error:  # noqa: BLE001  one run's failure must not end all others'
        log.error("A run was lost: %s.", type(error).__name__)
