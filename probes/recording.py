"""From outcomes to the record: results kept, detection stepped, components observed; and silence noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from incidents import timeline
from incidents.models import Component, StatusChange
from probes import bulk, clock_steps, confirming, detection, memory, pending, rollups, silence, tally
from probes.links import NO_CONNECTIVITY, is_unanswered
from probes.memory import Memory
from probes.models import Probe, ProbeSchedule, Result, Vantage, VantageBatch
from probes.outcome import OutcomeStatus
from probes.signed_batches import NONCE_LENGTH, Refused

EVIDENCE_LENGTH = 300


@dataclass(slots=True)  # a frozen one takes four times as long to make
class Report:
    """One outcome as it comes back from an agent."""

    probe_id: int
    slot: int
    attempt: int
    status: str
    error_class: str
    evidence: str
    http_status: int | None
    total_us: int | None
    phases: Mapping[str, int]
    started_at: float  # epoch seconds
    lateness_ms: int
    accepted: Mapping[str, Any] | None = None  # outcome.Accepted: the answer comes later

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Report:
        return cls(**message)


@dataclass(frozen=True)
class Signed:
    """What a signed batch says beside its outcomes: its nonce, and fields of the vantage about its agent's clock."""

    nonce: str
    clock: Mapping[str, Any]


def record(
    *, vantage_name: str, reports: Sequence[Report], now: datetime, heard: bool = True, signed: Signed | None = None
) -> list[StatusChange]:
    """Keep the outcomes of one batch and take over what they confirm. Doing it twice changes nothing.

    Runs that were only accepted wait for their answer. `heard`: the batch comes from the vantage's agent now. `signed`: raises
    Refused when a batch of this nonce was taken before.

    Results and detection's memory are one short transaction; components follow in their own, compared with what is stored,
    so that a worker killed between the two leaves nothing that the next batch does not mend. Outcomes of probes that no
    longer exist are dropped, and those of slots that have not come: our clock was put back since they were sent out.
    """
    return hand_over([take_in(vantage_name, reports, now, heard=heard, signed=signed)], now)


def record_closed(*, by_vantage: Mapping[str, Sequence[Report]], now: datetime) -> list[StatusChange]:
    """The same with outcomes of earlier runs, by their vantages' names: components follow once, after all of them."""
    taken = [take_in(name, reports, now, heard=False, signed=None) for name, reports in by_vantage.items()]
    return hand_over(taken, now)


@dataclass(frozen=True)
class Taken:
    """What a batch was about: its components, those with a probe that is not plainly well, those whose probes turned."""

    components: Set[int] = frozenset()
    doubtful: Set[int] = frozenset()
    turned: Set[int] = frozenset()


def take_in(
    vantage_name: str, reports: Sequence[Report], now: datetime, *, heard: bool = True, signed: Signed | None = None
) -> Taken:
    """The first half of `record`, for who keeps more in the same transaction; `hand_over` comes after its end."""
    with transaction.atomic():
        vantage = Vantage.objects.select_for_update(no_key=True).filter(name=vantage_name).first()
        if vantage is None:
            return Taken()
        if signed:
            _note_nonce(vantage, signed.nonce, now)
        schedules = memory.lock(vantage=vantage, probe_ids={report.probe_id for report in reports})
        known = [report for report in reports if report.probe_id in schedules and not clock_steps.is_ahead(report.slot, now)]
        known = pending.hold_back(vantage=vantage, reports=known, now=now)
        seen = _seen_before(known, vantage, schedules)
        news = [report for report in known if report.attempt == 0 and (report.probe_id, report.slot) not in seen]
        if confirming.look_at_link(vantage=vantage, rows=schedules, reports=news, now=now):
            known, news = _without_link(known), _without_link(news)
        _keep(known, vantage, now)
        rollups.note_late(slots=[report.slot for report in known], now=int(now.timestamp()))
        turned, doubtful = confirming.take_in(vantage=vantage, rows=schedules, reports=news, now=now)
        counted = tally.add(vantage.tally, news, now=now.timestamp())
        heard_of = {"last_heard_at": now, **(signed.clock if signed else {})} if heard else {}
        Vantage.objects.filter(pk=vantage.pk).update(tally=counted, **heard_of)
    return Taken({schedules[report.probe_id].probe.component_id for report in known}, doubtful, turned)


def hand_over(taken: Sequence[Taken], now: datetime) -> list[StatusChange]:
    """The second half. Nearly all outcomes are of services that are well, and say so again: nothing is handed over for them."""
    components, doubtful, turned = (
        set().union(*(getattr(one, name) for one in taken)) for name in ("components", "doubtful", "turned")
    )
    if not components:
        return []
    changed = Q(pk__in=components & doubtful) | Q(pk__in=components - doubtful) & ~Q(observed_status=detection.OPERATIONAL)
    return confirming.hand_over(Component.objects.filter(changed), now, turned)


