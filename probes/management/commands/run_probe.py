"""Run one probe now, from here or at its agents, and print what it saw."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from incidents.words import STATUS_WORDS, ComponentStatus
from probes import detection, pausing, scheduling
from probes.confirming import thresholds_of
from probes.masking import mask
from probes.models import Probe, ProbeSchedule, Result
from probes.outcome import Outcome, OutcomeStatus, Task
from probes.probers import PASSIVE, run, tracing

WAIT = 40.0  # seconds for agents: the next tick, the longest run, the way back


class Command(BaseCommand):
    help = (
        "Run one probe now, from this machine with this environment's secrets, and print the outcome. Nothing is recorded. "
        "With --at its agents run it instead; their outcomes are kept, and count in no window. Exit status: 0 when every "
        "outcome is ok (or accepted: the answer comes later), 1 when one is anything else, 2 when there is no such probe or "
        "nobody ran it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the probe's code")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
        how.add_argument("--debug", action="store_true", help="print requests, phases, assertions and the verdict; no secrets")
        how.add_argument("--at", action="append", metavar="VANTAGE", help="let the agent of this vantage run it; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        probe = _find(options["code"])
        if probe.kind in PASSIVE:
            raise CommandError(_pushed(probe), returncode=1)
        if options["at"]:
            statuses = self._at(probe, options["at"])
        else:
            statuses = [self._here(probe, as_json=options["json"], debug=options["debug"])]
        if not {*statuses} <= {OutcomeStatus.OK, OutcomeStatus.ACCEPTED}:
            raise SystemExit(1)

    def _here(self, probe: Probe, *, as_json: bool, debug: bool) -> str:
        now = time.time()
        row = ProbeSchedule(probe=probe, interval=probe.interval)
        task = scheduling.task_for(row, int(now), attempt=1)
        with tracing.watched() as lines:
            outcome = run(task, now=now)
        if as_json:
            self.stdout.write(json.dumps(asdict(outcome)))
        elif debug:
            for line in (*_before(probe, task), *lines, *_phases(lines, outcome), *_after(probe, outcome)):
                self.stdout.write(_masked(line))
        else:
            self.stdout.write(_readable(probe, outcome))
        return outcome.status

    def _at(self, probe: Probe, vantages: list[str]) -> list[str]:
        """Ask the agents by rows, as the desk does, and wait for what they hand in."""
        now = timezone.now()
        rows = pausing.run_now(probe=probe, now=now, by="run_probe", vantages=vantages)
        missing = sorted(set(vantages) - {row.vantage.name for row in rows})
        if missing:
            raise CommandError(f"It does not run at {', '.join(missing)}: switch on its schedule and the vantage.", returncode=2)
        waiting = {row.vantage_id: row.vantage.name for row in rows}
        results = Result.objects.filter(probe=probe, attempt__gte=1, slot__gte=int(now.timestamp()))
        statuses, ends = [], time.monotonic() + WAIT
        while waiting and time.monotonic() < ends:
            for result in results.filter(vantage__in=waiting).order_by("pk"):
                if name := waiting.pop(result.vantage_id, ""):
                    took = "" if result.total_us is None else f", {result.total_us / 1000:.1f} ms"
                    self.stdout.write(mask(f"{probe.code} at {name}: {result.status}{took}; {result.evidence}"))
                    statuses.append(result.status)
            time.sleep(0.2 if waiting else 0)
        if waiting:
            names = ", ".join(sorted(waiting.values()))
            raise CommandError(f"No outcome from {names} within {WAIT:.0f} s: is its agent at work?", returncode=2)
        return statuses


def _find(code: str) -> Probe:
    probe = Probe.objects.filter(code=code).first()
    if probe is None:
        known = ", ".join(Probe.objects.values_list("code", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no probe {code!r}. Known: {known}.", returncode=2)
    return probe


def _pushed(probe: Probe) -> str:
    """Where a push of this probe goes, and what signs it; there is nothing to run."""
    address = f"{settings.BASE_URL}/push/{probe.code}"
    signed = f"signed with HALI_SECRET_{probe.spec.get('secret', '')} of the web app"
    return (
        f"{probe.code} ({probe.kind}) is pushed to us, nothing is run: POST to {address}, {signed}. docs/pushes.md has the lines."
    )


def _readable(probe: Probe, outcome: Outcome) -> str:
    lines = [f"{probe.code} ({probe.kind}): {outcome.status}" + (f", {outcome.error_class}" if outcome.error_class else "")]
    lines.append(f"  {outcome.evidence}")
    if outcome.http_status is not None:
        lines.append(f"  HTTP status {outcome.http_status}")
    if outcome.total_us is not None:
        phases = ", ".join(f"{name} {took / 1000:.1f}" for name, took in outcome.phases.items())
        lines.append(f"  {outcome.total_us / 1000:.1f} ms in all ({phases})")
    return "\n".join(lines)


# --- With --debug ------------------------------------------------------------------------------------


def _masked(line: str) -> str:
    """The label stays; `mask` makes one line of whatever follows."""
    return line[: tracing.LABEL] + mask(line[tracing.LABEL :])


def _before(probe: Probe, task: Task) -> Iterator[str]:
    yield f"probe      {probe.code} ({probe.kind}) for {probe.component.code}, every {probe.interval} s"
    yield f"deadline   {task.timeout:g} s in all"


def _phases(lines: Sequence[str], outcome: Outcome) -> Sequence[str]:
    """Where no request has told them already."""
    is_told = any(line.startswith(("request ", "handshake ")) for line in lines)
    return () if is_told else tracing.took(outcome.phases, outcome.total_us)


def _after(probe: Probe, outcome: Outcome) -> Iterator[str]:
    error = f", {outcome.error_class}" if outcome.error_class else ""
    yield f"outcome    {outcome.status}{error}: {outcome.evidence}"
    yield f"verdict    {_verdict(probe, outcome)}"


def _verdict(probe: Probe, outcome: Outcome) -> str:
    """What the outcome is worth: whether it votes, for what, and how many more of its kind it takes."""
    vote = detection.STATUS_OF.get(outcome.status)
    if outcome.status == OutcomeStatus.ACCEPTED:
        return "none yet: the answer comes later, and closes the slot"
    if vote is None:
        return "no vote: it says nothing of the service"
    rule = thresholds_of(probe)
    word = STATUS_WORDS[ComponentStatus(vote)]
    if vote == detection.OPERATIONAL:
        return f"a vote for “{word}”; {rule.success} in a row end a trouble"
    return f"a vote for “{word}”; {rule.failure} of the last {rule.window} {_where(probe)}, confirm it"


def _where(probe: Probe) -> str:
    """At how many vantages: as many as the probe's quorum, or all that it runs at where there are fewer."""
    running = ProbeSchedule.objects.filter(probe=probe, enabled=True, vantage__enabled=True, vantage__is_passive=False).count()
    if running == 1:
        return "at its one vantage"
    agreeing = min(probe.quorum, running)
    if agreeing == 1:
        return f"at one of its {running} vantages"
    return f"at a vantage, {agreeing} of its {running} vantages agreeing" if running else "at a vantage; it runs at none yet"
