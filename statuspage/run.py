"""The parent process of `make run`: prepares a copy, starts every process, watches them, and ends them all.

It imports no Django, to stay small. Children stay in its process group and die with it; a child that exits is started again,
a stopped one is left alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from statuspage import broker, env_file
from statuspage.processes import IS_LINUX, adopt_orphans, children_now, die_with_parent
from statuspage.secrets_in_words import without_password

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
LOG_AT_MOST = 5_000_000  # bytes, when a copy starts
ENDED_WITHIN = 3.5  # seconds; then they are killed
READY_WITHIN = 60.0
QUICK = 5.0  # seconds: a child that lives shorter waits a little before its next start
LONGEST_PAUSE = 10.0
WORKER = ("-m", "statuspage.worker")
# One process, to be small; few threads: more of them only wait for one another, at twice the processor a page.
WEB = (
    *("-m", "granian", "statuspage.wsgi:application", "--interface", "wsgi", "--host", "127.0.0.1", "--workers", "1"),
    *("--blocking-threads", "4", "--no-ws", "--respawn-failed-workers", "--log-level", "warning"),
)
# Where the rows, the broker, mail and the page are. What the environment of a start says of them stands in the env file until the
# next, so that any `manage.py` with the same data folder means the same copy.
ADDRESSES = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "HALI_BASE_URL", "HALI_SNAPSHOT_DIR")
# What the C library is asked: few heaps, and large pieces given back as soon as they are free.
FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}


class CannotStart(Exception):
    """One line that says what to change."""


class Stopped(Exception):
    """We were told to end before everything was started."""


# --- What the copy is ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Copy:
    """A copy's folder and ports, from the environment."""

    data_dir: Path
    port: int
    sandbox_port: int
    own_broker: bool
    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Copy:
        data_dir = Path(environment.get("HALI_DATA_DIR") or ROOT / "var").absolute()
        if found := re.search(r"[#?%\n]", str(data_dir)):
            raise CannotStart(f"HALI_DATA_DIR={str(data_dir)!r}: an address cannot carry {found[0]!r}; name another folder.")
        port, sandbox_port = _port(environment, "HALI_PORT", 8000), _port(environment, "HALI_SANDBOX_PORT", 8001)
        if port == sandbox_port:
            raise CannotStart(f"HALI_PORT and HALI_SANDBOX_PORT are both {port}: give them different numbers.")
        unwanted = {name for name in ADDRESSES if not environment.get(name)} | {"HALI_AGENT"}  # which is for the agent alone
        return cls(
            data_dir=data_dir,
            port=port,
            sandbox_port=sandbox_port,
            own_broker=not environment.get("REDIS_URL"),
            environment={name: value for name, value in environment.items() if name not in unwanted}
            | {"HALI_DATA_DIR": str(data_dir), **FRUGAL},
        )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    raw = environment.get(name) or str(default)
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise CannotStart(f"{name}={raw!r}: give a whole number from 1 to 65535.")
    return int(raw)


def require_free(port: int, name: str) -> None:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as error:
            state = "is taken" if error.errno == errno.EADDRINUSE else "cannot be used"
            raise CannotStart(f"Port {port} {state} ({error.strerror}): set {name} to a free one.") from error


def require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be written ({error.strerror}): set HALI_DATA_DIR to a folder of yours."
        ) from error


