"""From outcomes to the record: results kept, detection stepped, components observed; and silence noticed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from incidents import timeline
from incidents.models import Component, StatusChange
from incidents.words import ComponentStatus
from probes import detection, pending
from probes.models import Probe, ProbeSchedule, Result, Vantage
from probes.outcome import OutcomeStatus

SILENT_AFTER_INTERVALS = 3
SILENT_AFTER_AT_LEAST = 60  # seconds
EVIDENCE_LENGTH = 300
_NO_VOTE = (OutcomeStatus.MISCONFIGURED, OutcomeStatus.SKIPPED)
LATE = "late"


@dataclass(frozen=True)
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


def record(*, vantage_name: str, reports: Sequence[Report], now: datetime, heard: bool = True) -> list[StatusChange]:
    """Keep the outcomes of one batch and take over what they confirm. Doing it twice changes nothing.

    Runs that were only accepted wait for their answer. `heard`: the batch comes from the vantage's agent now.

    Results and detection's memory are one short transaction; components follow in their own, compared with what is stored,
    so that a worker killed between the two leaves nothing that the next batch does not mend. Outcomes of probes that no
    longer exist are dropped.
    """
    with transaction.atomic():
        vantage = Vantage.objects.filter(name=vantage_name).first()
        if vantage is None:
            return []
        if heard:
            Vantage.objects.filter(pk=vantage.pk).update(last_heard_at=now)
        schedules = {
            row.probe_id: row
            for row in ProbeSchedule.objects.select_for_update(of=("self",))
            .select_related("probe")
            .filter(vantage=vantage, probe_id__in={report.probe_id for report in reports})
            .order_by("pk")
        }
        known = [report for report in reports if report.probe_id in schedules]
        known = pending.hold_back(vantage=vantage, reports=known, now=now)
        Result.objects.bulk_create((_result(report, vantage, now) for report in known), ignore_conflicts=True)
        turned = set()
        for report in sorted(known, key=lambda item: item.slot):
            row = schedules[report.probe_id]
            if _step(row, report, now):
                turned.add(row.probe.component_id)
    component_ids = {schedules[report.probe_id].probe.component_id for report in known}
    return _observe(Component.objects.filter(pk__in=component_ids), now, turned)


def _result(report: Report, vantage: Vantage, now: datetime) -> Result:
    return Result(
        probe_id=report.probe_id,
        vantage=vantage,
        slot=report.slot,
        attempt=report.attempt,
        status=report.status,
        error_class=report.error_class,
        evidence=report.evidence[:EVIDENCE_LENGTH],
        http_status=report.http_status,
        total_us=report.total_us,
        phases=dict(report.phases),
        started_at=datetime.fromtimestamp(report.started_at, UTC),
        received_at=now,
        lateness_ms=report.lateness_ms,
    )


def _step(row: ProbeSchedule, report: Report, now: datetime) -> bool:
    """Feed one outcome to detection; answers whether it changed what the probe says. Only the scheduled attempt counts."""
    said = row.confirmed
    if _says_something(report):
        row.last_outcome_at = now
    if report.attempt == 0 and report.status not in _NO_VOTE:
        state, _ = detection.step(
            detection.State.from_json(row.state), OutcomeStatus(report.status), report.slot, thresholds_of(row.probe)
        )
        row.state = state.as_json()
        row.confirmed = state.confirmed
        row.confirmed_since = None if state.since is None else datetime.fromtimestamp(state.since, UTC)
    row.save(update_fields=["state", "confirmed", "confirmed_since", "last_outcome_at"])
    return row.confirmed != said


def _says_something(report: Report) -> bool:
    """A slot skipped on purpose is not silence. Wrong keys and runs that came too late are: green would outlive its proof."""
    if report.status == OutcomeStatus.SKIPPED:
        return report.error_class != LATE
    return report.status != OutcomeStatus.MISCONFIGURED


def thresholds_of(probe: Probe) -> detection.Thresholds:
    return detection.Thresholds(failure=probe.failure_threshold, window=probe.window, success=probe.success_threshold)


# --- What a component's probes say together ------------------------------------------------------


def _observe(components: Iterable[Component], now: datetime, turned: Collection[int] = ()) -> list[StatusChange]:
    """Hand over to the record what differs from what it holds, and new evidence: a component in `turned` has a probe that
    changed its word, even where the component's state stays."""
    changes = []
    for component in components:
        rows = list(ProbeSchedule.objects.active().filter(probe__component=component).select_related("probe", "vantage"))
        if not rows:
            continue
        status, since = detection.component_status(_views(rows))
        if status != component.observed_status or component.pk in turned:
            began = datetime.fromtimestamp(since, UTC) if since is not None else now
            change = timeline.observe(
                component=component, status=status, since=min(began, now), now=now, evidence={"probes": _evidence(rows)}
            )
            changes += [change] if change else []
    return changes


