"""One run of a kind that speaks over Python's sockets: its clock, its early end, and sockets that keep to it."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from probes.outcome import Outcome, OutcomeStatus

READ_AT_MOST = 1024 * 1024  # bytes of one connection


class Failure(Exception):
    """The run ends here. `error_class` is one of Outcome's; the words are for staff and hold nothing that a server said."""

    def __init__(self, error_class: str, words: str) -> None:
        super().__init__(words)
        self.error_class, self.words = error_class, words


@dataclass
class Run:
    """The clock of one run: seconds in all, and the phases as far as it came, in microseconds."""

    timeout: float
    started: float = field(default_factory=time.monotonic)
    phases: dict[str, int] = field(default_factory=dict)
    _marked: float = 0.0

    def __post_init__(self) -> None:
        self._marked = self.started

    @property
    def deadline(self) -> float:
        return self.started + self.timeout

    @property
    def left(self) -> float:
        """Seconds, never 0: for a socket that means not to wait at all."""
        return max(0.001, self.deadline - time.monotonic())

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def took_us(self) -> int:
        return round((time.monotonic() - self.started) * 1_000_000)

    def mark(self, phase: str) -> None:
        """The phase ends now; it began where the one before ended."""
        now = time.monotonic()
        self.phases[phase] = self.phases.get(phase, 0) + round((now - self._marked) * 1_000_000)
        self._marked = now

    def failed(self, failure: Failure) -> Outcome:
        """The outcome of a run that ended early; only a timeout has a measure: the time waited."""
        is_ours = failure.error_class in {"target", "credentials", "rate"}
        is_timeout = failure.error_class in {"timeout_connect", "timeout_read", "deadline"} or self.is_over
        return Outcome(
            OutcomeStatus.MISCONFIGURED if is_ours else OutcomeStatus.DOWN,
            failure.error_class,
            failure.words,
            total_us=self.took_us if is_timeout and not is_ours else None,
            phases=self.phases,
        )


class _Timed:
    """A socket whose every wait ends at the deadline, so that a dripping server cannot outlive it."""

    deadline = float("inf")
    received = 0

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)  # type: ignore[attr-defined]

    def _count(self, size: int) -> None:
        self.received += size
        if self.received > READ_AT_MOST:
            raise Failure("assertion", f"it sends more than {READ_AT_MOST // 1024} KB")

    def recv(self, *args: Any) -> bytes:
        self._arm()
        chunk: bytes = super().recv(*args)  # type: ignore[misc]
        self._count(len(chunk))
        return chunk

    def recv_into(self, *args: Any) -> int:
        self._arm()
        size: int = super().recv_into(*args)  # type: ignore[misc]
        self._count(size)
        return size

    def send(self, *args: Any) -> int:
        self._arm()
        return int(super().send(*args))  # type: ignore[misc]

    def sendall(self, *args: Any) -> None:
        self._arm()
        super().sendall(*args)  # type: ignore[misc]


class TimedSocket(_Timed, socket.socket):
    pass


class TimedTlsSocket(_Timed, ssl.SSLSocket):
    pass
