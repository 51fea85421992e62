"""Runs whose answer comes later: a row for each from its report on, and the rule that turns it into the outcome of its slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from probes import gateway_callbacks
from probes.models import PendingAnswer, Vantage
from probes.outcome import OutcomeStatus

if TYPE_CHECKING:
    from probes.recording import Report


@dataclass(frozen=True)
class Waiting:
    """What the rule looks at. `answered_at` is None while nothing has come; `is_losing`: the last answer of this probe and
    vantage that was due by now never came."""

    asked_at: datetime
    late_at: datetime
    deadline: datetime
    slow: bool
    answered_at: datetime | None = None
    answer: str = ""
    code: str = ""
    is_losing: bool = False


@dataclass(frozen=True)
class Closing:
    """The outcome of a slot: status, error class, words for staff, and the seconds from asking to the answer, or to now."""

    status: OutcomeStatus
    error_class: str
    words: str
    seconds: float


def close(waiting: Waiting, now: datetime) -> Closing | None:
    """The outcome, None while it is open.

    An answer in time is ok, one after the limit delayed. Nothing at the limit is delayed at once: whoever waits for the deadline
    tells the page what customers know already. It is down when the series loses answers, or when the deadline has passed.
    """
    if waiting.answered_at is not None and waiting.answered_at <= waiting.deadline:
        return _answered(waiting, waiting.answered_at)
    seconds = _seconds(waiting, now)
    if now < waiting.late_at:
        return None
    if now >= waiting.deadline:
        lost_s = _seconds(waiting, waiting.deadline)
        return Closing(OutcomeStatus.DOWN, "lost", f"accepted, but no result within {lost_s:.0f} s", lost_s)
    limit = f"no result within {_seconds(waiting, waiting.late_at):g} s"
    if waiting.is_losing:
        return Closing(OutcomeStatus.DOWN, "lost", f"accepted, but {limit}, and the one before never came", seconds)
    return Closing(OutcomeStatus.DELAYED, "", f"accepted, but {limit}", seconds)


def _answered(waiting: Waiting, at: datetime) -> Closing:
    seconds = _seconds(waiting, at)
    told = f"result {waiting.code} after {seconds:.1f} s"
    if waiting.answer == gateway_callbacks.TIMEOUT:
        return Closing(OutcomeStatus.DOWN, "lost", f"gave up in the gateway's queue after {seconds:.1f} s", seconds)
    if waiting.answer == gateway_callbacks.FAULT:
        return Closing(OutcomeStatus.DOWN, "internal", f"{told}: the gateway failed", seconds)
    if waiting.answer == gateway_callbacks.SETUP:
        return Closing(OutcomeStatus.MISCONFIGURED, "credentials", f"{told}: our initiator is not known", seconds)
    if at > waiting.late_at:
        return Closing(OutcomeStatus.DELAYED, "", f"{told}, limit {_seconds(waiting, waiting.late_at):g} s", seconds)
    if waiting.slow:
        return Closing(OutcomeStatus.DEGRADED, "", f"{told}, but slow to accept", seconds)
    return Closing(OutcomeStatus.OK, "", told, seconds)


def _seconds(waiting: Waiting, until: datetime) -> float:
    return max(0.0, (until - waiting.asked_at).total_seconds())  # an agent's clock may run ahead


# --- Rows ----------------------------------------------------------------------------------------


def hold_back(*, vantage: Vantage, reports: Sequence[Report], now: datetime) -> list[Report]:
    """Give each accepted run its row and take it out of the batch: the sweep closes it, also one whose answer was faster."""
    rows = [
        PendingAnswer(correlation=report.accepted["correlation"], **_fields(vantage, report, report.accepted, now))
        for report in reports
        if report.status == OutcomeStatus.ACCEPTED and report.accepted is not None
    ]
    if rows:
        PendingAnswer.objects.bulk_create(rows, ignore_conflicts=True)  # a report may come twice
        _join_answers(rows)
    return [report for report in reports if report.status != OutcomeStatus.ACCEPTED]


def _fields(vantage: Vantage, report: Report, accepted: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    asked_at = datetime.fromtimestamp(report.started_at, UTC)
    return {
        "probe_id": report.probe_id,
        "vantage": vantage,
        "slot": report.slot,
        "report": asdict(report),
        "slow": bool(accepted["slow"]),
        "asked_at": asked_at,
        "late_at": asked_at + timedelta(seconds=accepted["late_s"]),
        "deadline": asked_at + timedelta(seconds=accepted["lost_s"]),
        "made_at": now,
    }


def _join_answers(rows: Sequence[PendingAnswer]) -> None:
    """An answer that was faster has made the row already, without a probe."""
    by_correlation = {row.correlation: row for row in rows}
    faster = PendingAnswer.objects.filter(correlation__in=by_correlation, probe__isnull=True)
    for row in faster.select_for_update().order_by("pk"):
        told = by_correlation[row.correlation]
        told.pk, told.answered_at, told.answer, told.code = row.pk, row.answered_at, row.answer, row.code
        told.save(force_update=True)


def waiting_of(row: PendingAnswer, *, is_losing: bool) -> Waiting:
    """What the rule looks at, of a row whose run has reported."""
    assert row.asked_at is not None
    assert row.late_at is not None
    assert row.deadline is not None
    codes = (row.report.get("accepted") or {}).get("codes") or {}
    answer = codes.get(row.code, row.answer)
    return Waiting(row.asked_at, row.late_at, row.deadline, row.slow, row.answered_at, answer, row.code, is_losing)


def is_losing(row: PendingAnswer, now: datetime) -> bool:
    """Did the newest earlier run whose deadline has passed get no answer in time?"""
    earlier = PendingAnswer.objects.filter(probe=row.probe_id, vantage=row.vantage_id, slot__lt=row.slot, deadline__lte=now)
    newest = earlier.order_by("-slot").only("answered_at", "deadline").first()
    return newest is not None and newest.is_lost(now)


def closed_report(report: Report, closing: Closing) -> Report:
    """The run's report with its outcome: the measure is end to end, the phases are those of asking."""
    recipe = report.evidence.partition(":")[0]
    return replace(
        report,
        status=closing.status.value,
        error_class=closing.error_class,
        evidence=f"{recipe}: {closing.words}",
        total_us=round(closing.seconds * 1e6),
        accepted=None,
    )
