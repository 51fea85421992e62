"""The desk's first page: evidence without a word, what waits for a person, and whether the house itself is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from incidents import record, signing
from incidents.models import Incident, IncidentUpdate
from incidents.policy import WITHOUT
from incidents.words import Publication
from probes import vantages
from probes.models import ProbeVerdict, Vantage, VantageLink
from statuspage.admin import evidence
from statuspage.admin.base import person
from statuspage.admin.evidence import Evidence
from statuspage.admin.incidents import draft_url, incident_url, publish_url
from statuspage.models import Heartbeat
from statuspage.templatetags.desk import ago, first_text, moment, phase_word
from subscribers.models import Delivery, DeliveryState, Subscriber

PROMISE_SOON = timedelta(minutes=10)
FAILURES_OF = timedelta(hours=24)


@dataclass(frozen=True)
class Card:
    """A draft about trouble that nobody has spoken of yet, with what probes saw."""

    update: IncidentUpdate
    headline: str
    evidence: list[Evidence]
    is_presigned: bool
    waits_for_signature: bool
    open_url: str
    publish_url: str


@dataclass(frozen=True)
class Strip:
    """One thing that waits for a person: a clock, what it is, and where to go. `tone`: late, soon or empty."""

    clock: str
    kind: str
    title: str
    text: str
    url: str
    button: str
    tone: str = ""


def context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What the dashboard's template shows; each part only to who may see it."""
    user = person(request)
    if not user.has_perm("incidents.view_incidentupdate"):
        return {"cards": [], "strips": [], "instruments": None}
    drafts = list(
        IncidentUpdate.objects.drafts().select_related("incident", "notice", "author").prefetch_related("affected__component")
    )
    open_incidents = list(Incident.objects.published().unresolved().exclude(next_update_by=None).order_by("next_update_by"))
    may_sign = user.has_perm("incidents.sign_incidentupdate")
    return {
        "cards": [_card(draft) for draft in drafts if draft.incident.publication == Publication.DRAFT],
        "strips": [
            *_promises(open_incidents, now, late=True),
            *(_to_sign(draft, may_sign) for draft in drafts if _wants_signature(draft)),
            *_promises(open_incidents, now, late=False),
            *_suspected(),
            *_put_out(),
            *_silent(now),
            *_failing(now),
            *_switched_off(),
            *(_draft(draft) for draft in drafts if _is_next_word(draft) and not _wants_signature(draft)),
        ],
        "open_incidents": [(incident, first_text(incident.name)) for incident in open_incidents],
        "instruments": _instruments(),
        "may_report": user.has_perm("incidents.add_incident"),
        "may_publish": user.has_perm("incidents.publish_incidentupdate"),
        "may_write": user.has_perm("incidents.change_incidentupdate"),
    }


def _card(draft: IncidentUpdate) -> Card:
    return Card(
        update=draft,
        headline=first_text(draft.incident.name) or "A problem without a headline",
        evidence=evidence.of(draft.incident),
        is_presigned=signing.signature_state(draft) == "valid",
        waits_for_signature=_wants_signature(draft),
        open_url=draft_url(draft),
        publish_url=publish_url(draft),
    )


def _wants_signature(draft: IncidentUpdate) -> bool:
    return draft.signature_requested_at is not None and signing.signature_state(draft) != "valid"


def _is_next_word(draft: IncidentUpdate) -> bool:
    return draft.incident.publication == Publication.PUBLISHED


def _to_sign(draft: IncidentUpdate, may_sign: bool) -> Strip:
    author = draft.author.get_username() if draft.author else "the publisher"
    sign = reverse("admin:incidents_incidentupdate_sign", args=[draft.pk])
    return Strip(
        clock=ago(draft.signature_requested_at),
        kind="To sign",
        title=first_text(draft.incident.name) or "A problem without a headline",
        text=f"{phase_word(draft.status)}. {author} asks for a signature.",
        url=sign if may_sign else draft_url(draft),
        button="Read and sign" if may_sign else "Open",
    )


def _promises(incidents: list[Incident], now: datetime, *, late: bool) -> list[Strip]:
    return [_promise(incident, incident.next_update_by, late) for incident in incidents if _due(incident, now, late=late)]


def _due(incident: Incident, now: datetime, *, late: bool) -> bool:
    due = incident.next_update_by
    return due is not None and (due < now if late else now <= due <= now + PROMISE_SOON)


