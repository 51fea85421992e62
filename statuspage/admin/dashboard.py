"""The desk's first page: evidence without a word, what waits for a person, and whether the house itself is well."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from incidents import corrections, deadlines, record, rollup
from incidents.clocks import ClockState, Deadline
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, ScheduledMaintenance
from incidents.words import Publication, SignatureKind
from probes.models import Vantage
from statuspage import keeping
from statuspage.admin import evidence, imported, measures, sparks, waiting
from statuspage.admin.addresses import draft_url
from statuspage.admin.base import person
from statuspage.admin.evidence import Evidence
from statuspage.admin.moments import for_all
from statuspage.admin.sparks import Spark
from statuspage.models import DeskDraft, Heartbeat
from statuspage.templatetags.desk import first_text
from subscribers.models import Delivery, Subscriber

ROWS = 60  # drafts and open incidents looked at; more than that is read in the lists
CARDS = 8  # evidence cards on one page; the worst come first
CLOCKS_OF = 3  # open incidents whose regulator clocks are shown, the oldest


@dataclass(frozen=True)
class Seen:
    """One service on a card: the evidence, its last hour, and whether each vantage point agrees (none: nobody was asked)."""

    item: Evidence
    spark: Spark | None
    votes: tuple[bool, ...]


@dataclass(frozen=True)
class Card:
    """Trouble that nobody has spoken of yet (`draft`), or that got worse than what was said (`incident` alone)."""

    key: str
    incident: Incident
    headline: str
    worst: str
    seen: list[Seen]
    since: datetime | None
    clock_words: str
    draft: IncidentUpdate | None = None
    open_url: str = ""
    is_presigned: bool = False
    waits_for_signature: bool = False
    goes_out_at: datetime | None = None
    writer: DeskDraft | None = None
    said: str = ""

    @property
    def print(self) -> str:
        seen = [(one.item.status, one.item.now, one.item.agreement, one.spark.note if one.spark else "") for one in self.seen]
        told = (
            self.headline,
            seen,
            self.is_presigned,
            self.waits_for_signature,
            self.writer and self.writer.person_id,
            self.said,
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What the dashboard's template shows; each part only to who may see it. Its queries do not grow in number with the rows."""
    user = person(request)
    if not user.has_perm("incidents.view_incidentupdate"):
        return {"cards": [], "strips": [], "instruments": None}
    waiting_drafts = list(
        IncidentUpdate.objects.drafts()
        .exclude(pk__in=imported.waiting().values("pk"))
        .select_related("incident", "notice", "author")
        .prefetch_related("affected__component")[:60]
    )
    going_on = corrections.with_names(Incident.objects.published().unresolved(), named_by="update__incident")
    open_incidents = list(going_on.order_by("next_update_by", "id")[:ROWS])
    return {
        "cards": _cards(waiting_drafts, open_incidents, now),
        "strips": waiting.strips(
            user=user,
            drafts=waiting_drafts,
            open_incidents=[one for one in open_incidents if one.next_update_by],
            now=now,
        ),
        "open_incidents": [
            (incident, first_text(corrections.listed_name(incident, incident.name))) for incident in open_incidents
        ],
        "instruments": {**_instruments(now), "clocks": _clocks(open_incidents, now)},
        "once": secrets.token_urlsafe(18),
        "may_report": user.has_perm("incidents.add_incident"),
        "may_publish": user.has_perm("incidents.publish_incidentupdate"),
        "may_write": user.has_perm("incidents.change_incidentupdate"),
        "may_add": user.has_perm("incidents.add_incidentupdate"),
    }


# --- Cards -------------------------------------------------------------------------------------


def _cards(waiting_drafts: list[IncidentUpdate], open_incidents: list[Incident], now: datetime) -> list[Card]:
    unspoken = [draft for draft in waiting_drafts if draft.incident.publication == Publication.DRAFT]
    silent = [draft for draft in unspoken if not draft.incident.backfilled]
    worse = _said_but_worse(open_incidents)
    incidents = [draft.incident for draft in silent] + list(worse)
    found = evidence.of_all(incidents)
    parts = {item.component.pk: item for items in found.values() for item in items}
    lines = sparks.of([item.component for item in parts.values()], {key: item.status for key, item in parts.items()}, now=now)
    writers = keeping.writers(waiting_drafts)
    first = [_silent_card(draft, found[draft.incident_id], lines, writers.get(draft.pk)) for draft in silent]
    first.sort(key=lambda card: _rank(card.worst))
    second = [_worse_card(incident, said, found[incident.pk], lines, waiting_drafts, writers) for incident, said in worse.items()]
    return (first + second)[:CARDS]


