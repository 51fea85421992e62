"""One access token per gateway and app in this process: at the real gateway a new one voids the one before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MARGIN_SECONDS = 60.0  # a token about to end is not used any more


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    until: float = 0.0


class NotInTime(Exception):
    """Another probe is fetching the token and did not finish before our deadline."""


class TokenCache:
    """Tokens by (base_url, credentials name). A fetch for one key never holds up another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, str], _Slot] = {}

    def put(self, key: tuple[str, str], token: str, expires_in: int) -> None:
        """Remember the newest token: an oauth probe's answer replaces the one in use."""
        slot = self._slot(key)
        slot.token, slot.until = token, self._clock() + expires_in - min(MARGIN_SECONDS, expires_in / 2)

    def get(self, key: tuple[str, str], *, refused: str = "") -> str:
        """The token in use, or "" when there is none, it is about to end, or it is the one that was just `refused`."""
        slot = self._slot(key)
        token = slot.token
        return token if token and token != refused and self._clock() < slot.until else ""

    @contextmanager
    def fetching(self, key: tuple[str, str], *, timeout: float) -> Iterator[None]:
        """Only one fetches at a time; whoever waited asks `get` again first. Raises NotInTime."""
        lock = self._slot(key).lock
        if not lock.acquire(timeout=max(0.0, timeout)):
            raise NotInTime
        try:
            yield
        finally:
            lock.release()

    def _slot(self, key: tuple[str, str]) -> _Slot:
        with self._lock:
            return self._slots.setdefault(key, _Slot())
