"""The faults of the table: each a context in which it lasts, and for how long."""

from __future__ import annotations

import functools
import glob
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests import servers
from tests.copies import ROOT, wait_for
from tests.faults.house import CLOCKS, House
from tests.servers import client

SILENT = 75.0  # seconds: longer than anything may be called fresh, or known, without news
MANY = 10_000  # connections
SLOW = 500  # readers who never end their question


@dataclass(frozen=True)
class Fault:
    """`tells`: in the table's words. `says_at`: when somebody publishes a word meanwhile. `mounts`, `clock`: what it needs."""

    tells: str
    act: Callable[[House], AbstractContextManager[None]]
    lasts: float = 5.0
    says_at: float | None = 1.0
    mounts: bool = False
    clock: bool = False

    def not_run(self, *, may_mount: bool) -> str:
        """What this machine refuses that it needs; "" for nothing."""
        if self.mounts and not may_mount:
            return "no mount namespace"
        return "libfaketime is not installed" if self.clock and not glob.glob(CLOCKS) else ""


# --- Processes -------------------------------------------------------------------------------------


@contextmanager
def killed(name: str, house: House) -> Iterator[None]:
    house.copy.kill(name)
    yield
    wait_for(f"{name} is back", lambda: house.copy.is_back(name), seconds=60)


@contextmanager
def stopped(name: str, house: House) -> Iterator[None]:
    """It stands still and keeps its connections: what a machine that pauses looks like."""
    processes = house.copy.running(name)
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@contextmanager
def doubled(command: tuple[str, ...], house: House) -> Iterator[None]:
    with (house.folder / "another.log").open("ab") as log:
        other = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=house.copy.environment, stdout=log, stderr=log)
    try:
        yield
        assert other.poll() is None, f"the second one ended: {(house.folder / 'another.log').read_text()[-500:]}"
    finally:
        other.terminate()
        other.wait(timeout=30)


# --- Database --------------------------------------------------------------------------------------


@contextmanager
def database_restarted(house: House) -> Iterator[None]:
    house.database.stop()
    house.database.start_again()
    yield


@contextmanager
def database_refused(house: House) -> Iterator[None]:
    house.proxy.refuse(on=True)
    try:
        yield
    finally:
        house.proxy.refuse(on=False)


@contextmanager
def database_slow(house: House) -> Iterator[None]:
    house.proxy.delay = 0.2
    try:
        yield
    finally:
        house.proxy.delay = 0.0


@contextmanager
def database_read_only(house: House) -> Iterator[None]:
    """As a server is that was made a follower, or whose disk was mounted so."""
    _read_only(house, on=True)
    try:
        yield
    finally:
        _read_only(house, on=False)


def _read_only(house: House, *, on: bool) -> None:
    """For new statements of whoever is connected, too. ALTER SYSTEM writes a file, no row, so it can be taken back."""
    house.ask(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
    house.ask("SELECT pg_reload_conf()")


@contextmanager
def database_disk_full(house: House) -> Iterator[None]:
    with _full(house.rows_disk):
        yield
    if house.database.process.poll() is not None:  # it gave up, as it says it does; a supervisor starts it
        house.database.start_again()


@contextmanager
def database_disk_read_only(house: House) -> Iterator[None]:
    """The kernel turns no disk with files open for writing: so it ends first, as it would by itself, and starts in vain."""
    house.database.stop()
    _remount(house.rows_disk, "ro")
    try:
        command, user = house.database.process.args, servers.unprivileged()
        tried = subprocess.run(command, user=user, capture_output=True, timeout=30, check=False)
        assert tried.returncode != 0
        yield
    finally:
        _remount(house.rows_disk, "rw")
        house.database.start_again()


# --- Disks -----------------------------------------------------------------------------------------


@contextmanager
def _full(disk: Path) -> Iterator[None]:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as handle, suppress(OSError):
        for size in (1_000_000, 4096, 1):
            with suppress(OSError):
                while True:
                    handle.write(b"x" * size)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def page_disk_full(house: House) -> Iterator[None]:
    with _full(house.page_disk):
        yield


@contextmanager
def page_disk_read_only(house: House) -> Iterator[None]:
    _remount(house.page_disk, "ro")
    try:
        yield
    finally:
        _remount(house.page_disk, "rw")


def _remount(disk: Path, how: str) -> None:
    """Refused while somebody writes: asked again."""
    wait_for(
        f"the disk is {how}",
        lambda: subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], capture_output=True, check=False).returncode == 0,
        seconds=20,
    )


# --- Broker, mail, link ----------------------------------------------------------------------------


@contextmanager
def broker_gone(house: House) -> Iterator[None]:
    house.broker.kill()
    try:
        yield
    finally:
        house.broker.start_again()


@contextmanager
def broker_stopped(house: House) -> Iterator[None]:
    house.broker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        house.broker.process.send_signal(signal.SIGCONT)


