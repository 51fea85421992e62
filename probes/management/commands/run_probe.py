"""Run one probe now, from here, and print what it saw."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from probes.models import Probe
from probes.outcome import Outcome, OutcomeStatus, Task
from probes.probers import run


class Command(BaseCommand):
    help = (
        "Run one probe now, from this machine with this environment's secrets, and print the outcome. Nothing is recorded. "
        "Exit status: 0 when the outcome is ok (or accepted: the answer comes later), 1 when it is anything else, 2 when there "
        "is no such probe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the probe's code")
        parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        probe = _find(options["code"])
        now = time.time()
        task = Task(probe.pk, probe.code, probe.kind, probe.spec, probe.interval, probe.timeout, slot=int(now))
        outcome = run(task, now=now)
        self.stdout.write(json.dumps(asdict(outcome)) if options["json"] else _readable(probe, outcome))
        if outcome.status not in (OutcomeStatus.OK, OutcomeStatus.ACCEPTED):
            raise SystemExit(1)


def _find(code: str) -> Probe:
    probe = Probe.objects.filter(code=code).first()
    if probe is None:
        known = ", ".join(Probe.objects.values_list("code", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no probe {code!r}. Known: {known}.", returncode=2)
    return probe


def _readable(probe: Probe, outcome: Outcome) -> str:
    lines = [f"{probe.code} ({probe.kind}): {outcome.status}" + (f", {outcome.error_class}" if outcome.error_class else "")]
    lines.append(f"  {outcome.evidence}")
    if outcome.http_status is not None:
        lines.append(f"  HTTP status {outcome.http_status}")
    if outcome.total_us is not None:
        phases = ", ".join(f"{name} {took / 1000:.1f}" for name, took in outcome.phases.items())
        lines.append(f"  {outcome.total_us / 1000:.1f} ms in all ({phases})")
    return "\n".join(lines)
