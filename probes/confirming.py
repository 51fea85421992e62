"""From outcomes to what probes confirm: detection's memory in rows, and what is handed over to the record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.db.models import BigIntegerField, Case, OuterRef, Subquery, Value, When

from incidents import timeline, windows
from incidents.models import Component, StatusChange
from incidents.words import ComponentStatus
from probes import agreement, bulk, detection, following, links, memory
from probes.film import is_clean
from probes.masking import mask
from probes.memory import Memory, WatchedProbe
from probes.models import Probe, ProbeChange, ProbeSchedule, ProbeVerdict, Result, Vantage, VantageLink
from probes.outcome import LATE, OVERLAP, OutcomeStatus
from probes.probers import BEATS, heartbeat
from probes.suppression import PlannedWindow, held_back, is_trouble

SILENT_AFTER_INTERVALS = 3
SILENT_AFTER_AT_LEAST = 60  # seconds
EXCUSED_AT_MOST = 3  # times that again: for so long a slot skipped on purpose stands for a measurement
SERIES = 30  # slots shown as evidence
_NO_VOTE = (OutcomeStatus.MISCONFIGURED, OutcomeStatus.SKIPPED)
_NO_EXCUSE = (LATE, OVERLAP, links.NO_CONNECTIVITY)  # green would outlive its proof


class Outcomes(Protocol):
    """What detection reads of a report."""

    @property
    def probe_id(self) -> int: ...
    @property
    def slot(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def error_class(self) -> str: ...
    @property
    def phases(self) -> Mapping[str, int]: ...
    @property
    def started_at(self) -> float: ...


# --- One vantage ---------------------------------------------------------------------------------


def take_in(
    *, vantage: Vantage, rows: Mapping[int, Memory], reports: Sequence[Outcomes], now: datetime
) -> tuple[set[int], set[int]]:
    """Step detection with the outcomes of one vantage (`rows`: its locked schedules by probe; slots not seen before) and let
    their probes be judged. Answers the components whose probes turned, and those with a probe that is not plainly well."""
    if not reports:
        return set(), set()
    changes = []
    turned, moved = set(), set()
    touched: dict[int, Memory] = {}
    for report in sorted(reports, key=lambda item: item.slot):
        row = touched[report.probe_id] = rows[report.probe_id]
        said, since = row.confirmed, row.confirmed_since
        if _step(row, report, now):
            moved.add(report.probe_id)
        if row.confirmed != said or row.confirmed_since != since:
            changes.append(_change(row.probe_id, vantage.pk, said, row.confirmed, row.confirmed_since, now, _film(row)))
            turned.add(row.probe.component_id)
    memory.write(touched.values(), as_before=touched.keys() - moved)
    ProbeChange.objects.bulk_create(changes)
    unanswered = {report.probe_id for report in reports if links.is_unanswered(report.status, report.error_class, report.phases)}
    doubtful = _not_plain(touched, now)
    turned |= judge(doubtful, now=now, speaking=vantage, unanswered=unanswered)
    return turned, {probe.component_id for probe in doubtful}


def _not_plain(rows: Mapping[int, Memory], now: datetime) -> list[WatchedProbe]:
    """The probes that need judging: not those where all is well, was well, and nothing bad is in sight. Nearly all are."""
    # Looked at here: a database that thinks that few say so compares each of them with each of these.
    said = ProbeVerdict.objects.filter(probe__in=bulk.ids(list(rows))).values_list("probe_id", "confirmed", "suspects")
    fine = {probe_id for probe_id, confirmed, suspects in said if confirmed == ComponentStatus.OPERATIONAL and not suspects}
    return [
        row.probe
        for row in rows.values()
        if row.probe_id not in fine
        or row.confirmed != detection.OPERATIONAL
        or not is_clean(row.state["film"]["letters"])
        or is_silent(row, now)
    ]


def _step(row: Memory, report: Outcomes, now: datetime) -> bool:
    """Take one outcome into the row; answers whether it was more than one good vote more of what is well."""
    # When it was measured, not when it came: a batch that waited at the broker proves nothing about now.
    measured = min(now, datetime.fromtimestamp(report.started_at, UTC))
    if report.status not in _NO_VOTE:
        row.last_outcome_at = max(row.last_outcome_at or measured, measured)
    elif report.status == OutcomeStatus.SKIPPED and report.error_class not in _NO_EXCUSE:
        row.excused_at = max(row.excused_at or measured, measured)
    thresholds = thresholds_of(row.probe)
    is_ok = report.status == OutcomeStatus.OK
    if is_ok and (after := detection.well_again(row.state, report.slot, thresholds, every=row.interval)):
        row.state = after  # and all else as it was
        return False
    state, _ = detection.step(detection.State.from_json(row.state), report.status, report.slot, thresholds, every=row.interval)
    _keep(row, state)
    return True


def _keep(row: Memory | ProbeSchedule, state: detection.State) -> None:
    row.state = state.as_json()
    row.confirmed = state.confirmed
    row.confirmed_since = moment(state.since)


def thresholds_of(probe: Probe | WatchedProbe) -> detection.Thresholds:
    return detection.Thresholds(failure=probe.failure_threshold, window=probe.window, success=probe.success_threshold)


def rules_of(probe: Probe | WatchedProbe) -> agreement.Rules:
    return agreement.Rules(
        quorum=probe.quorum, failure=probe.failure_threshold, window=probe.window, success=probe.success_threshold
    )


def moment(slot: int | None) -> datetime | None:
    return None if slot is None else datetime.fromtimestamp(slot, UTC)


def is_silent(row: Memory | ProbeSchedule, now: datetime) -> bool:
    """No vote for too long, or never one."""
    speaks_until = spoken_until(row)
    return speaks_until is None or now > speaks_until


def spoken_until(row: Memory | ProbeSchedule) -> datetime | None:
    """How long its last vote counts: max(3 x interval, 60 s), and the grace of what is pushed to us. Slots skipped on purpose
    (back-off, rate cap) stand for votes, but not for long."""
    limit = timedelta(seconds=max(SILENT_AFTER_INTERVALS * row.interval, SILENT_AFTER_AT_LEAST) + _grace_of(row.probe))
    if row.last_outcome_at is None:
        return None
    heard = row.last_outcome_at
    if row.excused_at is not None:
        heard = max(heard, min(row.excused_at, heard + EXCUSED_AT_MOST * limit))
    return heard + limit


def _grace_of(probe: Probe | WatchedProbe) -> float:
    """How late what others push to us may be."""
    return heartbeat.grace_of(probe.spec) if probe.kind in BEATS else 0.0


# --- The vantages of a probe -----------------------------------------------------------------------


def judge(
    probes: Sequence[Probe | WatchedProbe], *, now: datetime, speaking: Vantage | None = None, unanswered: Collection[int] = ()
) -> set[int]:
    """Let the vantages of each probe agree anew. `unanswered`: probes whose outcome at `speaking` had no answer at all.

    Answers the components of the probes that turned. Inside a transaction: the verdicts are locked.
    """
    if not probes:
        return set()
    ids = sorted(probe.pk for probe in probes)  # one order for all, or two batches could wait for each other
    verdicts = _verdicts(ids)
    sights = _rows_by_probe(ids)
    out = set(VantageLink.objects.filter(out_because="alone").values_list("vantage_id", flat=True))
    link = _link_of(speaking) if unanswered and speaking else links.Link()
    changes, changed, turned = [], [], set()
    for probe in probes:
        verdict = verdicts[probe.pk]
        before = agreement.Verdict.from_json(verdict.state)
        seen = [
            _sight(row, now, is_out=row.vantage_id in out, unsure_of=link if probe.pk in unanswered else None)
            for row in sights.get(probe.pk, [])
        ]
        after = agreement.judge(before, seen, rules_of(probe))
        if after == before:
            continue
        changed.append(_with(verdict, after))
        if (after.confirmed, after.is_intermittent) != (before.confirmed, before.is_intermittent):
            film = " ".join(sight.film.letters[-SERIES:] for sight in seen)[:120]
            changes.append(_change(probe.pk, None, before.confirmed, after.confirmed, moment(after.since), now, film, after.rule))
            turned.add(probe.component_id)
    bulk.update(changed, ["state", "confirmed", "confirmed_since", "suspects", "suspected_since", "is_intermittent"])
    ProbeChange.objects.bulk_create(changes)
    return turned


def _verdicts(probe_ids: Sequence[int]) -> dict[int, ProbeVerdict]:
    """The rows of these probes, locked; made where there is none yet."""
    rows = ProbeVerdict.objects.select_for_update().filter(probe__in=probe_ids).order_by("pk")
    found = {row.probe_id: row for row in rows}
    missing = [pk for pk in probe_ids if pk not in found]
    if missing:
        ProbeVerdict.objects.bulk_create([ProbeVerdict(probe_id=pk) for pk in missing], ignore_conflicts=True)
        found = {row.probe_id: row for row in rows.all()}
    return found


def _rows_by_probe(probe_ids: Collection[int]) -> dict[int, list[ProbeSchedule]]:
    found: dict[int, list[ProbeSchedule]] = {}
    for row in ProbeSchedule.objects.active().filter(probe__in=probe_ids).select_related("vantage", "probe").order_by("pk"):
        found.setdefault(row.probe_id, []).append(row)
    return found


def _sight(row: ProbeSchedule, now: datetime, *, is_out: bool, unsure_of: links.Link | None) -> agreement.Sight:
    state = detection.State.from_json(row.state)
    since = state.film.bad_since if unsure_of is not None else None
    is_unsure = (
        unsure_of is not None and since is not None and unsure_of.is_unsure(links.site_of(row.probe.spec), since, now.timestamp())
    )
    status = "" if is_silent(row, now) else state.confirmed
    return agreement.Sight(row.vantage.name, status, state.since, state.film, is_out, is_unsure)


def _with(row: ProbeVerdict, verdict: agreement.Verdict) -> ProbeVerdict:
    row.state = verdict.as_json()
    row.confirmed, row.confirmed_since = verdict.confirmed, moment(verdict.since)
    row.suspects, row.suspected_since = ", ".join(verdict.suspects)[:300], moment(verdict.suspected_since)
    row.is_intermittent = verdict.is_intermittent
    return row


def _film(row: Memory | ProbeSchedule) -> str:
    return str(row.state.get("film", {}).get("letters", ""))[-SERIES:]


def _change(
    probe_id: int, vantage_id: int | None, old: str, new: str, since: datetime | None, now: datetime, film: str, rule: str = ""
) -> ProbeChange:
    return ProbeChange(probe_id=probe_id, vantage_id=vantage_id, old=old, new=new, since=since, at=now, rule=rule, film=film)


# --- A vantage's own link --------------------------------------------------------------------------


def _link_of(vantage: Vantage) -> links.Link:
    row = VantageLink.objects.filter(vantage=vantage).first()
    return links.Link.from_json(row.state) if row else links.Link()


def look_at_link(*, vantage: Vantage, rows: Mapping[int, Memory], reports: Sequence[Outcomes], now: datetime) -> bool:
    """Whether the vantage is cut off, by what its probes of unrelated targets see; what it saw while dark is struck out.

    Inside a transaction, before its outcomes are taken in; those of them without an answer are then no votes.
    """
    if not reports:
        return False
    row, _ = VantageLink.objects.select_for_update().get_or_create(vantage=vantage)
    link = links.Link.from_json(row.state)
    link = link.seen_all(
        links.Run(
            links.site_of(rows[report.probe_id].probe.spec),
            min(report.started_at, now.timestamp()),
            not links.is_unanswered(report.status, report.error_class, report.phases),
        )
        for report in reports
        if report.status not in _NO_VOTE
    )
    cut = False
    if link.dark_since is not None:
        heard_lately = now - timedelta(seconds=SILENT_AFTER_AT_LEAST)
        others = VantageLink.objects.exclude(vantage=vantage).filter(
            vantage__enabled=True, vantage__is_passive=False, vantage__last_heard_at__gte=heard_lately
        )
        cut = links.is_cut(link, {str(other.pk): links.Link.from_json(other.state) for other in others})
    if cut and row.out_because != "link" and link.dark_since is not None:
        row.out_since, row.out_because = moment(int(link.dark_since)), "link"
        _strike(vantage, rows, since=int(link.dark_since))
    elif not cut and row.out_because == "link":
        row.out_since, row.out_because = None, ""
    row.state = link.as_json()
    row.save(update_fields=["state", "out_since", "out_because"])
    return cut


def _strike(vantage: Vantage, locked: Mapping[int, Memory], *, since: int) -> None:
    """Bad votes since the link went dark say nothing of their targets."""
    others = ProbeSchedule.objects.select_for_update().filter(vantage=vantage).exclude(probe__in=locked).order_by("pk")
    rows: list[Memory | ProbeSchedule] = [*locked.values(), *others]
    for row in rows:
        _keep(row, detection.strike(detection.State.from_json(row.state), since - row.interval))
    bulk.update(rows, ["state", "confirmed", "confirmed_since"], model=ProbeSchedule)


def put_out_who_fails_alone(now: datetime) -> None:
    """A vantage that sees trouble at many sites where all others see none has trouble of its own: it is put out, and back in
    when that is over."""
    lone = ProbeVerdict.objects.exclude(suspects="").exists()
    if not lone and not VantageLink.objects.filter(out_because="alone").exists():
        return
    suspects: dict[str, set[str]] = {}
    for row in ProbeVerdict.objects.exclude(suspects="").filter(confirmed=ComponentStatus.OPERATIONAL).select_related("probe"):
        if ", " not in row.suspects:
            suspects.setdefault(row.suspects, set()).add(_site(row.probe))
    for link in VantageLink.objects.select_related("vantage").select_for_update(of=("self",)).order_by("pk"):
        rows = ProbeSchedule.objects.active().filter(vantage=link.vantage).select_related("probe")
        bad = suspects.get(link.vantage.name, set())
        if link.out_because == "alone":  # who is out is not suspected any more
            bad = {_site(row.probe) for row in rows if _is_bad(row)}
        if link.out_because == "link" or (not bad and not link.out_because):
            continue
        because = "alone" if links.fails_alone(len(bad), len({_site(row.probe) for row in rows})) else ""
        if because != link.out_because:
            link.out_since, link.out_because = (now if because else None), because
            link.save(update_fields=["out_since", "out_because"])


def _site(probe: Probe) -> str:
    return links.site_of(probe.spec) or f"probe {probe.pk}"


def _is_bad(row: ProbeSchedule) -> bool:
    return detection.RANK.get(row.confirmed, 0) > 0


# --- What a component's probes say together --------------------------------------------------------


def hand_over(
    components: Iterable[Component],
    now: datetime,
    turned: Collection[int] = (),
    *,
    planned: Sequence[PlannedWindow] | None = None,
) -> list[StatusChange]:
    """Hand over to the record what differs from what it holds, and new evidence: a component in `turned` has a probe that
    changed its word, even where the component's state stays. A component is watched while it has an enabled probe. `planned`: by
    default the announced work that is going on."""
    found = {component.pk: component for component in components}
    if not found:
        return []
    planned = planned_windows() if planned is None else planned
    probes = list(Probe.objects.filter(component__in=found, enabled=True).order_by("code"))
    verdicts = {row.probe_id: row for row in ProbeVerdict.objects.filter(probe__in=probes).defer("state")}
    words = _words(probes, verdicts, now)
    by_component: dict[int, list[Probe]] = {}
    for probe in probes:
        by_component.setdefault(probe.component_id, []).append(probe)
    said = {pk: agreement.component_status([words[probe.pk] for probe in own]) for pk, own in by_component.items()}
    follows = following.read([pk for pk, (status, _) in said.items() if is_trouble(status)])
    changes = []
    for pk in follows.in_order(said):
        component, own, (status, since) = found[pk], by_component[pk], said[pk]
        needs, observed = follows.needs_of(component)
        why = held_back(component=component.code, status=status, now=now, planned=planned, needs=needs, observed=observed)
        is_freed = _remember_why([verdicts[probe.pk] for probe in own if probe.pk in verdicts], why)
        if status == component.observed_status and pk not in turned and not is_freed:
            continue
        began = min(moment(since) or now, now)
        change = timeline.observe(
            component=component, status=status, since=began, now=now, evidence=_evidence(own, now), opens=not why
        )
        changes += [change] if change else []
        follows.heard(component, status, opens=is_trouble(status) and not why)
    return changes


def planned_windows() -> list[PlannedWindow]:
    """The announced work that is going on, as the record has it."""
    return [PlannedWindow(window.starts_at, window.ends_at, window.expects) for window in windows.in_force()]


def _remember_why(verdicts: Sequence[ProbeVerdict], why: str) -> bool:
    """Keep what holds a draft back; answers whether that has changed, so that the trouble must be looked at again."""
    if all(row.held_back == why for row in verdicts):
        return False
    return bool(ProbeVerdict.objects.filter(pk__in=[row.pk for row in verdicts]).update(held_back=why))


def _words(probes: Sequence[Probe], verdicts: Mapping[int, ProbeVerdict], now: datetime) -> dict[int, agreement.ProbeWord]:
    """Each probe's word; one whose vantages are all silent or switched off has none."""
    rows = ProbeSchedule.objects.active().filter(probe__in=probes).select_related("probe").defer("state")
    speaking = {row.probe_id for row in rows if row.confirmed and not is_silent(row, now)}
    words = {}
    for probe in probes:
        verdict = verdicts.get(probe.pk) if probe.pk in speaking else None
        since = verdict.confirmed_since if verdict else None
        words[probe.pk] = agreement.ProbeWord(
            verdict.confirmed if verdict else "", int(since.timestamp()) if since else None, probe.weight
        )
    return words


