"""A whole copy of Hali as `make run` starts it: real processes, on free loopback ports, in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
COMMAND = (sys.executable, "-m", "statuspage.run")
# What a process's command line contains.
PROCESSES = {
    "web": "granian",
    "broker": "valkey-server",
    "sandbox": "probes.sandbox",
    "agent": "probes.nairobi",
    "worker": "core,notify",
    "beat": "statuspage.beat",
    "publisher": "manage.py publisher",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ask: Callable[[], T], *, seconds: float = 60) -> T:
    """Ask until the answer is true; an assertion that names `what` when it does not come in time."""
    limit = time.monotonic() + seconds
    answer = ask()
    while not answer:
        assert time.monotonic() < limit, f"Waited {seconds:.0f} s in vain for: {what}. Last answer: {answer!r}"
        time.sleep(0.2)  # between two questions, not instead of one
        answer = ask()
    return answer


def this_run() -> str:
    """The day, and the code: "2026-11-29 1a2b3c4", with a + where it was changed since that commit."""
    asked = (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"])
    commit, changed = (
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() for words in asked
    )
    return f"{time.strftime('%Y-%m-%d')} {commit}{'+' if changed else ''}"


class RunningCopy:
    """`python -m statuspage.run` in `folder`. `environment` adds to (and wins over) what the copy needs."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "HALI_PORT": str(self.port),
            "HALI_SANDBOX_PORT": str(self.sandbox_port),
            "HALI_DATA_DIR": str(folder),
            "HALI_UNATTENDED_MINUTES": "60",
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._killed: dict[str, set[int]] = {}

    def start(self, command: Sequence[str] = COMMAND, *, seconds: float = 150) -> None:
        """Start it and wait until everything is at work."""
        self.launch(command)
        try:
            wait_for("the copy is ready", self.is_healthy, seconds=seconds)
        except BaseException:
            self.stop()
            raise

    def launch(self, command: Sequence[str] = COMMAND) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "run.out").open("ab") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=out, stderr=out)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the copy ended: {(self.folder / 'run.out').read_text()[-2000:]}"
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> None:
        if self.process and self.is_running():
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=15)

    def running(self, name: str) -> list[psutil.Process]:
        """The processes of that name, the parent first."""
        assert self.process is not None
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if PROCESSES[name] in " ".join(child.cmdline()):
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def kill(self, name: str) -> int:
        """End the process at once, as a crash would; answers its id."""
        [first, *_] = processes = self.running(name)
        self._killed[name] = {process.pid for process in processes}
        first.kill()
        return int(first.pid)

    def is_back(self, name: str) -> bool:
        """It was killed, all of it is gone, and another runs."""
        now = {process.pid for process in self.running(name)}
        return bool(now) and now.isdisjoint(self._killed[name])

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def setting(self, name: str) -> str:
        """A value of the copy's own env file."""
        found = re.search(rf"^{name}=(.*)$", (self.folder / "env").read_text(), re.MULTILINE)
        assert found, f"{name} is not in the env file"
        return found.group(1).strip().strip("'\"")

    # --- What people see -------------------------------------------------------------------------

    def page(self, path: str = "/") -> str:
        answer = requests.get(self.url + path, timeout=5)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.content.decode()

    def summary(self) -> dict[str, Any]:
        """The public JSON; empty while the web process is not there."""
        try:
            answer: dict[str, Any] = requests.get(f"{self.url}/api/v2/summary.json", timeout=5).json()
        except requests.RequestException:
            return {}
        return answer

    def component(self, name: str) -> str:
        """The public status of the component of that English name; "" while nothing answers."""
        return next((str(item["status"]) for item in self.summary().get("components", []) if item["name"] == name), "")

    def overall(self) -> str:
        """The public sentence over all components; "" while nothing answers."""
        return str(self.summary().get("status", {}).get("description", ""))

    def wait_until_green(self, what: str = "all green", *, seconds: float = 60) -> None:
        """Until every watched service has been seen well: one alone may be, while another has not been asked yet."""
        wait_for(what, lambda: self.overall() == "All Systems Operational", seconds=seconds)

    # --- The gateway -------------------------------------------------------------------------------

    def break_gateway(self, path: str, mode: str, **options: object) -> None:
        answer = requests.post(f"{self.sandbox}/_sim/faults", json={"path": path, "mode": mode, "rate": 1, **options}, timeout=5)
        assert answer.ok, answer.text

    def mend_gateway(self) -> None:
        assert requests.delete(f"{self.sandbox}/_sim/faults", timeout=5).ok