def _rank(status: str) -> int:
    """0 the worst."""
    order = ("major_outage", "partial_outage", "degraded_performance", "delayed")
    return order.index(status) if status in order else len(order)


def _silent_card(draft: IncidentUpdate, items: Sequence[Evidence], lines: Mapping[int, Spark], writer: DeskDraft | None) -> Card:
    incident, untouched = draft.incident, waiting.is_signed(draft) and draft.signature_kind == SignatureKind.NOTICE
    by_itself = untouched and draft.author_id is None and draft.signature_requested_at is None and settings.UNATTENDED_MINUTES
    return Card(
        key=f"draft-{draft.pk}",
        incident=incident,
        headline=first_text(incident.name) or "A problem without a headline",
        worst=rollup.worst([item.status for item in items]) if items else "",
        seen=[_seen(item, lines) for item in items],
        since=incident.started_at,
        clock_words="with no public word",
        draft=draft,
        open_url=draft_url(draft),
        is_presigned=untouched,
        waits_for_signature=waiting.wants_signature(draft),
        goes_out_at=draft.created_at + timedelta(minutes=settings.UNATTENDED_MINUTES) if by_itself else None,
        writer=writer,
    )


def _worse_card(
    incident: Incident,
    said: str,
    items: Sequence[Evidence],
    lines: Mapping[int, Spark],
    waiting_drafts: Sequence[IncidentUpdate],
    writers: Mapping[int, DeskDraft],
) -> Card:
    draft = next((one for one in waiting_drafts if one.incident_id == incident.pk), None)
    return Card(
        key=f"worse-{incident.pk}",
        incident=incident,
        headline=first_text(corrections.listed_name(incident, incident.name)),
        worst=rollup.worst([item.now for item in items if item.now]) if any(item.now for item in items) else "",
        seen=[_seen(item, lines) for item in items],
        since=incident.published_at,
        clock_words="since it became public",
        draft=draft,
        open_url=draft_url(draft) if draft else "",
        writer=writers.get(draft.pk) if draft else None,
        said=said,
    )


def _seen(item: Evidence, lines: Mapping[int, Spark]) -> Seen:
    verdict = item.verdicts[0] if item.verdicts else None
    votes = tuple(number < verdict.agree for number in range(verdict.of)) if verdict else ()
    return Seen(item, lines.get(item.component.pk), votes)


def _said_but_worse(open_incidents: Sequence[Incident]) -> dict[Incident, str]:
    """Public incidents of which probes now confirm worse than was said last, with the words for it. One query."""
    rows = AffectedComponent.objects.filter(
        update__incident__in=open_incidents, update__publication=Publication.PUBLISHED
    ).select_related("component", "update")
    last: dict[tuple[int, Component], AffectedComponent] = {}
    for row in rows.order_by("update__record_seq"):
        last[(row.update.incident_id, row.component)] = row
    by_key = {incident.pk: incident for incident in open_incidents}
    found: dict[Incident, str] = {}
    for (key, part), row in last.items():
        if part.observed_status and rollup.is_worse(part.observed_status, row.new_status):
            found.setdefault(by_key[key], row.new_status)
    return found


# --- Instruments -------------------------------------------------------------------------------


@for_all
def _instruments(now: datetime) -> dict[str, Any]:
    publisher = Heartbeat.objects.filter(name="publisher").first()
    return {
        "publisher_at": publisher.at if publisher else None,
        "record": record.head(),
        "vantages": list(Vantage.objects.filter(enabled=True, is_passive=False)),
        "subscribers": Subscriber.objects.active().count(),
        "of_late": measures.of_late(now),
        "pending": Delivery.objects.pending().count(),
    }


def _clocks(open_incidents: Sequence[Incident], now: datetime) -> list[tuple[Incident | ScheduledMaintenance, Deadline]]:
    """What supervisors wait for, of the incidents that have gone on the longest and of the planned work that begins next."""
    oldest = sorted(open_incidents, key=lambda incident: incident.started_at)[:CLOCKS_OF]
    planned = ScheduledMaintenance.objects.live().order_by("starts_at")[:CLOCKS_OF]
    running: list[tuple[Incident | ScheduledMaintenance, Deadline]] = [
        *((incident, clock) for incident in oldest for clock in deadlines.deadlines_of(incident, now=now)),
        *((work, clock) for work in planned for clock in deadlines.deadlines_of_planned(work, now=now)),
    ]
    pressing = (ClockState.RUNNING, ClockState.DUE, ClockState.MISSED)
    return [pair for pair in running if pair[1].state in pressing and pair[1].met_at is None and pair[1].starts_at][:6]