@contextmanager
def broker_flushed(house: House) -> Iterator[None]:
    with client(house.broker.url) as connection:
        connection.flushall()
    yield


@contextmanager
def mail_refused(house: House) -> Iterator[None]:
    """It takes connections and commands, and refuses every message for now."""
    house.sink.to_data = "451 4.3.0 Not now"
    try:
        yield
    finally:
        house.sink.to_data = ""


@contextmanager
def mail_hangs(house: House) -> Iterator[None]:
    """It takes connections and commands, and says nothing more once a message comes."""
    house.sink.hangs_in_data = True
    try:
        yield
    finally:
        house.sink.hangs_in_data = False


@contextmanager
def link_cut(house: House) -> Iterator[None]:
    """The agent reaches nothing any more; whoever says “down” then is wrong."""
    since = int(time.time())
    house.link.close()
    house.copy.break_gateway("*", "refuse")
    try:
        yield
    finally:
        house.copy.mend_gateway()
        house.link.open()
    [(wrong,)] = house.ask(f"SELECT count(*) FROM probes_result WHERE status = 'down' AND slot > {since + 10}")
    assert wrong == 0, f"{wrong} outcomes called the gateway down"


# --- Clock, crowds ---------------------------------------------------------------------------------


@contextmanager
def clock_jumps(seconds: int, house: House) -> Iterator[None]:
    house.put_clock(seconds)
    try:
        yield
    finally:
        house.put_clock(0)


@contextmanager
def crowd(count: int, question: bytes, house: House) -> Iterator[None]:
    """So many connections to nginx, each with the beginning of a question."""
    port = int(house.nginx.url.rpartition(":")[2])
    with ExitStack() as stack:
        for number in range(count):
            one = stack.enter_context(socket.socket())
            one.settimeout(5)
            one.bind((f"127.0.{number // 5000}.{2 + number % 200}", 0))
            one.connect(("127.0.0.1", port))
            one.sendall(question)
        yield


def _process(
    how: Callable[[str, House], AbstractContextManager[None]], name: str
) -> Callable[[House], AbstractContextManager[None]]:
    return functools.partial(how, name)


FAULTS: Mapping[str, Fault] = {
    **{
        f"kill-{name}": Fault(f"{name} killed (-9)", _process(killed, name))
        for name in ("web", "agent", "worker", "beat", "publisher", "sandbox")
    },
    **{
        f"stop-{name}": Fault(f"{name} stands still (SIGSTOP)", _process(stopped, name), SILENT, 10.0)
        for name in ("web", "agent", "worker", "beat", "publisher")
    },
    "database-restart": Fault("database restarted", database_restarted),
    "database-refused": Fault("database refuses everybody", database_refused, SILENT, 5.0),
    "database-slow": Fault("database answers 200 ms late, each way", database_slow, 60.0, 5.0),
    "database-read-only": Fault("database takes no writes", database_read_only, SILENT, 5.0),
    "database-full": Fault("database's disk full", database_disk_full, 60.0, 5.0, mounts=True),
    "database-disk-read-only": Fault(
        "database's disk read-only: it cannot start", database_disk_read_only, SILENT, 5.0, mounts=True
    ),
    "page-disk-full": Fault("snapshot's disk full", page_disk_full, SILENT, 5.0, mounts=True),
    "page-disk-read-only": Fault("snapshot's disk read-only", page_disk_read_only, SILENT, 5.0, mounts=True),
    "broker-gone": Fault("broker gone for a minute", broker_gone, 60.0, 5.0),
    "broker-stopped": Fault("broker stands still", broker_stopped, SILENT, 5.0),
    "broker-flushed": Fault("broker emptied", broker_flushed),
    "mail-refused": Fault("mail server takes no message", mail_refused, 20.0, 1.0),
    "mail-hangs": Fault("mail server falls silent", mail_hangs, SILENT, 1.0),
    "two-beats": Fault("two beats", functools.partial(doubled, ("-m", "statuspage.beat")), 20.0),
    "two-publishers": Fault("two publishers", functools.partial(doubled, ("manage.py", "publisher")), 20.0),
    "link-cut": Fault("agent's own link cut", link_cut, SILENT, None),
    "clock-forward": Fault("our clocks jump an hour ahead", functools.partial(clock_jumps, 3600), SILENT, None, clock=True),
    "clock-back": Fault("our clocks jump an hour back", functools.partial(clock_jumps, -3600), SILENT, None, clock=True),
    "slow-loris": Fault(
        f"{SLOW} readers who never end their question", functools.partial(crowd, SLOW, b"GET / HTTP/1.1\r\nHost: h\r\nX-"), 30.0
    ),
    "connections": Fault(f"{MANY} connections that ask nothing", functools.partial(crowd, MANY, b""), 30.0),
}
