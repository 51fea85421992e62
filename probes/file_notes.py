"""What whoever loads a file should know beforehand: secrets that its probes need, and where; what is cut, or told late."""

from __future__ import annotations

from probes import scheduling
from probes.definitions import File, ProbeDefinition
from probes.probers import BEATS, PASSIVE, secret_names


def notes(file: File) -> list[str]:
    """One line each, for a dry run."""
    return [*_cut(file), *_slow_to_tell(file), *_secrets(file)]


def _cut(file: File) -> list[str]:
    found = []
    for probe in file.probes:
        longest = scheduling.longest_run(probe.timeout, probe.interval)
        if probe.kind not in PASSIVE and longest < probe.timeout:
            words = f"timeout {probe.timeout:g} is cut to {longest:g} s, so that runs every {probe.interval} s never overlap"
            found.append(f"note: probe {probe.code}: {words}.")
    return found


def _slow_to_tell(file: File) -> list[str]:
    """Of beats, those whose one failure is no trouble yet: the next may come a day later, and the grace has confirmed already."""
    return [
        f"note: probe {probe.code}: {probe.failure_threshold} of {probe.window} bad pushes make a trouble, so one is not told; "
        "failure_threshold: 1 and window: 1 tell it at once, success_threshold: 1 ends it with the next good one."
        for probe in file.probes
        if probe.kind in BEATS and probe.failure_threshold > 1
    ]


def _secrets(file: File) -> list[str]:
    needed: dict[tuple[str, str], list[str]] = {}
    for probe in file.probes:
        for variable in secret_names.variables(probe.kind, probe.spec):
            needed.setdefault((variable, _where(probe)), []).append(probe.code)
    return [f"needs {variable} {where}: {', '.join(codes)}" for (variable, where), codes in sorted(needed.items())]


def _where(probe: ProbeDefinition) -> str:
    if probe.kind in PASSIVE:
        return "at the web app"
    return f"at the agent of {', '.join(probe.vantages)}" if probe.vantages else "at each agent that will run it"
