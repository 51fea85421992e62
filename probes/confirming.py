"""From outcomes to what probes confirm: detection's memory in rows, and what is handed over to the record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from incidents import timeline, windows
from incidents.models import Component, StatusChange
from incidents.words import ComponentStatus
from probes import agreement, bulk, detection, evidence, following, links, memory, silence
from probes.film import is_clean
from probes.memory import Memory, WatchedProbe
from probes.models import Probe, ProbeChange, ProbeSchedule, ProbeVerdict, Vantage, VantageLink
from probes.outcome import LATE, NO_VOTE, OVERLAP, OutcomeStatus
from probes.suppression import PlannedWindow, held_back, is_trouble

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
            changes.append(
                _change(row.probe_id, vantage.pk, said, row.confirmed, row.confirmed_since, now, evidence.film_of(row))
            )
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
        or silence.is_silent(row, now)
    ]


def _step(row: Memory, report: Outcomes, now: datetime) -> bool:
    """Take one outcome into the row; answers whether it was more than one good vote more of what is well."""
    # When it was measured, not when it came: a batch that waited at the broker proves nothing about now.
    measured = min(now, datetime.fromtimestamp(report.started_at, UTC))
    if report.status not in NO_VOTE:
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
    sights = evidence.rows_by_probe(ids)
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
            film = " ".join(sight.film.letters[-evidence.SERIES :] for sight in seen)[:120]
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


def _sight(row: ProbeSchedule, now: datetime, *, is_out: bool, unsure_of: links.Link | None) -> agreement.Sight:
    state = detection.State.from_json(row.state)
    since = state.film.bad_since if unsure_of is not None else None
    is_unsure = (
        unsure_of is not None and since is not None and unsure_of.is_unsure(links.site_of(row.probe.spec), since, now.timestamp())
    )
    status = "" if silence.is_silent(row, now) else state.confirmed
    return agreement.Sight(row.vantage.name, status, state.since, state.film, is_out, is_unsure)


def _with(row: ProbeVerdict, verdict: agreement.Verdict) -> ProbeVerdict:
    row.state = verdict.as_json()
    row.confirmed, row.confirmed_since = verdict.confirmed, moment(verdict.since)
    row.suspects, row.suspected_since = ", ".join(verdict.suspects)[:300], moment(verdict.suspected_since)
    row.is_intermittent = verdict.is_intermittent
    return row


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
        if report.status not in NO_VOTE
    )
    cut = False
    if link.dark_since is not None:
        heard_lately = now - timedelta(seconds=silence.AFTER_AT_LEAST)
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
            bad = {_site(row.probe) for row in rows if evidence.is_bad(row)}
        if link.out_because == "link" or (not bad and not link.out_because):
            continue
        because = "alone" if links.fails_alone(len(bad), len({_site(row.probe) for row in rows})) else ""
        if because != link.out_because:
            link.out_since, link.out_because = (now if because else None), because
            link.save(update_fields=["out_since", "out_because"])


def _site(probe: Probe) -> str:
    return links.site_of(probe.spec) or f"probe {probe.pk}"


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
    watched = _watched(found, now)
    said = {pk: agreement.component_status([probe.word for probe in own]) for pk, own in watched.items()}
    follows = following.read([pk for pk, (status, _) in said.items() if is_trouble(status)])
    changes = []
    for pk in follows.in_order(said):
        component, (status, since) = found[pk], said[pk]
        needs, observed = follows.needs_of(component)
        why = held_back(component=component.code, status=status, now=now, planned=planned, needs=needs, observed=observed)
        is_freed = _remember_why(watched[pk], why)
        # Where nothing is wrong, another probe that says so is no news: many begin together, and each batch would count them all.
        is_news = is_trouble(status) and (pk in turned or is_freed)
        if status == component.observed_status and not is_news:
            continue
        began = min(moment(since) or now, now)
        seen = evidence.read([probe.pk for probe in watched[pk]], now) if is_trouble(status) else {}
        change = timeline.observe(component=component, status=status, since=began, now=now, evidence=seen, opens=not why)
        changes += [change] if change else []
        follows.heard(component, status, opens=is_trouble(status) and not why)
    return changes


def planned_windows() -> list[PlannedWindow]:
    """The announced work that is going on, as the record has it."""
    return [PlannedWindow(window.starts_at, window.ends_at, window.expects) for window in windows.in_force()]


class _Watched(NamedTuple):
    """An enabled probe, by what its component needs of it: there may be hundreds, and this is asked with each batch."""

    pk: int
    word: agreement.ProbeWord
    verdict: int | None
    held_back: str | None


def _watched(component_ids: Collection[int], now: datetime) -> dict[int, list[_Watched]]:
    """By component; a probe whose vantages are all silent or switched off has no word."""
    probes = Probe.objects.filter(component__in=component_ids, enabled=True)
    fields = ("pk", "component", "weight", "verdict", "verdict__confirmed", "verdict__confirmed_since", "verdict__held_back")
    said = silence.words(ProbeSchedule.objects.active().filter(probe__in=probes))
    speaking = {word.probe for word in said if not word.is_over(now)}
    found: dict[int, list[_Watched]] = {}
    for pk, component, weight, verdict, confirmed, since, why in probes.order_by("pk").values_list(*fields):
        is_heard = verdict is not None and pk in speaking
        begun = int(since.timestamp()) if is_heard and since else None
        word = agreement.ProbeWord(confirmed if is_heard else "", begun, weight)
        found.setdefault(component, []).append(_Watched(pk, word, verdict, why))
    return found


def _remember_why(probes: Sequence[_Watched], why: str) -> bool:
    """Keep what holds a draft back; answers whether that has changed, so that the trouble must be looked at again."""
    judged = [probe for probe in probes if probe.verdict is not None]
    if all(probe.held_back == why for probe in judged):
        return False
    return bool(ProbeVerdict.objects.filter(pk__in=[probe.verdict for probe in judged]).update(held_back=why))
