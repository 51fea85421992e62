"""Due slots that are left out: of a target that is down, or of a host that has had its share. Each is written down as skipped."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction

from incidents.words import ComponentStatus
from probes import pacing, recording
from probes.detection import State
from probes.links import host_of
from probes.models import HostRate, Probe, ProbeSchedule
from probes.outcome import OutcomeStatus
from probes.scheduling import Due

Claim = tuple[Due, int]  # a schedule and its slot
WANTED_FOR = 60  # seconds for which a count of what a host's probes want is good
_WORDS = {
    pacing.BACKOFF: "not asked: it is down, and is asked less often until it answers",
    pacing.RATE_CAP: "not asked: its host has had its share of this minute",
}


@dataclass(frozen=True)
class Spared:
    """A slot that is not run. `why`: pacing.BACKOFF or pacing.RATE_CAP."""

    row: Due
    slot: int
    why: str


def choose(claimed: Sequence[Claim], *, now: int) -> tuple[list[Claim], list[Spared]]:
    """Which of the claimed slots are run, and which are left out. `now` in epoch seconds."""
    down = [row for row, _ in claimed if row.confirmed == ComponentStatus.MAJOR_OUTAGE]
    firsts, down_since = _first_probes(down), _bad_since(down)
    asked, spared = [], []
    for row, slot in claimed:
        if _is_backed_off(row, slot, down_since.get(row.pk), firsts):
            spared.append(Spared(row, slot, pacing.BACKOFF))
        else:
            asked.append((row, slot))
    if not settings.HOST_RATES:
        return asked, spared
    capped = _over_cap(asked, settings.HOST_RATES, now)
    run = [claim for claim in asked if claim[0].pk not in capped]
    return run, spared + [Spared(row, slot, pacing.RATE_CAP) for row, slot in asked if row.pk in capped]


def write_down(spared: Sequence[Spared], *, now: datetime) -> None:
    """Keep what was left out as results, so that it is not taken for silence."""
    by_vantage: dict[str, list[recording.Report]] = {}
    for one in spared:
        by_vantage.setdefault(one.row.vantage.name, []).append(_report(one, now))
    for name, reports in by_vantage.items():
        recording.record(vantage_name=name, reports=reports, now=now, heard=False)


def _report(one: Spared, now: datetime) -> recording.Report:
    return recording.Report(
        probe_id=one.row.probe_id,
        slot=one.slot,
        attempt=0,
        status=OutcomeStatus.SKIPPED.value,
        error_class=one.why,
        evidence=_WORDS[one.why],
        http_status=None,
        total_us=None,
        phases={},
        started_at=now.timestamp(),
        lateness_ms=round((now - datetime.fromtimestamp(one.slot, UTC)).total_seconds() * 1000),
    )


# --- Back-off ------------------------------------------------------------------------------------


def _bad_since(rows: Sequence[Due]) -> dict[int, int | None]:
    """Since which slot each has not answered; None once it has: then it is asked at every slot again."""
    if not rows:
        return {}
    states = ProbeSchedule.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", "state")
    return {pk: State.from_json(state).film.bad_since for pk, state in states}


def _is_backed_off(row: Due, slot: int, since: int | None, firsts: Collection[int]) -> bool:
    return since is not None and pacing.is_backed_off(
        slot=slot, interval=row.interval, down_since=since, is_first=row.probe_id in firsts
    )


def _first_probes(rows: Sequence[Due]) -> set[int]:
    """Of the components of these rows, the probes that see most: the shortest interval, of several the oldest probe."""
    if not rows:
        return set()
    components = {row.probe.component_id for row in rows}
    firsts: dict[int, int] = {}
    for component, probe in (
        Probe.objects.filter(component__in=components, enabled=True).order_by("interval", "pk").values_list("component_id", "pk")
    ):
        firsts.setdefault(component, probe)
    return set(firsts.values())


# --- Caps ----------------------------------------------------------------------------------------


def _over_cap(claimed: Sequence[Claim], rates: Mapping[str, int], now: int) -> set[int]:
    """Schedules whose host has had its share; those that are not are counted, by second, before they are sent."""
    by_host: dict[str, list[Claim]] = {}
    for row, slot in claimed:
        host = host_of(row.probe.spec)
        if pacing.cap_of(host, rates) is not None:
            by_host.setdefault(host, []).append((row, slot))
    over: set[int] = set()
    for host, claims in sorted(by_host.items()):
        cap = pacing.cap_of(host, rates)
        assert cap is not None
        over |= _without_room(host, cap, claims, now)
    return over


def _without_room(host: str, cap: int, claims: Sequence[Claim], now: int) -> set[int]:
    with transaction.atomic():
        HostRate.objects.get_or_create(host=host)
        rate = HostRate.objects.select_for_update().get(host=host)  # two dispatchers count one after the other
        if now - rate.wanted_at >= WANTED_FOR:
            rate.wanted, rate.wanted_at = _wanted(host), now
        runs = pacing.runs_lately(rate.runs, now)
        over = set()
        for row, slot in claims:
            is_turn = pacing.is_turn(number=row.pk, index=slot // row.interval, cap=cap, wanted=rate.wanted)
            if is_turn and sum(runs.values()) < cap:
                runs[str(now)] = runs.get(str(now), 0) + 1
            else:
                over.add(row.pk)
        rate.runs = runs
        rate.save(update_fields=["runs", "wanted", "wanted_at"])
    return over


def _wanted(host: str) -> int:
    """How many runs a minute the active schedules want of a host."""
    rows = ProbeSchedule.objects.active().values_list("probe__spec", "interval")
    return math.ceil(sum(60 / interval for spec, interval in rows if host_of(spec) == host))