def _note_nonce(vantage: Vantage, nonce: str, now: datetime) -> None:
    """In the transaction of what came with it: killed in between, neither is there."""
    try:
        VantageBatch.objects.create(vantage=vantage, nonce=nonce[:NONCE_LENGTH], at=now)
    except IntegrityError:
        raise Refused("replayed") from None


def _without_link(reports: Sequence[Report]) -> list[Report]:
    """What a vantage that is cut off saw without an answer, as slots that were not run; what it saw stands in the words."""
    return [
        replace(report, status=OutcomeStatus.SKIPPED.value, error_class=NO_CONNECTIVITY)
        if is_unanswered(report.status, report.error_class, report.phases)
        else report
        for report in reports
    ]


def _seen_before(reports: Sequence[Report], vantage: Vantage, rows: Mapping[int, Memory]) -> set[tuple[int, int]]:
    """(probe, slot) of those that are stored already: a batch that comes again is no news of anything.

    Nothing is asked for a slot that is newer than all of the row's film.
    """
    perhaps = [report for report in reports if report.slot <= _newest(rows[report.probe_id])]
    if not perhaps:
        return set()
    stored = Result.objects.filter(
        vantage=vantage,
        attempt=0,
        probe_id__in={report.probe_id for report in perhaps},
        slot__in={report.slot for report in perhaps},
    )
    return set(stored.values_list("probe_id", "slot"))


def _newest(row: Memory) -> float:
    """The newest slot of the film; without a film nothing is known, and every slot may have been seen."""
    film = row.state.get("film") or {}
    return float(film["end"]) if film.get("letters") else inf


_STORED = (
    "probe", "vantage", "slot", "attempt", "status", "error_class", "evidence", "http_status", "total_us", "phases", "started_at",
    "received_at", "lateness_ms",
)  # fmt: skip


def _keep(reports: Sequence[Report], vantage: Vantage, now: datetime) -> None:
    """Store results; those that are stored already stay as they are."""
    if reports:
        bulk.insert_new(Result, _STORED, [_row(report, vantage, now) for report in reports])


def _row(report: Report, vantage: Vantage, now: datetime) -> tuple[Any, ...]:
    return (
        report.probe_id,
        vantage.pk,
        report.slot,
        report.attempt,
        report.status,
        report.error_class,
        report.evidence[:EVIDENCE_LENGTH],
        report.http_status,
        report.total_us,
        dict(report.phases),
        datetime.fromtimestamp(report.started_at, UTC),
        now,
        report.lateness_ms,
    )


# --- Silence -------------------------------------------------------------------------------------


def sweep_silence(*, now: datetime) -> datetime | None:
    """Nobody's green without an outcome: a probe silent for max(3 x interval, 60 s) says nothing, and its component is
    unknown. Answers when the next of them falls silent if nothing more comes; None when none has a word.

    Run by the publisher each second, so it holds when broker, agents and workers are gone. A component that no enabled probe
    watches any more goes back to what a person stated.
    """
    words = silence.words(ProbeSchedule.objects.active())
    speaks_until: dict[int, datetime] = {}  # by probe: as long as one of its vantages does
    for word in words:
        if word.until is not None and not word.is_over(now):
            speaks_until[word.probe] = max(word.until, speaks_until.get(word.probe, word.until))
    fell_silent = _forget([word for word in words if word.is_over(now)])
    turned: set[int] = set()
    if fell_silent:
        with transaction.atomic():
            turned = confirming.judge(fell_silent, now=now)
    with transaction.atomic():
        confirming.put_out_who_fails_alone(now)
    watched = set(Probe.objects.filter(enabled=True).values_list("component_id", flat=True))  # whether it runs anywhere or not
    confirming.hand_over(Component.objects.filter(pk__in=watched), now, turned)
    for component in Component.objects.exclude(observed_status="").exclude(pk__in=watched):
        timeline.stop_observing(component=component, now=now)
    return min(speaks_until.values(), default=None)


def _forget(words: Sequence[silence.Word]) -> list[Probe]:
    """Take back these words, but those of which something new has come meanwhile; answers their probes."""
    heard = {word.schedule: word.heard for word in words}
    forgotten: dict[int, Probe] = {}
    for row in ProbeSchedule.objects.filter(pk__in=heard).select_related("probe"):
        state = detection.forget(detection.State.from_json(row.state)).as_json()
        as_it_was = ProbeSchedule.objects.filter(pk=row.pk, last_outcome_at=heard[row.pk])
        if as_it_was.update(confirmed="", confirmed_since=None, state=state):
            forgotten[row.probe_id] = row.probe
    return list(forgotten.values())