# --- Evidence ----------------------------------------------------------------------------------------


def _evidence(probes: Sequence[Probe], now: datetime) -> dict[str, Any]:
    """What staff sees beside the draft: what each probe says by which rule, and each vantage's last words, the words of its first
    failure and its series."""
    verdicts = ProbeVerdict.objects.filter(probe__in=probes).select_related("probe").order_by("probe__code")
    out = set(VantageLink.objects.exclude(out_since=None).values_list("vantage_id", flat=True))
    rows = _rows_by_probe([probe.pk for probe in probes])
    each = [row for probe in probes for row in rows.get(probe.pk, [])]
    last, first = _last_and_first_bad(each)
    return {
        "verdicts": [_verdict_line(verdict, rows.get(verdict.probe_id, []), out, now) for verdict in verdicts],
        "probes": [_vantage_line(row, row.vantage_id in out, last.get(row.pk), first.get(row.pk)) for row in each],
    }


def _last_and_first_bad(rows: Sequence[ProbeSchedule]) -> tuple[dict[int, Result], dict[int, Result]]:
    """By row its newest result, and the first bad one of its trouble: few queries for however many probes a component has."""
    since = {row.pk: int(row.confirmed_since.timestamp()) for row in rows if _is_bad(row) and row.confirmed_since}
    asked = ProbeSchedule.objects.filter(pk__in=bulk.ids([row.pk for row in rows])).order_by()
    results = Result.objects.filter(probe=OuterRef("probe"), vantage=OuterRef("vantage"), attempt=0)
    newest = dict(asked.values_list("pk", Subquery(results.order_by("-slot").values("pk")[:1])))
    oldest: dict[int, int | None] = {}
    if since:
        began = Case(*(When(pk=pk, then=Value(slot)) for pk, slot in since.items()), output_field=BigIntegerField())
        bad = results.filter(slot__gte=OuterRef("began")).exclude(status__in=[OutcomeStatus.OK, *_NO_VOTE]).order_by("slot")
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
        "agree": sum(map(_is_bad, live)),
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
        "series": _film(row),
        "out": is_out,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
