"""What happens to runs whose answer comes later: an answer is taken, a limit passes, old rows are dropped."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from incidents.models import StatusChange
from probes import pending, recording, rollups
from probes.gateway_callbacks import Told
from probes.models import PendingAnswer, Result

SWEPT_AT_ONCE = 500
UNKNOWN_AT_MOST = 1000  # answers that name no run we know yet: whoever has our address must not fill the disk
UNKNOWN_FOR = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=48)


def take_answer(*, correlation: str, told: Told, now: datetime) -> None:
    """Note an answer, once; the next sweep closes its slot, with all that came meanwhile. One that is faster than its run's
    report waits for it; one after the deadline is only noted."""
    noted = _note(correlation, told, now)
    if not noted and not PendingAnswer.objects.filter(correlation=correlation).exists():
        if PendingAnswer.objects.filter(probe__isnull=True).count() >= UNKNOWN_AT_MOST:
            return
        PendingAnswer.objects.get_or_create(correlation=correlation, defaults={"made_at": now})
        noted = _note(correlation, told, now)
    if noted:
        for row in PendingAnswer.objects.filter(correlation=correlation, closed_at__isnull=False):
            _measure(row, now)


def _note(correlation: str, told: Told, now: datetime) -> bool:
    """Whether this was the first answer of its run."""
    row = PendingAnswer.objects.filter(correlation=correlation, answered_at__isnull=True)
    return bool(row.update(answered_at=now, answer=told.kind, code=told.code))


def sweep(*, now: datetime) -> list[StatusChange]:
    """Close the slots whose answer has come or is late. Run by the publisher each second; doing it twice changes nothing."""
    rows = PendingAnswer.objects.to_close(now).order_by("slot").select_related("vantage")[:SWEPT_AT_ONCE]
    return _close(list(rows), now)


def _close(rows: list[PendingAnswer], now: datetime) -> list[StatusChange]:
    """Record first, then mark closed: killed in between, it is recorded again, which counts once."""
    by_vantage: dict[str, list[recording.Report]] = {}
    closed = []
    for row in rows:
        is_losing = row.answered_at is None and pending.is_losing(row, now)
        closing = pending.close(pending.waiting_of(row, is_losing=is_losing), now)
        if closing is None or row.vantage is None:
            continue
        closed.append(row.pk)
        if report := _report_of(row):
            by_vantage.setdefault(row.vantage.name, []).append(pending.closed_report(report, closing))
    changes = recording.record_closed(by_vantage=by_vantage, now=now)
    if closed:
        PendingAnswer.objects.filter(pk__in=closed, closed_at__isnull=True).update(closed_at=now)
    unanswered = [row.pk for row in rows if row.answered_at is None]
    if unanswered:  # one whose answer came while this was going on was noted on an open row
        for row in PendingAnswer.objects.filter(pk__in=unanswered, closed_at__isnull=False, answered_at__isnull=False):
            _measure(row, now)
    return changes


def _measure(row: PendingAnswer, now: datetime) -> None:
    """A late slot has its outcome already; what it took in the end replaces the time waited until then."""
    if row.deadline is None or row.slot is None or now > row.deadline:
        return
    report = _report_of(row)
    closing = pending.close(pending.waiting_of(row, is_losing=False), now)
    if report and closing:
        with transaction.atomic():
            Result.objects.filter(
                probe=row.probe_id, vantage=row.vantage_id, slot=row.slot, attempt=report.attempt, status="delayed"
            ).update(total_us=round(closing.seconds * 1e6), evidence=pending.closed_report(report, closing).evidence)
            rollups.note_late(slots=[row.slot], now=int(now.timestamp()))


def _report_of(row: PendingAnswer) -> recording.Report | None:
    """None for one that another version wrote: its slot stays without an outcome, and the publisher goes on."""
    try:
        return recording.Report.from_message(row.report)
    except TypeError:
        return None


def prune(*, now: datetime) -> int:
    """Drop rows of the day before yesterday, and answers that nobody asked for; answers how many."""
    old, _ = PendingAnswer.objects.filter(made_at__lt=now - KEPT_FOR).delete()
    unknown, _ = PendingAnswer.objects.filter(probe__isnull=True, made_at__lt=now - UNKNOWN_FOR).delete()
    return old + unknown
