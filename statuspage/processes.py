"""What every process of Hali does at its start. No Django here: the parent process uses it too."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

IS_LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


_desk = True


def without_desk() -> None:
    """This process answers nobody who signs in. Said before settings are read."""
    global _desk
    _desk = False


def has_desk() -> bool:
    return _desk


def die_with_parent(number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Ask Linux to send us `number` when our parent ends, so that nothing of a copy outlives it.

    `parent`: its id, where the caller knows it; else whoever it is by now, which misses one that ended before we asked.

    SIGKILL, since every step is safe to kill (leases, compare-and-set), and a polite signal could hang
    with nobody left to press harder. Elsewhere than on Linux this does nothing.
    """
    if not IS_LINUX:
        return
    if parent is None:
        parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent ends, so that we can wait for them to be gone."""
    if IS_LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tell_systemd(state: str) -> None:
    """Tell the service manager READY=1 or WATCHDOG=1 (sd_notify); without one, or when it does not listen, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller, contextlib.suppress(OSError):
        teller.setblocking(False)
        teller.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def children_now() -> list[int]:
    """The ids of our children, adopted ones too; none where the system does not tell."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []
