"""The parent process of `make run`: prepares a copy, starts every process, watches them, and ends them all.

It imports no Django, to stay small. Children stay in its process group and die with it; a child that exits is started again,
a stopped one is left alone.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import functools
import http.client
import os
import re
import secrets
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

from statuspage import broker
from statuspage.processes import adopt_orphans, die_with_parent

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
LOG_AT_MOST = 5_000_000  # bytes, when a copy starts
ENDED_WITHIN = 3.5  # seconds; then they are killed
READY_WITHIN = 60.0
QUICK = 5.0  # seconds: a child that lives shorter waits a little before its next start
LONGEST_PAUSE = 10.0
WORKER = ("-m", "statuspage.worker")


class CannotStart(Exception):
    """One line that says what to change."""


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
        return cls(
            data_dir=data_dir,
            port=_port(environment, "HALI_PORT", 8000),
            sandbox_port=_port(environment, "HALI_SANDBOX_PORT", 8001),
            own_broker=not environment.get("REDIS_URL"),
            environment={**environment, "HALI_DATA_DIR": str(data_dir), "MALLOC_ARENA_MAX": "2"},
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
            raise CannotStart(f"Port {port} is taken ({error.strerror}): set {name} to a free one.") from error


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


# --- Its env file -------------------------------------------------------------------------------


def write_env_file(copy: Copy) -> dict[str, str]:
    """`$HALI_DATA_DIR/env`: secrets made once and kept, addresses as they are now; readable by its owner only."""
    path = copy.data_dir / "env"
    values = read_env_file(path)
    for name, make in _SECRETS.items():
        values.setdefault(name, make())
    values |= {
        "HALI_DEMO": "true",
        "HALI_PORT": str(copy.port),
        "HALI_SANDBOX_PORT": str(copy.sandbox_port),
        "HALI_BASE_URL": f"http://127.0.0.1:{copy.port}",
    }
    values.pop("REDIS_URL", None)
    if copy.own_broker:
        values["REDIS_URL"] = f"redis+socket://{broker.socket_path(copy.data_dir)}"
    temporary = path.with_name("env.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write("# Written by `make run`. The environment wins over it.\n")
        handle.writelines(f"{name}={value}\n" for name, value in values.items())
    os.replace(temporary, path)
    return values


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


_SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "HALI_ADDRESS_KEYS": _fernet_key,
    "HALI_ADDRESS_HASH_KEY": lambda: secrets.token_urlsafe(32),
    "HALI_DEMO_PASSWORD": lambda: secrets.token_hex(8),
}


def read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE))


# --- Prepare ------------------------------------------------------------------------------------


def prepare(copy: Copy) -> None:
    """Translations, tables and the demo's rows; all of it may run again."""
    (copy.data_dir / "static").mkdir(exist_ok=True)  # WhiteNoise asks for it; the demo's files come from their sources
    _step(copy, "compiling translations", "-m", "statuspage.translations")
    _step(copy, "migrating the database", "manage.py", "migrate", "--verbosity", "0")
    _step(copy, "seeding the demo", "manage.py", "seed_demo")


def _step(copy: Copy, what: str, *arguments: str) -> None:
    done = subprocess.run([PYTHON, *arguments], cwd=ROOT, env=copy.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise CannotStart(f"{what.capitalize()} failed: {lines[-1]}")


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
    web = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(copy.port), "--workers", "1"]
    web += ["--blocking-threads", "4", "--no-ws", "--respawn-failed-workers", "--log-level", "warning"]
    return [
        *own,
        Child("sandbox", [PYTHON, "-m", "probes.sandbox", "--port", str(copy.sandbox_port)]),
        Child(
            "agent",
            [PYTHON, *WORKER, "--name", "agent", "--queues", "probes.nairobi", "--pool", "threads", "--concurrency", "8"],
            {"HALI_AGENT": "nairobi"},
        ),
        Child("worker", [PYTHON, *WORKER, "--queues", "core,notify", "--concurrency", "2"]),
        Child("beat", [PYTHON, "-m", "statuspage.beat"]),
        Child("publisher", [PYTHON, "manage.py", "publisher"]),
        Child("web", [PYTHON, *web, "statuspage.wsgi:application"]),
    ]


class Copies:
    """The running children. A signal only sets a flag; the loop does the work."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.children = children_of(copy)
        self.stopping = False
        (copy.data_dir / "log").mkdir(exist_ok=True)

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

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
                preexec_fn=functools.partial(die_with_parent, child.dies_by),
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
                pause = min(2.0 ** (child.quick_exits - 1), LONGEST_PAUSE) if child.quick_exits else 0.0
                say(f"{child.name} ended ({_how(code)}); starting it again. Its log: {self.copy.data_dir}/log/{child.name}.log")
                child.process, child.start_after = None, now + pause

    def end_all(self) -> None:
        """Politely, then by force; and wait until no descendant is left."""
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        limit = time.monotonic() + ENDED_WITHIN
        while any(process.poll() is None for process in running) and time.monotonic() < limit:
            time.sleep(0.05)
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
        with contextlib.suppress(ChildProcessError):  # orphans come to us and die with their parents
            limit = time.monotonic() + 1
            while time.monotonic() < limit:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.02)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def banner(copy: Copy, values: Mapping[str, str]) -> str:
    page = f"http://127.0.0.1:{copy.port}"
    password = copy.environment.get("HALI_DEMO_PASSWORD") or values["HALI_DEMO_PASSWORD"]
    mail = copy.environment.get("EMAIL_URL") or f"{copy.data_dir}/mail/"
    return f"""
  Mfano Pesa status   {page}/   (Kiswahili: {page}/sw/)
  Desk                {page}/admin/   writer, approver or engineer; password {password}
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
        values = write_env_file(copy)
        try:
            copies = Copies(copy)
        except broker.NoBroker as error:
            raise CannotStart(str(error)) from error
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, copies.ask_to_stop)
        prepare(copy)
        adopt_orphans()
        try:
            _keep_running(copies, values)
        finally:
            copies.end_all()


def _keep_running(copies: Copies, values: Mapping[str, str]) -> None:
    copies.start_all()
    waiting, limit = True, time.monotonic() + READY_WITHIN
    while not copies.stopping:
        copies.watch()
        if waiting and is_ready(copies.copy.port):
            say(banner(copies.copy, values))
            waiting = False
        elif waiting and time.monotonic() > limit:
            say(f"Not everything is at work yet: http://127.0.0.1:{copies.copy.port}/healthz tells what is missing.")
            limit = time.monotonic() + READY_WITHIN
        time.sleep(0.2)


def main() -> int:
    die_with_parent(signal.SIGTERM)
    try:
        run(Copy.from_environment(os.environ))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
