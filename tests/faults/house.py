"""A whole copy with everything around it that can fail: database behind a proxy, broker, disks, mail server, nginx, readers."""

from __future__ import annotations

import glob
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests import servers
from tests.copies import ROOT, RunningCopy, wait_for
from tests.faults.proxy import Proxy
from tests.faults.test_link import Reference
from tests.mail_server import MailServer
from tests.servers import Server
from tests.story import Inbox, subscribe

READER = "asha@customer.example"
PORTS = 30_000  # open files: of us, of nginx
CLOCKS = "/usr/lib/*/faketime/libfaketime.so.1"
# libfaketime 0.9.10 passes on no sleep until a moment of the clock that it leaves alone, which is how Python sleeps.
SLEEP = "import select, time\n\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"


class House:
    """`may_mount`: we are root in a mount namespace of our own. `clock`: its processes take their time from a file."""

    def __init__(self, folder: Path, may_mount: bool, *, clock: bool = False) -> None:
        self.folder, self.may_mount = folder, may_mount
        self.clock = folder / "clock" if clock else None
        self._ahead = (0, 0)
        self._stack = ExitStack()
        self.is_broken = False  # the gateway, while somebody wants it so
        self.answered = ""

    def __enter__(self) -> House:
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _build(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(PORTS, hard), hard))
        self.rows_disk, self.page_disk = self._disk("rows", "400m"), self._disk("page", "60m")
        self.database = self._serve(servers.start_postgresql(self._made(self.rows_disk / "postgresql")))
        self.broker = self._serve(servers.start_valkey(self._made(self.folder / "valkey")))
        self.proxy = Proxy(int(self.database.url.rpartition(":")[2]))
        self._stack.callback(self.proxy.close)
        self.link = Reference()
        self._stack.callback(self.link.close)
        self.sink = MailServer()
        self.sink.start()
        self._stack.callback(self.sink.stop)
        self.rows = servers.make_database(self.database.url, "copy")
        self.copy = RunningCopy(self.folder / "copy", self._environment())
        self._stack.callback(self.copy.stop)
        self.copy.start(seconds=400)
        self.nginx = self._serve(
            servers.start_nginx(self._made(self.folder / "nginx"), snapshot=self.page_disk / "snapshot", app_port=self.copy.port)
        )
        self._open_mouth()
        self.inbox = Inbox(self.sink)
        subscribe(self.copy, self.inbox, READER, "sw")

    def _environment(self) -> dict[str, str]:
        behind_proxy = self.rows.replace(self.database.url, f"postgres://hali@127.0.0.1:{self.proxy.port}")
        environment = {
            "DATABASE_URL": behind_proxy,
            "REDIS_URL": self.broker.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.sink.port}",
            "HALI_SNAPSHOT_DIR": str(self.page_disk / "snapshot"),
            "HALI_REFERENCE_TARGETS": f"127.0.0.1:{self.link.port}",
        }
        if self.clock:
            self.clock.write_text("+0\n")
            (self._made(self.folder / "site") / "sitecustomize.py").write_text(SLEEP)
            environment |= {
                "LD_PRELOAD": glob.glob(CLOCKS)[0],
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # when a wall's clock is set, the other one goes on
                "PYTHONPATH": str(self.folder / "site"),
            }
        return environment

    def _serve(self, server: Server) -> Server:
        self._stack.callback(lambda: server.stop())
        return server

    def _made(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        return folder

    def _disk(self, name: str, size: str) -> Path:
        """A small disk of its own where we may mount one, else a folder."""
        place = self._made(self.folder / name)
        if self.may_mount:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)], check=True)
            self._stack.callback(lambda: subprocess.run(["umount", "--lazy", str(place)], check=False))
        return place

    # --- What is asked of it -----------------------------------------------------------------------

    def origins(self) -> dict[str, str]:
        return {"nginx": self.nginx.url, "app": self.copy.url}

    def put_clock(self, ahead: int) -> None:
        """Seconds. Its processes take it over within one of them (FAKETIME_CACHE_DURATION)."""
        assert self.clock is not None
        self._ahead = (self._ahead[-1], ahead)
        self.clock.write_text(f"{ahead:+d}\n")

    def times(self) -> list[float]:
        """What processes of the copy may take for the time now."""
        return [time.time() + ahead for ahead in self._ahead]

    def settle(self) -> None:
        wait_for("everything is at work", self.copy.is_healthy, seconds=300)
        self.copy.wait_until_green(seconds=180)

    def hold(self, lasts: float, *, say_at: float | None, said: list[str]) -> None:
        """Wait as long as the fault lasts; meanwhile somebody publishes a word. It counts once they were told that it is out."""
        ends = time.monotonic() + lasts
        if say_at is not None:
            time.sleep(say_at)
            if self.say("down"):
                said.append("down")
        time.sleep(max(0.0, ends - time.monotonic()))

    def say(self, notice: str) -> bool:
        return self.tell(f"say paybill {notice}")

    def tell(self, line: str) -> bool:
        """Whether our person at the keyboard was told that it is done."""
        assert self._mouth.stdin is not None
        assert self._mouth.stdout is not None
        self._mouth.stdin.write(line + "\n")
        self._mouth.stdin.flush()
        self.answered = self._mouth.stdout.readline().strip()
        return self.answered == "ok"

    def _open_mouth(self) -> None:
        with (self.folder / "mouth.log").open("ab") as log:
            self._mouth = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.mouth"],
                cwd=ROOT,
                env=self.copy.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._stack.callback(self._mouth.wait)
        self._stack.callback(self._mouth.kill)
        assert self._mouth.stdout is not None
        assert self._mouth.stdout.readline().strip() == "ok", (self.folder / "mouth.log").read_text()[-1000:]

    def whole_again_after(self, patience: float) -> float | None:
        """Seconds until nothing is missing; None if that does not come."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            if not self.what_is_missing():
                return round(time.monotonic() - began, 1)
            time.sleep(0.3)
        return None

    def what_is_missing(self) -> str:
        try:
            if requests.get(f"{self.copy.url}/healthz", timeout=5).status_code != 200:
                return "something is not at work"
            told = requests.get(f"{self.nginx.url}/api/v1/status.json", timeout=5).json()
        except (requests.RequestException, ValueError) as error:
            return f"no answer: {type(error).__name__}"
        if told["freshness"] != "fresh":
            return "the page is stale"
        bad = [part["code"] for part in told["components"] if part["measured"] and part["status"] != "operational"]
        return f"{', '.join(bad)} cannot be confirmed" if bad else ""

    def lost(self, said: Sequence[str]) -> list[str]:
        """Words that were public and are not found: on the page, in the mail; and a record that does not hold."""
        found = []
        with suppress(requests.RequestException, ValueError):
            incidents = requests.get(f"{self.nginx.url}/api/v2/incidents/unresolved.json", timeout=5).json()["incidents"]
            if said and not incidents:
                found.append("the word on the page")
            if len(incidents) > 1:
                found.append(f"{len(incidents)} incidents of one")
            for incident in incidents:
                if not self._was_mailed(incident["id"]):
                    found.append("the mail")
        if not self.tell("verify"):
            found.append(f"the proof of the record ({self.answered})")
        return found

    def _was_mailed(self, incident: str) -> bool:
        def arrived() -> bool:
            return any(f"/incidents/{incident}" in str(mail) for mail in self.inbox.news_to(READER).values())

        with suppress(AssertionError):
            return wait_for("the mail", arrived, seconds=120)
        return False

    def end_incident(self) -> None:
        """Back to all green, for the next fault."""
        if self.copy.summary().get("incidents"):
            for notice in ("watching", "resolved"):
                wait_for(f"{notice} can be said", lambda: self.say(notice), seconds=120)  # noqa: B023  asked at once

    def break_again(self, path: str) -> None:
        """The gateway is busy, as soon as it is there."""

        def is_set() -> bool:
            with suppress(requests.RequestException):
                self.copy.break_gateway(path, "busy")
                return True
            return False

        wait_for("the gateway can be broken", is_set, seconds=60)

    def is_mended(self) -> bool:
        with suppress(requests.RequestException):
            self.copy.mend_gateway()
            return True
        return False

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Of the database itself, past the proxy."""
        with psycopg.connect(self.rows, autocommit=True, connect_timeout=5) as connection:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []
