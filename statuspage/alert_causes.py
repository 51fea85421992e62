"""What needs a person now, read from the rows: each cause with whom it calls, and from when. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.apps import apps
from django.conf import settings
from django.db.models import Exists, OuterRef

from incidents import breaking_glass, drafts, duties, holding, rights, set_times, signing
from incidents.duties import Duty, Waiting
from incidents.languages import by_language
from incidents.models import AfterSignature, Incident, IncidentUpdate, Statement, Withdrawal
from incidents.models.publishable import Publishable
from incidents.words import Publication
from probes import vantages
from probes.models import Probe, Result, Vantage
from statuspage.models import AlertKind, DutyRole, Heartbeat, StaffAlert

STATEMENT_BEFORE, STATEMENT_LAST = timedelta(hours=2), timedelta(minutes=30)
SNAPSHOT_OLD = timedelta(seconds=60)
LOOK_BACK = timedelta(seconds=90)  # for outcomes of probes
UNATTENDED_FOR = timedelta(hours=24)


DESK = "/admin/"  # written out: asking Django for addresses would load the whole desk into the publisher


class Reach(StrEnum):
    """Whom of a role: everyone on duty, the next one who was not called yet, everyone who has the role."""

    DUTY = "duty"
    NEXT = "next"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Call:
    at: datetime
    role: DutyRole
    reach: Reach = Reach.DUTY


@dataclass(frozen=True, slots=True)
class Cause:
    """`base` names it for as long as it lasts. `path` leads to where it is dealt with. Lines are for staff only."""

    base: str
    kind: AlertKind
    severity: str
    title: str
    text: str
    path: str
    calls: tuple[Call, ...]


def find(*, now: datetime) -> list[Cause]:
    """Every cause of now."""
    return [
        *_drafts(now),
        *_unattended(now),
        *_signatures(),
        *_after_signatures(),
        *_set_times(),
        *_translations(),
        *_promises(now),
        *_statements(now),
        *_agents(now),
        *_probes(now),
        *_snapshot(now),
    ]


def _page(model: str, pk: int | None, act: str = "change") -> str:
    return f"{DESK}{model}/{pk}/{act}/"


def _headline(incident: Incident) -> str:
    return next((text for text in by_language(incident.name).values() if text), "A problem without a headline")[:120]


def _drafts(now: datetime) -> Iterator[Cause]:
    waiting = IncidentUpdate.objects.drafts().filter(author=None, incident__publication=Publication.DRAFT)
    for draft in waiting.select_related("incident"):
        goes_out = f" It goes out by itself after {settings.UNATTENDED_MINUTES} minutes." if settings.UNATTENDED_MINUTES else ""
        yield Cause(
            f"draft:{draft.public_id}",
            AlertKind.DRAFT,
            "critical",
            f"Draft opened: {_headline(draft.incident)}",
            f"Probes confirm trouble and nothing about it is public.{goes_out if drafts.is_untouched(draft) else ''}",
            _page("incidents/incidentupdate", draft.pk),
            (Call(draft.created_at, DutyRole.AUTHOR),),
        )


def _unattended(now: datetime) -> Iterator[Cause]:
    lately = IncidentUpdate.objects.published().filter(automatic=True, published_at__gt=now - UNATTENDED_FOR)
    incidents = Incident.objects.published().unresolved().filter(updates__in=lately).distinct()
    for incident in incidents:
        if not drafts.has_person(incident):
            first = incident.updates.published().order_by("published_at").values_list("published_at", flat=True).first() or now
            yield Cause(
                f"unattended:{incident.public_id}",
                AlertKind.UNATTENDED,
                "critical",
                f"Nobody came: {_headline(incident)} was published by itself",
                "The pre-signed first notice is public. A person must take over.",
                _page("incidents/incident", incident.pk),
                tuple(Call(first, role) for role in DutyRole),
            )


def _signatures() -> Iterator[Cause]:
    for model_name in rights.SIGNED.values():
        rows = apps.get_model("incidents", model_name)._default_manager.filter(publication=Publication.DRAFT)
        for item in rows.exclude(signature_requested_at=None):
            if signing.signature_state(item) != "valid":
                yield _signature(item)


def _signature(item: Publishable) -> Cause:
    asked = item.signature_requested_at
    assert asked is not None
    is_update, of_security = isinstance(item, IncidentUpdate), signing.is_of_security(item)
    return Cause(
        f"signature:{item.public_id}:{asked:%Y%m%dT%H%M%S}",
        AlertKind.SIGNATURE,
        "critical",
        f"To sign: {_headline(item.incident) if isinstance(item, IncidentUpdate) else f'one {item._meta.verbose_name}'}",
        f"{item.author or 'The publisher'} asks for {'the signature of Security' if of_security else 'your signature'}.",
        _page("incidents/incidentupdate", item.pk, "sign") if is_update else DESK,
        (Call(asked, DutyRole.APPROVER, Reach.NEXT), *_calls(Waiting(signature_asked_at=asked))),
    )


def _after_signatures() -> Iterator[Cause]:
    owed = AfterSignature.objects.filter(signed_at=None, due_at__isnull=False).select_related("update__incident")
    for row in owed:
        assert row.due_at is not None
        broke_at = row.due_at - breaking_glass.AFTER_SIGNATURE_WITHIN
        yield Cause(
            f"after-signature:{row.update.public_id}",
            AlertKind.SIGNATURE,
            "critical",
            f"Published alone, to sign after: {_headline(row.update.incident)}",
            f"Reason given: {row.reason}"[:300],
            _page("incidents/incidentupdate", row.update_id),
            (Call(broke_at, DutyRole.APPROVER, Reach.NEXT), *_calls(Waiting(signature_asked_at=broke_at))),
        )


def _set_times() -> Iterator[Cause]:
    for row in set_times.given_up():
        assert row.ended_at is not None
        yield Cause(
            f"set-time:{row.pk}",
            AlertKind.SET_TIME,
            "critical",
            f"Not out at its set time: {_headline(row.update.incident)}",
            row.refused[:300],
            _page("incidents/incidentupdate", row.update_id),
            (Call(row.ended_at, DutyRole.AUTHOR), Call(row.ended_at, DutyRole.APPROVER)),
        )


def _translations() -> Iterator[Cause]:
    for owed in holding.owed():
        yield Cause(
            f"translation:{owed.update.public_id}",
            AlertKind.TRANSLATION,
            "warning",
            f"Words still to come ({', '.join(owed.languages)}): {_headline(owed.update.incident)}",
            "A holding text stands in their place. Write them as a correction.",
            _page("incidents/incidentupdate", owed.update.pk, "after"),
            (Call(owed.due_at - holding.WITHIN, DutyRole.AUTHOR), Call(owed.due_at, DutyRole.APPROVER)),
        )


def _promises(now: datetime) -> Iterator[Cause]:
    soon = now + duties.Pace().before_promise
    for incident in Incident.objects.published().unresolved().filter(next_update_by__lte=soon):
        promised = incident.next_update_by
        assert promised is not None
        late = now >= promised
        yield Cause(
            f"promise:{incident.public_id}:{promised:%Y%m%dT%H%M%S}",
            AlertKind.PROMISE,
            "critical" if late else "warning",
            f"Update due: {_headline(incident)}",
            "Customers were promised an update, and it is not out.",
            _page("incidents/incident", incident.pk),
            _calls(Waiting(promised_by=promised)),
        )


def _calls(waiting: Waiting) -> tuple[Call, ...]:
    """The moments of incidents.duties, as calls."""
    of_duty = {
        Duty.NUDGE_AUTHOR: (DutyRole.AUTHOR, Reach.DUTY),
        Duty.PAGE_APPROVER: (DutyRole.APPROVER, Reach.NEXT),
        Duty.PAGE_ALL: (DutyRole.APPROVER, Reach.ALL),
    }
    return tuple(Call(due.at, *of_duty[due.duty]) for due in duties.ahead(waiting) if due.duty in of_duty)


def _statements(now: datetime) -> Iterator[Cause]:
    taken_back = Withdrawal.objects.filter(statement=OuterRef("pk"), publication=Publication.PUBLISHED)
    lapsing = Statement.objects.published().filter(
        ~Exists(taken_back), expires_at__gt=now, expires_at__lte=now + STATEMENT_BEFORE
    )
    for row in lapsing.select_related("incident"):
        if row.incident.is_open and row.expires_at:
            yield Cause(
                f"statement:{row.public_id}",
                AlertKind.STATEMENT,
                "warning",
                f"Statement lapses: {_headline(row.incident)}",
                f"What is said ({row.level}) is taken back by itself unless it is signed anew.",
                _page("incidents/incident", row.incident_id),
                (
                    Call(row.expires_at - STATEMENT_BEFORE, DutyRole.AUTHOR),
                    Call(row.expires_at - STATEMENT_LAST, DutyRole.APPROVER),
                ),
            )


def _agents(now: datetime) -> Iterator[Cause]:
    for vantage in Vantage.objects.filter(enabled=True, schedules__enabled=True).distinct():
        if vantage.last_heard_at and vantages.is_silent(vantage, now):
            yield Cause(
                f"agent:{vantage.name}",
                AlertKind.AGENT,
                "warning",
                f"Agent silent: {vantage.label or vantage.name}",
                "Its agent says nothing: it counts neither as trouble nor as agreement.",
                _page("probes/vantage", vantage.pk),
                (Call(vantage.last_heard_at + vantages.SILENT_AFTER, DutyRole.ENGINEER),),
            )


def _probes(now: datetime) -> Iterator[Cause]:
    since = int((now - LOOK_BACK).timestamp())
    outcomes = Result.objects.filter(slot__gte=since, attempt=0, status="misconfigured")
    bad = dict(outcomes.values_list("probe_id", "evidence"))
    known = StaffAlert.objects.filter(kind=AlertKind.PROBE, resolved_at=None).values_list("key", flat=True)
    codes = {key.partition("@")[0].removeprefix("probe:") for key in known}  # one that runs seldom stays until it ran well
    for probe in Probe.objects.filter(enabled=True).filter(pk__in=bad) | Probe.objects.filter(enabled=True, code__in=codes):
        last = (
            probe.results.filter(attempt=0).exclude(status="skipped").order_by("-slot").values_list("status", flat=True).first()
        )
        if last == "misconfigured":
            yield Cause(
                f"probe:{probe.code}",
                AlertKind.PROBE,
                "warning",
                f"Probe misconfigured: {probe.code}",
                f"It has no vote. {bad.get(probe.pk, '')}"[:300].strip(),
                _page("probes/probe", probe.pk),
                (Call(now, DutyRole.ENGINEER),),
            )


def _snapshot(now: datetime) -> Iterator[Cause]:
    """The tick marks its end; while it cannot finish, the page says that it cannot confirm."""
    beat = Heartbeat.objects.filter(name="publisher").first()
    if beat and now - beat.at > SNAPSHOT_OLD:
        yield Cause(
            "snapshot",
            AlertKind.SNAPSHOT,
            "critical",
            "The page is not kept fresh",
            "The publisher has not finished a second's work for a minute: readers see “we can't confirm”.",
            DESK,
            (Call(beat.at + SNAPSHOT_OLD, DutyRole.ENGINEER), Call(beat.at + SNAPSHOT_OLD, DutyRole.AUTHOR)),
        )