@contextlib.contextmanager
def alone_on(folder: Path) -> Iterator[None]:
    """One copy a data folder."""
    with (folder / "run.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise CannotStart(f"A copy runs on {folder} already: set HALI_DATA_DIR to another folder.") from error
        yield


def write_env_file(copy: Copy) -> dict[str, str]:
    """The copy's secrets, kept, and its addresses as they are now. Answers every value of the file."""
    values = {
        "HALI_DEMO": "true",
        "HALI_PORT": str(copy.port),
        "HALI_SANDBOX_PORT": str(copy.sandbox_port),
        "HALI_BASE_URL": f"http://127.0.0.1:{copy.port}",
    }
    if copy.own_broker:
        values["REDIS_URL"] = f"redis+socket://{broker.socket_path(copy.data_dir)}"
    told = {name: copy.environment[name] for name in ADDRESSES if copy.environment.get(name)}
    return env_file.write(copy.data_dir / "env", values, told=told)


# --- Prepare ------------------------------------------------------------------------------------


def prepare(copy: Copy, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Translations, tables and the demo's rows; all of it may run again. Raises Stopped soon after `is_stopping` says so."""
    for what, arguments in _STEPS.items():
        _step(copy, what, arguments, is_stopping)


# Django's own checks of a program would load the desk with all its forms, twice, before anything has begun.
_STEPS = {
    "compiling translations": ("-m", "statuspage.translations"),
    "migrating the database": ("manage.py", "migrate", "--verbosity", "0", "--skip-checks"),
    "seeding the demo": ("manage.py", "seed_demo", "--skip-checks"),
}


def _step(copy: Copy, what: str, arguments: tuple[str, ...], is_stopping: Callable[[], bool]) -> None:
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [PYTHON, *arguments],
            cwd=ROOT,
            env=copy.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=functools.partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )
        while process.poll() is None and not is_stopping():
            time.sleep(0.02)
        if is_stopping():
            process.kill()
            process.wait()
            raise Stopped
        if process.returncode:
            output.seek(0)
            raise CannotStart(f"{what.capitalize()} failed: {_reason(copy, output.read())}")


def _reason(copy: Copy, said: str) -> str:
    """The line of a failed step that names the error, and what to change where that is the database."""
    lines = said.strip().splitlines() or ["no message"]
    named = [line for line in lines if re.match(r"(Settings|[\w.]+(Error|Exception)): ", line)]
    reason = (named or lines)[-1].strip()
    if "django.db.utils." not in reason:
        return reason
    url = copy.environment.get("DATABASE_URL") or env_file.read(copy.data_dir / "env").get("DATABASE_URL")
    if url:
        return f"{reason} Set DATABASE_URL to a database that answers."
    return f"{reason}. The database is {copy.data_dir}/hali.sqlite3; set HALI_DATA_DIR to another folder to begin anew."


# --- Start, watch, end --------------------------------------------------------------------------


@dataclass
class Child:
    """One process of the copy, and what it takes to start it again."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    dies_by: int = signal.SIGKILL
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_after: float = 0.0
    quick_exits: int = 0


def children_of(copy: Copy) -> list[Child]:
    """Every process, the broker first."""
    own = [Child("broker", broker.command(copy.data_dir), dies_by=signal.SIGTERM)] if copy.own_broker else []
    return [
        *own,
        Child("sandbox", [PYTHON, "-m", "probes.sandbox", "--port", str(copy.sandbox_port)]),
        Child(
            "agent",
            [PYTHON, *WORKER, "--name", "agent", "--queues", "probes.nairobi", "--pool", "threads", "--concurrency", "64"],
            {"HALI_AGENT": "nairobi"},
        ),
        Child("worker", [PYTHON, *WORKER, "--queues", "core,notify", "--concurrency", "2"]),
        Child("beat", [PYTHON, "-m", "statuspage.beat"]),
        Child("publisher", [PYTHON, "manage.py", "publisher"]),
        Child("web", [PYTHON, *WEB, "--port", str(copy.port)]),
    ]


class Children:
    """The running children. A signal only sets a flag; the loop does the work."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.children = children_of(copy)
        self.stopping = False
        self.told_to_stop_at = 0.0
        for name in ("log", "static"):  # WhiteNoise asks for the second; the demo's files come from their sources
            (copy.data_dir / name).mkdir(exist_ok=True)

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping, self.told_to_stop_at = True, time.monotonic()

    def is_stopping(self) -> bool:
        return self.stopping

    def start(self, child: Child) -> None:
        path = self.copy.data_dir / "log" / f"{child.name}.log"
        with path.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                cwd=ROOT,
                env={**self.copy.environment, **child.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=functools.partial(die_with_parent, child.dies_by, os.getpid()),
            )
        child.started_at = time.monotonic()

    def start_all(self) -> None:
        for path in (self.copy.data_dir / "log").glob("*.log"):
            if path.stat().st_size > LOG_AT_MOST:
                path.replace(path.with_suffix(".log.1"))
        for child in self.children:
            self.start(child)

    def watch(self) -> None:
        """Start again whoever exited; one that exits again and again waits a little longer each time."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.start_after:
                    self.start(child)
            elif (code := child.process.poll()) is not None and not self.stopping:
                is_quick = now - child.started_at < QUICK
                child.quick_exits = child.quick_exits + 1 if is_quick else 0
                pause = pause_after(child.quick_exits)
                say(f"{child.name} ended ({_how(code)}); starting it again. Its log: {self.copy.data_dir}/log/{child.name}.log")
                child.process, child.start_after = None, now + pause
        self._bury_orphans()

    def end_all(self) -> None:
        """Politely, then by force; and wait until no descendant is left."""
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        limit = (self.told_to_stop_at or time.monotonic()) + ENDED_WITHIN
        while any(process.poll() is None for process in running) and time.monotonic() < limit:
            time.sleep(0.05)
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
        self._end_orphans()

    def _bury_orphans(self) -> None:
        """Grandchildren whose parent was killed die too, and come to us. Our own children's ends are read in `watch`."""
        own = {child.process.pid for child in self.children if child.process}
        with contextlib.suppress(ChildProcessError):
            while IS_LINUX and (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
                if ended.si_pid in own:
                    return
                os.waitpid(ended.si_pid, 0)

    def _end_orphans(self) -> None:
        """Whoever is left now came to us from a child that ended; it has no more work."""
        limit = time.monotonic() + 1
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < limit:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    for pid in children_now():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    time.sleep(0.02)


def pause_after(quick_exits: int) -> float:
    """Seconds before the next start: none after a long life, then 1, 2, 4, ... up to the longest."""
    return min(2.0 ** (min(quick_exits, 10) - 1), LONGEST_PAUSE) if quick_exits else 0.0


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


def is_ready(port: int) -> bool:
    # By a socket alone: the library for HTTP brings TLS with it, megabytes for a process that only waits.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False


def banner(copy: Copy, values: Mapping[str, str]) -> str:
    page = f"http://127.0.0.1:{copy.port}"
    password = copy.environment.get("HALI_DEMO_PASSWORD") or values["HALI_DEMO_PASSWORD"]
    email_url = copy.environment.get("EMAIL_URL")
    mail = without_password(email_url) if email_url else f"{copy.data_dir}/mail/"
    return f"""
  Mfano Pesa status   {page}/   (Kiswahili: {page}/sw/)
  Desk                {page}/admin/   writer, approver, engineer or page-admin; password {password}
  Gateway to break    http://127.0.0.1:{copy.sandbox_port}/_sim/faults
  Mail goes to        {mail}
  Data and logs       {copy.data_dir}/

  Ctrl-C ends all of it.
"""


def say(text: str) -> None:
    print(text, flush=True)


def run(copy: Copy) -> None:
    require_writable(copy.data_dir)
    with alone_on(copy.data_dir):
        require_free(copy.port, "HALI_PORT")
        require_free(copy.sandbox_port, "HALI_SANDBOX_PORT")
        try:
            values = write_env_file(copy)
            children = Children(copy)
        except broker.NoBroker as error:
            raise CannotStart(str(error)) from error
        except OSError as error:
            raise CannotStart(f"{error.filename} is not what a copy keeps there ({error.strerror}): move it away.") from error
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, children.ask_to_stop)
        prepare(copy, children.is_stopping)
        adopt_orphans()
        try:
            _keep_running(children, values)
        finally:
            children.end_all()


def _keep_running(children: Children, values: Mapping[str, str]) -> None:
    children.start_all()
    copy = children.copy
    waiting, limit = True, time.monotonic() + READY_WITHIN
    while not children.stopping:
        children.watch()
        if waiting and is_ready(copy.port):
            say(banner(copy, values))
            waiting = False
        elif waiting and time.monotonic() > limit:
            say(f"Not everything is at work yet: http://127.0.0.1:{copy.port}/healthz tells what is missing.")
            limit = time.monotonic() + READY_WITHIN
        time.sleep(0.2)


def main() -> int:
    die_with_parent(signal.SIGTERM)
    try:
        run(Copy.from_environment(os.environ))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
