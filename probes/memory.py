"""What recording reads of the schedules that a batch is of: detection's memory, without a model instance for each outcome."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import TextField
from django.db.models.functions import Cast

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


_OWN = [name for name in Memory.__slots__ if name != "probe"]
_SPEC = WatchedProbe._fields.index("spec")
# A spec comes as text: most are the same at the next outcome, and need no reading.
_READ = (*_OWN, *(Cast("probe__spec", TextField()) if name == "spec" else f"probe__{name}" for name in WatchedProbe._fields))


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
        fields: list[Any] = list(row[len(_OWN) :])
        fields[_SPEC] = _read(fields[_SPEC])
        memory = Memory(*row[: len(_OWN)], WatchedProbe(*fields))
        found[memory.probe_id] = memory
    return found


@lru_cache(maxsize=4096)
def _read(spec: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(spec)
    return found


def write(rows: Collection[Memory], *, as_before: Collection[int]) -> None:
    """`as_before`: the probes of which nothing is new but one good vote more."""
    both = ["state", "last_outcome_at"]
    bulk.update([row for row in rows if row.probe_id in as_before], both, model=ProbeSchedule)
    others = [row for row in rows if row.probe_id not in as_before]
    bulk.update(others, [*both, "confirmed", "confirmed_since", "excused_at"], model=ProbeSchedule)