def _views(rows: Iterable[ProbeSchedule]) -> list[detection.ProbeView]:
    """One view a probe, with what each of its vantages confirmed."""
    by_probe: dict[int, list[detection.VantageView]] = {}
    for row in rows:
        since = None if row.confirmed_since is None else int(row.confirmed_since.timestamp())
        by_probe.setdefault(row.probe_id, []).append(detection.VantageView(row.confirmed, since))
    return [detection.ProbeView(tuple(views)) for views in by_probe.values()]


def _evidence(rows: Iterable[ProbeSchedule]) -> list[dict[str, Any]]:
    """What staff sees beside the draft: for each probe what it says, since when, and its last words."""
    found = []
    for row in rows:
        last = Result.objects.filter(probe=row.probe, vantage=row.vantage, attempt=0).order_by("-slot").first()
        found.append(
            {
                "probe": row.probe.code,
                "vantage": row.vantage.name,
                "says": row.confirmed or ComponentStatus.UNKNOWN.value,
                "since": row.confirmed_since.isoformat(timespec="seconds") if row.confirmed_since else None,
                "saw": last.evidence if last else "",
                "took_ms": None if last is None or last.total_us is None else round(last.total_us / 1000),
            }
        )
    return found


# --- Silence -------------------------------------------------------------------------------------


def sweep_silence(*, now: datetime) -> list[StatusChange]:
    """Nobody's green without an outcome: a probe silent for max(3 x interval, 60 s) says nothing, and its component is
    unknown.

    Run by the publisher each second, so it holds when broker, agents and workers are gone. A component that no enabled probe
    watches any more goes back to what a person stated.
    """
    rows = list(ProbeSchedule.objects.active().select_related("probe", "vantage"))
    for row in rows:
        if row.confirmed and _is_silent(row, now):
            ProbeSchedule.objects.filter(pk=row.pk, last_outcome_at=row.last_outcome_at).update(
                confirmed="", confirmed_since=None, state=detection.forget(detection.State.from_json(row.state)).as_json()
            )
    watched = {row.probe.component_id for row in rows}
    changes = _observe(Component.objects.filter(pk__in=watched), now)
    for component in Component.objects.exclude(observed_status="").exclude(pk__in=watched):
        change = timeline.stop_observing(component=component, now=now)
        changes += [change] if change else []
    return changes


def _is_silent(row: ProbeSchedule, now: datetime) -> bool:
    limit = timedelta(seconds=max(SILENT_AFTER_INTERVALS * row.interval, SILENT_AFTER_AT_LEAST))
    return row.last_outcome_at is None or now - row.last_outcome_at > limit


# --- Retention -----------------------------------------------------------------------------------


def prune_results(*, older_than: datetime, limit: int = 20_000) -> int:
    """Delete raw results received before `older_than`, at most `limit` at once; answers how many."""
    old = Result.objects.filter(received_at__lt=older_than).order_by("received_at").values("pk")[:limit]
    deleted, _ = Result.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    return deleted
