"""Which probes are due: claimed in locked rows, so that two beats, or two workers, never run a slot twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Value

from probes import bulk, pushes
from probes.models import Probe, ProbeSchedule, ProbeVerdict, Vantage
from probes.outcome import AHEAD, Task
from probes.probers import PASSIVE

CLAIM_AT_MOST = 2000
BATCH_AT_MOST = 400  # runs in one message, which share its cost; an agent that dies takes all of a second with it anyway
CROWDED = 200  # runs of one vantage in a second from which on they begin in larger groups
LONGEST_RUN = 20.0  # seconds: below the time limit of run_batch, or one slow probe would take its batch with it

# What an outcome means hangs on these: when one of them changes, what was seen before says nothing any more.
MEANING = frozenset({"component", "kind", "spec", "interval", "timeout", "failure_threshold", "window", "success_threshold"})


@dataclass(frozen=True)
class Batch:
    """Tasks for one vantage's queue. `expires_in` seconds: later than that, running them would say nothing of the slot."""

    vantage: str
    queue: str
    tasks: tuple[Task, ...]
    expires_in: float


class DueProbe(NamedTuple):
    """What is read of a Probe to run it."""

    pk: int
    code: str
    kind: str
    spec: Mapping[str, Any]
    timeout: float
    component_id: int


class Due(NamedTuple):
    """What is read of a claimed ProbeSchedule. Many are claimed each second: model instances take the processor five times as
    long."""

    pk: int
    vantage_id: int
    vantage: Vantage
    interval: int
    confirmed: str
    probe: DueProbe

    @property
    def probe_id(self) -> int:
        return self.probe.pk


_READ = (
    *("pk", "vantage_id", "interval", "phase", "next_slot", "confirmed"),
    *(bulk.text_of("probe__spec") if name == "spec" else f"probe__{name}" for name in DueProbe._fields),
)
_SPEC = DueProbe._fields.index("spec")


def next_slot_after(now: int, interval: int, phase: int) -> int:
    """The first slot (epoch seconds) after `now`. Slots missed in a pause are dropped, not piled up."""
    return now + interval - (now - phase) % interval


