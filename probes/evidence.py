"""What staff sees beside a draft that probes opened: what each probe says by which rule, and what each vantage saw."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Case, OuterRef, Subquery, Value, When

from incidents.words import ComponentStatus
from probes import bulk, detection
from probes.masking import mask
from probes.memory import Memory
from probes.models import ProbeSchedule, ProbeVerdict, Result, VantageLink
from probes.outcome import NO_VOTE, OutcomeStatus
from probes.silence import is_silent

SERIES = 30  # slots shown


def rows_by_probe(probe_ids: Collection[int]) -> dict[int, list[ProbeSchedule]]:
    found: dict[int, list[ProbeSchedule]] = {}
    for row in ProbeSchedule.objects.active().filter(probe__in=probe_ids).select_related("vantage", "probe").order_by("pk"):
        found.setdefault(row.probe_id, []).append(row)
    return found


def film_of(row: Memory | ProbeSchedule) -> str:
    return str(row.state.get("film", {}).get("letters", ""))[-SERIES:]


def is_bad(row: ProbeSchedule) -> bool:
    return detection.RANK.get(row.confirmed, 0) > 0


def read(probe_ids: Collection[int], now: datetime) -> dict[str, Any]:
    """In the order of codes. Of each vantage its last words, the words of its first failure and its series."""
    verdicts = ProbeVerdict.objects.filter(probe__in=probe_ids).select_related("probe").order_by("probe__code")
    out = set(VantageLink.objects.exclude(out_since=None).values_list("vantage_id", flat=True))
    rows = rows_by_probe(probe_ids)
    each = [row for own in sorted(rows.values(), key=lambda own: own[0].probe.code) for row in own]
    last, first = _last_and_first_bad(each)
    return {
        "verdicts": [_verdict_line(verdict, rows.get(verdict.probe_id, []), out, now) for verdict in verdicts],
        "probes": [_vantage_line(row, row.vantage_id in out, last.get(row.pk), first.get(row.pk)) for row in each],
    }


def _last_and_first_bad(rows: Sequence[ProbeSchedule]) -> tuple[dict[int, Result], dict[int, Result]]:
    """By row its newest result, and the first bad one of its trouble: few queries for however many probes a component has."""
    since = {row.pk: int(row.confirmed_since.timestamp()) for row in rows if is_bad(row) and row.confirmed_since}
    asked = ProbeSchedule.objects.filter(pk__in=bulk.ids([row.pk for row in rows])).order_by()
    results = Result.objects.filter(probe=OuterRef("probe"), vantage=OuterRef("vantage"), attempt=0)
    newest = dict(asked.values_list("pk", Subquery(results.order_by("-slot").values("pk")[:1])))
    oldest: dict[int, int | None] = {}
    if since:
        began = Case(*(When(pk=pk, then=Value(slot)) for pk, slot in since.items()), output_field=BigIntegerField())
        bad = results.filter(slot__gte=OuterRef("began")).exclude(status__in=[OutcomeStatus.OK, *NO_VOTE]).order_by("slot")
        oldest = dict(asked.annotate(began=began).values_list("pk", Subquery(bad.values("pk")[:1])))
    found = Result.objects.in_bulk([pk for pk in {*newest.values(), *oldest.values()} if pk is not None])
    last, first = ({row: found[pk] for row, pk in ids.items() if pk in found} for ids in (newest, oldest))
    return last, first


def _verdict_line(verdict: ProbeVerdict, rows: Sequence[ProbeSchedule], out: Collection[int], now: datetime) -> dict[str, Any]:
    live = [row for row in rows if row.vantage_id not in out and row.confirmed and not is_silent(row, now)]
    return {
        "probe": verdict.probe.code,
        "says": verdict.confirmed or ComponentStatus.UNKNOWN.value,
        "since": _iso(verdict.confirmed_since),
        "rule": verdict.state.get("rule", ""),
        "agree": sum(map(is_bad, live)),
        "of": len(live),
        "intermittent": verdict.is_intermittent,
    }


def _vantage_line(row: ProbeSchedule, is_out: bool, last: Result | None, first: Result | None) -> dict[str, Any]:
    return {
        "probe": row.probe.code,
        "vantage": row.vantage.name,
        "says": row.confirmed or ComponentStatus.UNKNOWN.value,
        "since": _iso(row.confirmed_since),
        "saw": mask(last.evidence) if last else "",
        "took_ms": None if last is None or last.total_us is None else round(last.total_us / 1000),
        "first": mask(first.evidence) if first else "",
        "series": film_of(row),
        "out": is_out,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
