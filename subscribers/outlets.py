"""How many senders work on this machine at once, and what a killed one had just sent.

An outlet is a file that its sender keeps locked; the kernel lets go of the lock when the sender dies, however it dies. Into the
same file the sender writes the ids of the deliveries it has claimed, and of each the moment the server has taken it. Who opens
the outlet next marks those as sent and frees the rest: a kill repeats the one mail in flight, no other, and keeps nobody waiting.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings

from subscribers import leases
from subscribers.rows import Claimed


class Outlet:
    """One sender's locked file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def note(self, deliveries: Sequence[Claimed]) -> None:
        """The server has taken them. One write: a process that is killed leaves the lines whole or not at all."""
        if deliveries:
            os.write(self._descriptor, "".join(f"sent {one.pk} {one.attempt}\n" for one in deliveries).encode())

    def begin(self, claimed: Sequence[Claimed]) -> None:
        """What this sender is about to send, and its lease, so that the rest need not wait for that if it dies."""
        lines = (f"claimed {one.pk} {one.attempt} {one.lease_until:%Y-%m-%dT%H:%M:%S.%f%z}\n" for one in claimed)
        os.write(self._descriptor, "".join(lines).encode())

    def take_over(self, *, now: datetime) -> None:
        """Mark what the last sender had sent when it died, and free the rest of what it had claimed."""
        lines = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0).decode(errors="replace").splitlines()
        if not lines:
            return
        sent = {key for _, key in _keys(lines, "sent")}
        leases.mark_sent(leases.by_attempt(sent), now=now)
        claimed = defaultdict[str, set[tuple[int, int]]](set)
        for lease, key in _keys(lines, "claimed"):
            claimed[lease].add(key)
        for lease, keys in claimed.items():
            leases.release(leases.by_attempt(keys - sent), until=datetime.fromisoformat(lease), now=now)
        os.ftruncate(self._descriptor, 0)


def _keys(lines: Sequence[str], word: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(lease, (row id, attempt)) of the deliveries that this was written of; "" for what is written without a lease."""
    pattern = re.compile(rf"{word} (\d+) (\d+)(?: (\S+))?")
    for line in lines:
        if found := pattern.fullmatch(line):
            yield found[3] or "", (int(found[1]), int(found[2]))


@contextmanager
def one(*, now: datetime) -> Iterator[Outlet | None]:
    """An outlet of this machine, with what dead senders left behind marked as sent; None while all of them are at work."""
    descriptor = _take()
    if descriptor is None:
        yield None
        return
    try:
        outlet = Outlet(descriptor)
        outlet.take_over(now=now)
        _take_over_others(now)
        yield outlet
        os.ftruncate(descriptor, 0)  # not after an error: what was sent may not be marked yet
    finally:
        os.close(descriptor)


def _take_over_others(now: datetime) -> None:
    """The outlets of senders that died beside this one: nobody may open theirs for a while, and their readers wait."""
    for path in _folder().glob("*.sent"):
        if path.stat().st_size > 0 and (descriptor := _locked(path)) is not None:
            try:
                Outlet(descriptor).take_over(now=now)
            finally:
                os.close(descriptor)


def left_behind() -> bool:
    """Did a sender of this machine die with something in hand?"""
    return any(path.stat().st_size > 0 and _is_free(path) for path in _folder().glob("*.sent"))


def any_at_work() -> bool:
    """Does a sender of this machine send right now?"""
    return any(not _is_free(path) for path in _folder().glob("*.sent"))


def _is_free(path: Path) -> bool:
    descriptor = _locked(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def _take() -> int | None:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(settings.SENDERS):
        descriptor = _locked(folder / f"{number}.sent")
        if descriptor is not None:
            return descriptor
    return None


def _folder() -> Path:
    return Path(settings.OUTLET_DIR)


def _locked(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
