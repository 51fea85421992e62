"""`manage.py drill <scenario>`: a rehearsal on a copy of its own, which contacts nobody; a report at the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from probes.sandbox.scenarios import FASTEST, SCENARIOS
from statuspage.drills import report
from statuspage.drills.house import DrillFailed, House, lay_out
from statuspage.drills.people import People
from statuspage.drills.scripts import SCRIPTS, Script

LEAD = 3.0  # seconds between the announcement of work and its beginning
AFTERWARDS = 12 * 60.0  # seconds to end what is open once the story is over: what came back twice must stay away for ten minutes


class Command(BaseCommand):
    help = "Replay an outage as an exercise: on a copy of its own, marked on every page, with nobody contacted."

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("scenario", choices=list(SCENARIOS))
        parser.add_argument("--speed", type=float, help="times faster than it happened (default: one that can be sat through)")
        parser.add_argument(
            "--by-hand", action="store_true", help="people act at the drill's desk, not a script; Ctrl-C ends it with the report"
        )
        parser.add_argument(
            "--folder", type=Path, help="where the exercise lives (default: $HALI_DATA_DIR/drills/<scenario>-<time>)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        speed = options["speed"] or SCRIPTS[options["scenario"]].speed
        if not 1 <= speed <= FASTEST:
            raise CommandError(f"--speed {speed:g}: give a number from 1 to {FASTEST:g}.")
        if not settings.EXERCISE:
            self._go_over(options)
        try:
            drill = _Drill(self, options["scenario"], speed, by_hand=options["by_hand"])
            if not drill.run():
                sys.exit(1)
        except DrillFailed as error:
            raise CommandError(str(error)) from error

    def _go_over(self, options: dict[str, Any]) -> None:
        """Become the drill: this process begins anew with the settings of the exercise's folder, and none of ours."""
        name = f"{options['scenario']}-{timezone.now():%Y%m%d-%H%M%S}"
        folder = (options["folder"] or settings.DATA_DIR / "drills" / name).absolute()
        if folder.exists():
            raise CommandError(f"{folder} is there already: name another folder.")
        try:
            environment = lay_out(folder)
        except OSError as error:
            raise CommandError(f"{folder} cannot be made ({error.strerror}): name another with --folder.") from error
        self.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606  ourselves


class _Drill:
    def __init__(self, command: BaseCommand, scenario: str, speed: float, *, by_hand: bool) -> None:
        self.say = command.stdout.write
        self.scenario, self.speed, self.by_hand = scenario, speed, by_hand
        self.script: Script = SCRIPTS[scenario]
        self.house = House()
        self._stop = threading.Event()

    def run(self) -> bool:
        """Play it; answers whether the report is good."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            self.say(f"Exercise {self.scenario} in {settings.DATA_DIR}")
            self.house.start()
            self.house.watch(self.script, speed=self.speed, now=timezone.now())
            return self._play()
        finally:
            self.house.end()

    def _play(self) -> bool:
        people = People()
        self._invite()
        lasts = SCENARIOS[self.scenario].lasts_s / self.speed
        if self.script.announced:
            self._announce(people)
        self.house.play(self.scenario, self.speed)
        began, started = timezone.now(), time.monotonic()
        while not self._stop.is_set():
            passed = time.monotonic() - started
            if passed > lasts and people.are_done():
                break
            if passed > lasts + AFTERWARDS and not self.by_hand:
                self.say("Something is still open; the people of the script gave up.")
                break
            if not self.by_hand:
                self._let_act(people)
            self._stop.wait(0.5)
        found = report.draw_up(scenario=self.scenario, script=self.script, speed=self.speed, began=began, ended=timezone.now())
        (settings.DATA_DIR / "report.json").write_text(report.as_json(found) + "\n")
        for line in report.lines(found):
            self.say(line)
        return found.is_good

    def _let_act(self, people: People) -> None:
        try:
            people.step(timezone.now())
        except OperationalError:  # the copy is busy: they try again
            return

    def _announce(self, people: People) -> None:
        assert self.script.announced is not None
        start, end = (timedelta(hours=hour) / self.speed for hour in self.script.announced)
        now = timezone.now()
        first = now + timedelta(seconds=LEAD)
        people.announce(components=self.script.troubled, starts_at=first + start, ends_at=first + end, now=now)
        self._stop.wait(LEAD)

    def _invite(self) -> None:
        self.say(f"The page  {self.house.url}/   (Kiswahili: {self.house.url}/sw/)")
        if self.by_hand:
            self.say(f"The desk  {self.house.url}/admin/   writer, approver, engineer; password {settings.DEMO_PASSWORD}")
