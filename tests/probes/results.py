"""Raw results for tests, as plain as they can be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from probes.models import ProbeSchedule, Result


def result(row: ProbeSchedule, slot: int, status: str = "ok", **more: Any) -> Result:
    at = datetime.fromtimestamp(slot, UTC)
    values = {"attempt": 0, "total_us": 20_000, "started_at": at, "received_at": at, **more}
    return Result(probe_id=row.probe_id, vantage_id=row.vantage_id, slot=slot, status=status, **values)


def keep(rows: Iterable[Result]) -> None:
    Result.objects.bulk_create(rows, ignore_conflicts=True)
