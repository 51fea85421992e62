"""What whoever loads a file should know beforehand: the secrets that its probes need, and where, and timeouts that are cut."""

from __future__ import annotations

from probes import scheduling
from probes.definitions import File, ProbeDefinition
from probes.probers import PASSIVE, secret_names


def notes(file: File) -> list[str]:
    """One line each, for a dry run."""
    return [*_cut(file), *_secrets(file)]


def _cut(file: File) -> list[str]:
    found = []
    for probe in file.probes:
        longest = scheduling.longest_run(probe.timeout, probe.interval)
        if probe.kind not in PASSIVE and longest < probe.timeout:
            words = f"timeout {probe.timeout:g} is cut to {longest:g} s, so that runs every {probe.interval} s never overlap"
            found.append(f"note: probe {probe.code}: {words}.")
    return found


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