def _promise(incident: Incident, due: datetime | None, late: bool) -> Strip:
    return Strip(
        clock=f"{ago(due)} late" if late else f"in {ago(due)}",
        kind="Promise missed" if late else "Promise due",
        title=first_text(incident.name),
        text=f"Update promised by {moment(due)}." + (" The page says that it is late." if late else ""),
        url=incident_url(incident),
        button="Write update",
        tone="late" if late else "soon",
    )


def _draft(draft: IncidentUpdate) -> Strip:
    author = draft.author.get_username() if draft.author else "probes"
    return Strip(
        clock=ago(draft.updated_at),
        kind="Draft",
        title=first_text(draft.incident.name),
        text=f"{phase_word(draft.status)}, written by {author}.",
        url=draft_url(draft),
        button="Open draft",
    )


def _suspected() -> list[Strip]:
    """Troubles that one vantage alone confirms: nothing of them is public."""
    rows = ProbeVerdict.objects.exclude(suspects="").filter(probe__enabled=True).select_related("probe__component")
    return [
        Strip(
            clock=ago(row.suspected_since),
            kind="Suspected",
            title=first_text(row.probe.component.name),
            text=f"{row.probe.code} fails at {row.suspects} and at no other vantage. Nothing is public.",
            url=reverse("admin:probes_probe_change", args=[row.probe_id]),
            button="Look",
            tone="soon",
        )
        for row in rows.order_by("suspected_since")
    ]


def _put_out() -> list[Strip]:
    """Vantages that have no say, since the trouble they see is their own."""
    why = {
        "link": "No target answers it: its own link fails. What it sees is not counted.",
        "alone": "It sees trouble at many targets where every other vantage sees none. What it sees is not counted.",
    }
    rows = VantageLink.objects.exclude(out_since=None).filter(vantage__enabled=True).select_related("vantage")
    return [
        Strip(
            clock=ago(row.out_since),
            kind="Vantage out",
            title=row.vantage.label or row.vantage.name,
            text=why.get(row.out_because, ""),
            url=reverse("admin:probes_vantage_change", args=[row.vantage_id]),
            button="Look",
            tone="soon",
        )
        for row in rows.order_by("out_since")
    ]


def _silent(now: datetime) -> list[Strip]:
    """Vantages whose agent says nothing: they neither agree nor disagree."""
    return [
        Strip(
            clock=ago(vantage.last_heard_at) if vantage.last_heard_at else "",
            kind="Vantage silent",
            title=vantage.label or vantage.name,
            text="Its agent says nothing. It is not counted, neither as trouble nor as agreement.",
            url=reverse("admin:probes_vantage_change", args=[vantage.pk]),
            button="Look",
            tone="soon",
        )
        for vantage in Vantage.objects.filter(enabled=True, schedules__enabled=True).distinct()
        if vantages.is_silent(vantage, now)
    ]


def _failing(now: datetime) -> list[Strip]:
    """Tellings that failed and are tried again, and those given up lately."""
    retried = Delivery.objects.filter(state=DeliveryState.PENDING, attempt__gt=0).exclude(last_error="")
    dead = Delivery.objects.filter(state=DeliveryState.DEAD, due_at__gte=now - FAILURES_OF)
    strips = []
    for rows, title in ((retried, "Deliveries failed and are tried again"), (dead, "Deliveries were given up today")):
        count = rows.count()
        if count:
            last = rows.order_by("-id").values_list("last_error", flat=True).first()
            state = DeliveryState.PENDING if rows is retried else DeliveryState.DEAD
            url = f"{reverse('admin:subscribers_delivery_changelist')}?state__exact={state}"
            strips.append(Strip(str(count), "Delivery failing", title, str(last or ""), url, "See", tone="soon"))
    return strips


def _switched_off() -> list[Strip]:
    """Rules that do not hold in this deployment."""
    return [
        Strip(
            clock="off",
            kind="Gate off",
            title=gate.replace("_", " ").capitalize(),
            text=f"Here {WITHOUT[gate]}. The record says so wherever it mattered.",
            url=reverse("admin:incidents_auditevent_changelist"),
            button="Audit log",
            tone="soon",
        )
        for gate in sorted(settings.GATES_OFF)
    ]


def _instruments() -> dict[str, Any]:
    publisher = Heartbeat.objects.filter(name="publisher").first()
    return {
        "publisher_at": publisher.at if publisher else None,
        "record": record.head(),
        "vantages": list(Vantage.objects.filter(enabled=True, is_passive=False)),
        "subscribers": Subscriber.objects.active().count(),
        "pending": Delivery.objects.filter(state=DeliveryState.PENDING).count(),
    }
