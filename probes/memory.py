"""What recording reads of the schedules that a batch is of: detection's memory, without a model instance for each outcome."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from probes import bulk
from probes.models import ProbeSchedule, Vantage


class WatchedProbe(NamedTuple):
    """What is read of a Probe to judge what it saw."""

    pk: int
    component_id: int
    kind: str
    spec: Mapping[str, Any]
    failure_threshold: int
    window: int
    success_threshold: int
    quorum: int


@dataclass(slots=True)
class Memory:
    """A locked ProbeSchedule's fields that outcomes change, and its probe."""

    id: int
    probe_id: int
    interval: int
    state: dict[str, Any]
    confirmed: str
    confirmed_since: datetime | None
    last_outcome_at: datetime | None
    excused_at: datetime | None
    probe: WatchedProbe


_READ = (*(name for name in Memory.__slots__ if name != "probe"), *(f"probe__{name}" for name in WatchedProbe._fields))
_OWN = len(Memory.__slots__) - 1


def lock(*, vantage: Vantage, probe_ids: Collection[int]) -> dict[int, Memory]:
    """By probe, those that are scheduled at the vantage. Inside a transaction."""
    rows = (
        ProbeSchedule.objects.select_for_update(of=("self",))
        .filter(vantage=vantage, probe_id__in=bulk.ids(sorted(probe_ids)))
        .order_by("pk")
        .values_list(*_READ)
    )
    found: dict[int, Memory] = {}
    for row in rows:
        fields: list[Any] = [*row[:_OWN], WatchedProbe(*row[_OWN:])]
        memory = Memory(*fields)
        found[memory.probe_id] = memory
    return found


def write(rows: Collection[Memory]) -> None:
    bulk.update(list(rows), ["state", "confirmed", "confirmed_since", "last_outcome_at", "excused_at"], model=ProbeSchedule)
