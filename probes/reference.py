"""The agent's own link: reference targets that must answer, or what its probes saw says nothing of theirs."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from probes.links import NO_CONNECTIVITY, REFERENCE, is_unanswered
from probes.outcome import OutcomeStatus

PATIENCE = 1.0  # seconds for each target
AT_MOST = 4


def parse(value: str) -> tuple[tuple[str, int], ...]:
    """`host:port,host:port` as pairs. Raises ValueError with what to change."""
    found = []
    for item in filter(None, (part.strip() for part in value.split(","))):
        host, _, port = item.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ValueError(f"{item!r}: give host:port, for example 192.0.2.1:443, commas between several")
        found.append((host, int(port)))
    if len(found) > AT_MOST:
        raise ValueError(f"give at most {AT_MOST} targets")
    return tuple(found)


def reach(targets: Sequence[tuple[str, int]]) -> int | None:
    """Microseconds until the first of them let us connect; None when none did."""
    for target in targets:
        started = time.perf_counter()
        try:
            with socket.create_connection(target, timeout=PATIENCE):
                return round((time.perf_counter() - started) * 1_000_000)
        except OSError:
            continue
    return None


def guard(reports: Sequence[dict[str, Any]], targets: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """The reports of one batch as they may be believed.

    Where no reference target answers, twice, the batch was run without a link: its outcomes become skipped. Where one answers,
    a failure without an answer carries the proof that it was not our link.
    """
    if not targets or not reports:
        return list(reports)
    took = reach(targets)
    if took is None:
        took = reach(targets)
    if took is None:
        return [_skipped(report) for report in reports]
    return [_proven(report, took) if is_unanswered(report["status"], report["error_class"]) else report for report in reports]


def _skipped(report: Mapping[str, Any]) -> dict[str, Any]:
    if report["status"] in (OutcomeStatus.SKIPPED, OutcomeStatus.MISCONFIGURED):
        return dict(report)
    saw = f"no reference target answers; seen all the same: {report['status']} {report['evidence']}"
    return {**report, "status": OutcomeStatus.SKIPPED.value, "error_class": NO_CONNECTIVITY, "evidence": saw[:300]}


def _proven(report: Mapping[str, Any], took: int) -> dict[str, Any]:
    return {**report, "phases": {**report["phases"], REFERENCE: took}}
