"""What recording reads of the schedules that a batch is of: detection's memory, without a model instance for each outcome."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
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


_OWN = tuple(name for name in Memory.__slots__ if name != "probe")
_AS_TEXT: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("confirmed_since", "last_outcome_at", "excused_at"), bulk.moment_in),
    "state": json.loads,
    "probe__spec": bulk.json_in,
}
_NAMES = (*_OWN, *(f"probe__{name}" for name in WatchedProbe._fields))
_READ = [bulk.text_of(name) if name in _AS_TEXT else name for name in _NAMES]
_READERS = [(place, _AS_TEXT[name]) for place, name in enumerate(_NAMES) if name in _AS_TEXT]


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
        fields: list[Any] = list(row)
        for place, read in _READERS:
            fields[place] = read(fields[place])
        fields[len(_OWN) :] = [WatchedProbe(*fields[len(_OWN) :])]
        memory = Memory(*fields)
        found[memory.probe_id] = memory
    return found


def write(rows: Collection[Memory], *, as_before: Collection[int]) -> None:
    """`as_before`: the probes of which nothing is new but one good vote more."""
    both = ["state", "last_outcome_at"]
    bulk.update([row for row in rows if row.probe_id in as_before], both, model=ProbeSchedule)
    others = [row for row in rows if row.probe_id not in as_before]
    bulk.update(others, [*both, "confirmed", "confirmed_since", "excused_at"], model=ProbeSchedule)
