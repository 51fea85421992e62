"""The copy of a rehearsal: a folder of its own with the file that makes it an exercise, its processes, and what it watches."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from incidents import exercise
from incidents.models import Component, Notice
from incidents.signing import sign_notice, withdraw_notice
from probes import vantages
from probes.models import Probe, Vantage
from probes.sandbox import demo
from probes.scheduling import schedule
from statuspage import run
from statuspage.drills.scripts import INTERVAL, PROBES, Script
from statuspage.processes import die_with_parent
from subscribers import links, subscriptions
from subscribers.models import Subscriber

READY_WITHIN = 300.0  # seconds, on a busy machine
OTHER_VANTAGE, OTHER_ADDRESS = "mombasa", "127.0.0.2"  # the scenario's firewall blocks it
READERS = (("asha@customer.example", "sw"), ("brian@customer.example", "en"))  # invented, as all of an exercise

# What goes from shell to exercise, and from exercise to its processes: whatever else is set means another copy.
SHELL = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
OURS = ("HALI_DATA_DIR", "HALI_PORT", "HALI_SANDBOX_PORT", "HALI_SEND_HOLD", "HALI_LOG_LEVEL")


class DrillFailed(Exception):
    """It cannot be played. The message says what to change."""


def lay_out(folder: Path) -> dict[str, str]:
    """Make the folder of an exercise and answer the environment that its processes live in. Nothing of ours goes along."""
    folder.mkdir(parents=True)
    (folder / exercise.MARKER).write_text("This copy is an exercise. It contacts nobody.\n")
    environment = {
        **_kept(SHELL),
        "HALI_DATA_DIR": str(folder),
        "HALI_PORT": str(_free_port()),
        "HALI_SANDBOX_PORT": str(_free_port()),
        "HALI_SEND_HOLD": "2",
        "HALI_LOG_LEVEL": "WARNING",
    }
    run.write_env_file(run.Copy.from_environment(environment))
    return environment


def _kept(names: Sequence[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """The processes of the exercise whose settings this process has. They end with it."""

    def __init__(self) -> None:
        if not settings.EXERCISE:
            raise DrillFailed("This is no copy of an exercise: start it with `manage.py drill`.")
        self.url = settings.BASE_URL
        self.sandbox = f"http://127.0.0.1:{settings.HALI_SANDBOX_PORT}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Everything but the services that only this rehearsal watches. Raises DrillFailed."""
        self._spawn("run", ["-m", "statuspage.run"], {})
        self._wait("the copy is at work", lambda: requests.get(f"{self.url}/healthz", timeout=5).status_code == 200)

    def watch(self, script: Script, *, speed: float, now: datetime) -> None:
        """Probes, promises and readers of the rehearsal. Raises DrillFailed."""
        _shorten_promises(speed, now)
        self._register_addresses()
        names = [vantage.name for vantage in Vantage.objects.filter(is_passive=False)]
        for code, (service, asks) in PROBES.items():
            if service in (*script.troubled, *script.untouched):
                _add_probe(code, service, {"base_url": self.sandbox, "credentials": "SANDBOX", **asks}, names)
        if script.two_vantages:
            self._start_other_vantage()
        for address, language in READERS:
            _subscribe(address, language, now)
        self._wait("every watched service is well", self._is_green)

    def play(self, scenario: str, speed: float) -> None:
        answer = requests.post(f"{self.sandbox}/_sim/scenario/{scenario}", json={"speed": speed}, timeout=5)
        if not answer.ok:
            raise DrillFailed(f"The sandbox does not play {scenario}: {answer.text}")

    def end(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start_other_vantage(self) -> None:
        key = settings.DATA_DIR / f"{OTHER_VANTAGE}.key"
        other, _ = Vantage.objects.get_or_create(name=OTHER_VANTAGE, defaults={"label": OTHER_VANTAGE.title()})
        vantages.enrol_here(name=OTHER_VANTAGE, path=key)
        for probe in Probe.objects.all():
            schedule(probe=probe, vantage=other)
        asks_from = {"HALI_AGENT": OTHER_VANTAGE, "HALI_AGENT_KEY_FILE": str(key), "HALI_SOURCE_ADDRESS": OTHER_ADDRESS}
        queue = ("--queues", f"probes.{OTHER_VANTAGE}", "--pool", "threads", "--concurrency", "16")
        self._spawn(OTHER_VANTAGE, [*run.WORKER, "--name", OTHER_VANTAGE, *queue], asks_from)

    def _spawn(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        with (settings.DATA_DIR / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(  # noqa: S603  our own commands
                [sys.executable, *command],
                cwd=run.ROOT,
                env={**_kept((*SHELL, *OURS)), **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=functools.partial(die_with_parent, signal.SIGTERM, os.getpid()),
            )
        self._processes.append(process)

    def _wait(self, what: str, is_so: Callable[[], bool]) -> None:
        limit = time.monotonic() + READY_WITHIN
        while time.monotonic() < limit:
            if self._processes[0].poll() is not None:
                said = (settings.DATA_DIR / "run.out").read_text().strip().splitlines()
                raise DrillFailed(f"The copy ended: {said[-1] if said else 'without a word'}")
            try:
                if is_so():
                    return
            except requests.RequestException:
                pass
            time.sleep(0.3)
        raise DrillFailed(f"Waited {READY_WITHIN:.0f} s in vain until {what}. Logs: {settings.DATA_DIR}/log/")

    def _is_green(self) -> bool:
        watched = Component.objects.filter(probes__enabled=True).distinct()
        return all(component.observed_status == "operational" for component in watched)

    def _register_addresses(self) -> None:
        """Where payments to a short code are told: once each, by hand, as it is done in production."""
        back = f"{self.url}/callbacks/{settings.CALLBACK_TOKEN}"
        granted = requests.get(
            f"{self.sandbox}/oauth/v1/generate?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET), timeout=10
        )
        header = {"Authorization": f"Bearer {granted.json()['access_token']}"}
        for shortcode in demo.SHORTCODES:
            fields = {
                "ShortCode": shortcode,
                "ResponseType": "Completed",
                "ConfirmationURL": back,
                "ValidationURL": f"{back}/validation",
            }
            answer = requests.post(f"{self.sandbox}/mpesa/c2b/v2/registerurl", json=fields, headers=header, timeout=10)
            if not answer.ok:
                raise DrillFailed(f"The sandbox does not take our address: {answer.text}")


def _shorten_promises(speed: float, now: datetime) -> None:
    """A promise of the story in minutes of the rehearsal, one at least; so each notice is signed anew."""
    approver = User.objects.get(username="approver")
    for notice in Notice.objects.exclude(cadence_minutes=0):
        withdraw_notice(notice=notice, actor=approver, now=now)
        Notice.objects.filter(pk=notice.pk).update(cadence_minutes=max(1, round(notice.cadence_minutes / speed)))
        sign_notice(notice=Notice.objects.get(pk=notice.pk), signer=approver, now=now)


def _add_probe(code: str, service: str, spec: Mapping[str, Any], names: list[str]) -> None:
    probe = Probe.objects.create(
        code=code,
        component=Component.objects.get(code=service),
        kind="payment_flow",
        spec=dict(spec),
        interval=INTERVAL,
        timeout=4,
        failure_threshold=2,
        window=3,
        success_threshold=3,
    )
    for name in names:
        schedule(probe=probe, vantage=Vantage.objects.get(name=name))


def _subscribe(address: str, language: str, now: datetime) -> None:
    subscriptions.subscribe(address=address, language=language, source={"wording": "exercise"}, now=now)
    [newest] = Subscriber.objects.order_by("-pk")[:1]
    subscriptions.confirm(token=links.confirm_token(newest), now=timezone.now())
