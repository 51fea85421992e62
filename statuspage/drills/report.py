"""What a rehearsal came to, from the rows of its copy: how soon seen and said, promises kept, gates, languages, waits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from statistics import median

from django.conf import settings

from incidents import deadlines, exercise, verification
from incidents.languages import by_language, codes, missing
from incidents.models import AuditEvent, Incident, IncidentUpdate, MaintenanceUpdate, StatusChange
from incidents.words import ComponentStatus
from statuspage.drills.scripts import Script

BAD = (
    ComponentStatus.MAJOR_OUTAGE.value,
    ComponentStatus.PARTIAL_OUTAGE.value,
    ComponentStatus.DEGRADED_PERFORMANCE.value,
    ComponentStatus.DELAYED.value,
)


@dataclass(frozen=True)
class Spoken:
    """One incident: seconds from the beginning of the scenario to its detection, from there to the first public word, and its
    promises, but for one that is not due yet when the rehearsal ends."""

    title: str
    to_detect: float
    to_first_word: float | None
    words: int
    promises_kept: int
    promises_due: int
    is_open: bool


@dataclass(frozen=True)
class Report:
    """Times are seconds by the clock on the wall: the story is faster, probes and people are not."""

    scenario: str
    speed: float
    lasted_s: float
    seen: dict[str, float | None]  # each service that had to be seen in trouble: after how many seconds
    wrongly: tuple[str, ...]  # services that were shown in trouble and had none
    incidents: tuple[Spoken, ...]
    gates: dict[str, int]
    in_all_languages: int
    words: int
    signature_waits: tuple[float, ...]
    mails_kept: int
    record_holds: bool
    languages: tuple[str, ...] = field(default_factory=tuple)

    @property
    def is_good(self) -> bool:
        """Whatever had to be seen was seen and spoken of, nothing else was, and every promise was kept."""
        spoken_of = not self.seen or any(one.to_first_word is not None for one in self.incidents)
        kept = all(one.promises_kept == one.promises_due for one in self.incidents)
        everything_seen = None not in self.seen.values() and not self.wrongly
        return everything_seen and spoken_of and kept and self.in_all_languages == self.words and self.record_holds


def draw_up(*, scenario: str, script: Script, speed: float, began: datetime, ended: datetime) -> Report:
    updates = list(IncidentUpdate.objects.published()) + list(MaintenanceUpdate.objects.published())
    return Report(
        scenario=scenario,
        speed=speed,
        lasted_s=round((ended - began).total_seconds(), 1),
        seen={code: _first_trouble(code, began) for code in script.troubled},
        wrongly=tuple(code for code in script.untouched if _first_trouble(code, began) is not None),
        incidents=tuple(_spoken(one, began, ended) for one in Incident.objects.published().order_by("published_at")),
        gates=_gates(),
        in_all_languages=sum(not missing(update.body) for update in updates),
        words=len(updates),
        signature_waits=tuple(_signature_waits()),
        mails_kept=sum(1 for _ in settings.MAIL_DIR.glob("*.eml")),
        record_holds=verification.verify().holds,
        languages=tuple(codes()),
    )


def _first_trouble(code: str, began: datetime) -> float | None:
    found = StatusChange.objects.filter(component__code=code, new_status__in=BAD, at__gte=began).order_by("at").first()
    return round((found.at - began).total_seconds(), 1) if found else None


def _spoken(incident: Incident, began: datetime, ended: datetime) -> Spoken:
    figures = deadlines.figures_of(incident, now=ended)
    detected, first = incident.detected_at or incident.started_at, incident.first_word_at
    return Spoken(
        title=by_language(incident.name)[codes()[0]],
        to_detect=_seconds(detected - began),
        to_first_word=_seconds(first - detected) if first else None,
        words=incident.updates.published().count(),
        promises_kept=figures.promises_kept,
        promises_due=figures.promises_kept + figures.promises_missed,
        is_open=incident.resolved_at is None,
    )


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 1)


def _gates() -> dict[str, int]:
    path = settings.DATA_DIR / exercise.REFUSALS
    lines = path.read_text().splitlines() if path.is_file() else []
    return dict(Counter(gate for line in lines for gate in json.loads(line)["gates"]))


def _signature_waits() -> Iterable[float]:
    """From asking for a signature to getting it, of each text that was signed."""
    asked: dict[str, datetime] = {}
    for event in AuditEvent.objects.filter(act__regex=r"\.(request_signature|sign)$").order_by("id"):
        if event.act.endswith(".request_signature"):
            asked.setdefault(event.target, event.at)
        elif began := asked.pop(event.target, None):
            yield round((event.at - began).total_seconds(), 1)


# --- In words ------------------------------------------------------------------------------------


def lines(report: Report) -> Sequence[str]:
    """The report to be read, a line a finding."""
    said = [
        f"Exercise {report.scenario}, {report.speed:g} times faster than it happened; it took {report.lasted_s:.0f} s.",
        *(f"Seen      {code}: {_after(seconds)}" for code, seconds in report.seen.items()),
        *(f"WRONG     {code} was shown in trouble and had none." for code in report.wrongly),
    ]
    if not report.seen and not report.wrongly:
        said.append("Seen      nothing, and there was nothing to be seen.")
    for one in report.incidents:
        first = "never spoken of" if one.to_first_word is None else f"first word {one.to_first_word:.0f} s after it was detected"
        promises = f"promises kept {one.promises_kept} of {one.promises_due}{', still open' if one.is_open else ''}"
        said.append(f"Said      {one.title}: {first}, {one.words} words, {promises}.")
    gates = ", ".join(f"{gate} {count}" for gate, count in sorted(report.gates.items())) or "none"
    waits = report.signature_waits
    took = (
        f"{len(waits)}, {median(waits):.0f} s each in the middle, {max(waits):.0f} s at most" if waits else "none was asked for"
    )
    return [
        *said,
        f"Gates     {gates}.",
        f"Languages {report.in_all_languages} of {report.words} words stand in {' and '.join(report.languages)}.",
        f"Waits     for a signature: {took}.",
        f"Mails     {report.mails_kept} were made and kept; nobody was contacted.",
        f"Record    {'holds' if report.record_holds else 'DOES NOT HOLD'}.",
        "In order." if report.is_good else "NOT in order: see above.",
    ]


def _after(seconds: float | None) -> str:
    return "NOT SEEN" if seconds is None else f"after {seconds:.0f} s"


def as_json(report: Report) -> str:
    return json.dumps({**asdict(report), "is_good": report.is_good}, indent=1)
