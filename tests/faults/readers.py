"""Readers of the page during a fault: every 200 ms, through nginx and at the app itself, and what they must never see."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

EVERY = 0.2  # seconds
OLDEST_GREEN = 90.0  # seconds that "working" may be old
PATIENCE = 5.0  # seconds that a reader waits


@dataclass(frozen=True)
class Look:
    """What one reader saw: "" where nothing is wrong with it. `shown`: fresh, stale, or what the page was instead."""

    at: float
    shown: str
    wrong: str = ""
    took: float = 0.0


@dataclass
class Seen:
    """All looks at one origin."""

    looks: list[Look] = field(default_factory=list)

    def wrongs(self) -> Counter[str]:
        return Counter(look.wrong for look in self.looks if look.wrong)

    def stale_s(self) -> float:
        return round(sum(EVERY for look in self.looks if look.shown == "stale"), 1)

    def slowest_ms(self) -> int:
        return round(1000 * max((look.took for look in self.looks), default=0.0))


class Reader(threading.Thread):
    """Asks an origin for the page and for its JSON, in turn, until it is told to stop."""

    def __init__(self, origin: str, *, watched: str, clocks: Callable[[], Sequence[float]] = tuple) -> None:
        """`clocks`: what the copy may take for the time. A page is right by the reader's or by one of those."""
        super().__init__(daemon=True)
        self.origin, self.watched, self.clocks = origin, watched, clocks
        self.seen = Seen()
        self._stopping = threading.Event()
        self._session = requests.Session()

    def run(self) -> None:
        turn = 0
        while not self._stopping.is_set():
            began = time.time()
            self.seen.looks.append(self._look("/" if turn % 2 else "/api/v1/status.json"))
            turn += 1
            self._stopping.wait(max(0.0, EVERY - (time.time() - began)))

    def stop(self) -> Seen:
        self._stopping.set()
        self.join(timeout=2 * PATIENCE)
        with suppress(OSError):
            self._session.close()
        return self.seen

    def _look(self, path: str) -> Look:
        began = time.time()
        try:
            answer = self._session.get(self.origin + path, timeout=PATIENCE)
        except requests.RequestException as error:
            return Look(began, "nothing", f"no answer ({type(error).__name__})", time.time() - began)
        took = time.time() - began
        if answer.status_code != 200:
            return Look(began, "error", f"{answer.status_code}", took)
        if path == "/":
            text = answer.content.decode(errors="replace")
            if not text.rstrip().endswith("</html>"):
                return Look(began, "half", "half a page", took)
            return Look(began, "fresh" if 'data-freshness="fresh"' in text else "stale", "", took)
        try:
            told = answer.json()
        except ValueError:
            return Look(began, "half", "half a document", took)
        wrong = [false_green(told, now=now, watched=self.watched) for now in (began, *self.clocks())]
        return Look(began, str(told["freshness"]), wrong[0] if all(wrong) else "", took)


def false_green(told: Any, *, now: float, watched: str) -> str:
    """Why a status document calls something well that nobody knows to be; "" when it does not."""
    part = next(one for one in told["components"] if one["code"] == watched)
    if told["freshness"] != "fresh" or part["status"] != "operational":
        return ""
    if now - _epoch(told["as_of"]) > OLDEST_GREEN:
        return "green, and the record was read long ago"
    if told["measured_at"] and now - _epoch(told["measured_at"]) > OLDEST_GREEN:
        return "green, and the probes are silent"
    return ""


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def in_words(seen: Seen, wrongs: Sequence[str] = ()) -> str:
    found = [*wrongs, *(f"{count} × {what}" for what, count in seen.wrongs().most_common())]
    stale = f"stale for {seen.stale_s():.0f} s" if seen.stale_s() else "fresh throughout"
    return "; ".join(found) if found else stale