def phase_of(probe_code: str, vantage_name: str, interval: int) -> int:
    """Spread probes over the interval, the same way on every host."""
    digest = hashlib.sha256(f"{probe_code}@{vantage_name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % interval


def schedule(*, probe: Probe, vantage: Vantage) -> ProbeSchedule:
    """Run `probe` at `vantage` at the probe's interval; an earlier schedule is brought up to date. What is pushed to us runs
    nowhere: whatever `vantage` is, it is watched for at the one of pushes."""
    if probe.kind in PASSIVE:
        return pushes.watch(probe)
    row, _ = ProbeSchedule.objects.update_or_create(
        probe=probe,
        vantage=vantage,
        defaults={"interval": probe.interval, "phase": phase_of(probe.code, vantage.name, probe.interval), "enabled": True},
    )
    return row


def claim_due(*, now: int) -> list[tuple[Due, int]]:
    """Claim the due schedules: (schedule, the slot to run). Each is moved to its next future slot in the same transaction.

    `now` in epoch seconds. The rows are locked while they are read (SQLite: the whole database), so whoever comes second passes
    over them, or finds them moved.
    """
    with transaction.atomic():
        due = ProbeSchedule.objects.due(now).order_by("next_slot").values_list(*_READ)
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(of=("self",), skip_locked=True)
        rows = list(due[:CLAIM_AT_MOST])
        if not rows:
            return []
        following = Value(now) + F("interval") - (Value(now) - F("phase")) % F("interval")
        ProbeSchedule.objects.filter(pk__in=bulk.ids([row[0] for row in rows]), next_slot__lte=now).update(next_slot=following)
    vantages = Vantage.objects.in_bulk({row[1] for row in rows})
    claimed = []
    for pk, vantage_id, interval, phase, asked, confirmed, *probe in rows:
        probe[_SPEC] = bulk.json_in(probe[_SPEC])
        if vantage_id in vantages:
            # One that was asked for at once, or never ran, has a slot off the grid: on it, it would be late from the start.
            slot = max(next_slot_after(now, interval, phase) - interval, asked or now)
            claimed.append((Due(pk, vantage_id, vantages[vantage_id], interval, confirmed, DueProbe(*probe)), slot))
    return claimed


def claim_asked(*, now: int) -> list[tuple[ProbeSchedule, int]]:
    """Claim the runs that people asked for, as `claim_due` does: (schedule, `now` as its slot)."""
    claimed = []
    with transaction.atomic():
        for row in ProbeSchedule.objects.asked().select_related("probe", "vantage").order_by("pk")[:CLAIM_AT_MOST]:
            won = ProbeSchedule.objects.filter(pk=row.pk, asked_at=row.asked_at).update(asked_at=None)
            if won:
                claimed.append((row, now))
    return claimed


def into_batches(claimed: Sequence[tuple[Due | ProbeSchedule, int]], *, attempt: int = 0) -> list[Batch]:
    """Group claimed schedules by vantage, at most BATCH_AT_MOST to a message. `attempt`: 1 for those that people asked for."""
    by_vantage: dict[int, tuple[Vantage, list[Task]]] = {}
    counts = Counter(row.vantage_id for row, _ in claimed)
    for row, slot in claimed:
        task = task_for(row, slot, attempt, is_crowded=counts[row.vantage_id] >= CROWDED)
        by_vantage.setdefault(row.vantage_id, (row.vantage, []))[1].append(task)
    batches = []
    for vantage, tasks in by_vantage.values():
        tasks.sort(key=lambda task: task.due_at)  # a message holds runs that begin together
        for start in range(0, len(tasks), BATCH_AT_MOST):
            chunk = tuple(tasks[start : start + BATCH_AT_MOST])
            soonest = min(10.0, *(float(task.interval) for task in chunk))
            batches.append(Batch(vantage.name, vantage.queue, chunk, 10.0 if attempt else AHEAD + soonest))
    return batches


def longest_run(timeout: float, interval: int) -> float:
    """Seconds that a run may take in all: no overlap by construction."""
    return min(timeout, max(0.8 * interval, 0.5), LONGEST_RUN)


def task_for(row: Due | ProbeSchedule, slot: int, attempt: int = 0, *, is_crowded: bool = False) -> Task:
    probe = row.probe
    return Task(
        probe_id=probe.pk,
        code=probe.code,
        kind=probe.kind,
        spec=probe.spec,
        interval=row.interval,
        timeout=longest_run(probe.timeout, row.interval),
        slot=slot,
        attempt=attempt,
        # What a person asks for begins at once.
        offset_ms=0 if attempt else offset_ms_of(probe.pk, row.vantage_id, is_crowded=is_crowded),
    )


def offset_ms_of(probe_id: int, vantage_id: int, *, is_crowded: bool = False) -> int:
    """Where in its second a probe runs: drawn once, by the golden ratio, which spreads numbers that follow each other.

    One of a hundred moments: where many are due, the few of a moment wake the agent once. One of twenty where it `is_crowded`:
    what an agent needs for one run it has at hand for the next, so a run takes it two thirds of the processor. Its time is less
    exact: off by 20 ms in the median instead of 15, at 330 a second beside other work.
    """
    offset = 10 * int((probe_id * 0.6180339887 + vantage_id * 0.4142135624) % 1 * 100)
    return offset - offset % 50 if is_crowded else offset


def silent_vantages(*, since: int) -> list[Vantage]:
    """Enabled vantages without a schedule due lately: they get an empty batch, so that their agent is heard of all the same."""
    busy = ProbeSchedule.objects.active().filter(interval__lte=since).values("vantage")
    return list(Vantage.objects.filter(enabled=True, is_passive=False).exclude(pk__in=busy))


def hasten(*, probe: Probe, now: int) -> None:
    """Its next run is at the next tick, wherever it runs. The second of `now` itself may have been a slot already. What others
    push comes when it comes."""
    ProbeSchedule.objects.filter(probe=probe, vantage__is_passive=False).update(next_slot=now + 1)


def reset(*, probe: Probe, now: int) -> None:
    """Run a changed probe at once and forget what its old form saw: until it answers, it says nothing. `now` in epoch seconds."""
    hasten(probe=probe, now=now)
    ProbeSchedule.objects.filter(probe=probe).update(
        state={}, confirmed="", confirmed_since=None, last_outcome_at=None, excused_at=None
    )
    ProbeVerdict.objects.filter(probe=probe).delete()
