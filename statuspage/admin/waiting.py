"""What waits for a person, worst first: one strip each, with a clock, what it is, and the act. A bounded number of queries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse

from incidents import closing, corrections, holding, rights, set_times, signing
from incidents.facts import Text
from incidents.figures import ReviewState
from incidents.models import AfterSignature, Claim, Incident, IncidentUpdate, SetTime, Statement
from incidents.policy import WITHOUT
from incidents.rebuttals import State
from incidents.words import IncidentStatus, Publication
from probes import vantages
from probes.models import ProbeVerdict, Vantage, VantageLink
from statuspage.admin import imported
from statuspage.admin.addresses import after_url, draft_url, incident_url, sign_url
from statuspage.admin.moments import for_all
from statuspage.templatetags.desk import ago, first_text, moment, phase_word
from subscribers.models import Delivery, DeliveryState

PROMISE_SOON = timedelta(minutes=10)
FAILURES_OF = timedelta(hours=24)
LAPSES_SOON = timedelta(hours=2)
REVIEW_SOON = timedelta(days=2)
Names = Mapping[str, Text]  # of incidents whose headline was corrected, by public id
AT_MOST = 12  # strips of one kind; the lists have the rest


@dataclass(frozen=True)
class Strip:
    """One thing that waits. `at` with `counts` (up, late or down) is its clock; else `clock` stands there. `tone`: late, soon or
    empty. `begins`: the incident whose next update it offers to begin, in the words of a notice or in own ones."""

    key: str
    kind: str
    title: str
    text: str
    url: str
    button: str
    tone: str = ""
    at: datetime | None = None
    counts: str = ""
    clock: str = ""
    begins: int = 0

    @property
    def print(self) -> str:
        """What the browser compares: the strip without its clock."""
        said = "|".join((self.kind, self.title, self.text, self.button, self.tone))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def is_signed(draft: IncidentUpdate) -> bool:
    """Does its signature cover what it says? No query."""
    return signing.kept_state(draft) == "valid"


def wants_signature(draft: IncidentUpdate) -> bool:
    return draft.signature_requested_at is not None and not is_signed(draft)


def strips(*, user: User, drafts: list[IncidentUpdate], open_incidents: list[Incident], now: datetime) -> list[Strip]:
    names = corrections.names()
    may_sign = user.has_perm("incidents.sign_incidentupdate") or user.has_perm(rights.SIGN_SECURITY)
    next_words = [one for one in drafts if one.incident.publication == Publication.PUBLISHED or one.incident.backfilled]
    return [
        *_promises(open_incidents, now, names, late=True),
        *_given_up(names),
        *_owed(names),
        *_to_translate(now, names),
        *(_to_sign(draft, may_sign, names) for draft in drafts if wants_signature(draft)),
        *_promises(open_incidents, now, names, late=False),
        *_at_set_times(names),
        *_failing(now),
        *_claims(),
        *_lapsing(now, names),
        *_reviews(now, names),
        *_suspected(now),
        *_put_out(now),
        *_silent(now),
        *_switched_off(),
        *(_draft(draft, names) for draft in next_words if not wants_signature(draft)),
        *_imported(),
    ]


def _headline(incident: Incident, names: Names) -> str:
    return first_text(names.get(incident.public_id) or incident.name) or "A problem without a headline"


def address(name: str, otherwise: str = "admin:index") -> str:
    """A list's address, or the dashboard's where this desk has no such list."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return reverse(otherwise)


# --- Words -------------------------------------------------------------------------------------


def _promises(incidents: Iterable[Incident], now: datetime, names: Names, *, late: bool) -> list[Strip]:
    return [_promise(one, one.next_update_by, names, late) for one in incidents if _due(one, now, late=late)][:AT_MOST]


def _due(incident: Incident, now: datetime, *, late: bool) -> bool:
    due = incident.next_update_by
    return due is not None and (due < now if late else now <= due <= now + PROMISE_SOON)


def _promise(incident: Incident, due: datetime | None, names: Names, late: bool) -> Strip:
    return Strip(
        key=f"promise-{incident.pk}",
        kind="Promise missed" if late else "Promise due",
        title=f"{_headline(incident, names)}: update promised by {moment(due)}",
        text="The page says that it is late." if late else "Nothing new? Send the signed “no change” words.",
        url=incident_url(incident),
        button="Post update",
        tone="late" if late else "soon",
        at=due,
        counts="late" if late else "down",
        begins=incident.pk,
    )


def _imported() -> list[Strip]:
    """One strip for however many."""
    if not (count := imported.waiting().count()):
        return []
    return [
        Strip(
            key="imported",
            kind="Imported",
            title=f"{count} past incident{'s' if count > 1 else ''} of another page",
            text="Drafts: somebody else than who imported them reads and signs. Nobody is told.",
            url=address("admin:imported_sign"),
            button="Read",
        )
    ]


def _given_up(names: Names) -> list[Strip]:
    return [
        Strip(
            key=f"given-up-{row.pk}",
            kind="Not out",
            title=f"{_headline(row.update.incident, names)}: set for {moment(row.at)}",
            text=row.refused,
            url=draft_url(row.update),
            button="Open",
            tone="late",
            at=row.ended_at,
            counts="up",
        )
        for row in set_times.given_up()[:AT_MOST]
    ]


def _to_translate(now: datetime, names: Names) -> list[Strip]:
    languages = dict(settings.LANGUAGES)
    return [
        Strip(
            key=f"holding-{owed.update.pk}",
            kind="Words to come",
            title=f"{' and '.join(languages[code] for code in owed.languages)}: {_headline(owed.update.incident, names)}",
            text=f"The page says that they are coming. Write them as a correction by {moment(owed.due_at)}.",
            url=after_url(owed.update),
            button="Open",
            tone="late" if owed.due_at < now else "soon",
            at=owed.due_at,
            counts="late" if owed.due_at < now else "down",
        )
        for owed in holding.owed()[:AT_MOST]
    ]


def _at_set_times(names: Names) -> list[Strip]:
    rows = SetTime.objects.standing().select_related("update__incident", "set_by")
    return [
        Strip(
            key=f"set-time-{row.pk}",
            kind="Goes out",
            title=f"{_headline(row.update.incident, names)}: by itself {moment(row.at)}",
            text=f"Signed. {row.set_by} set the time; it can be taken back.",
            url=draft_url(row.update),
            button="Open",
            at=row.at,
            counts="down",
        )
        for row in rows[:AT_MOST]
    ]


def _owed(names: Names) -> list[Strip]:
    rows = AfterSignature.objects.filter(signed_by=None).exclude(due_at=None).select_related("update__incident", "broken_by")
    return [
        Strip(
            key=f"owed-{row.pk}",
            kind="After-signature due",
            title=f"Break glass: {_headline(row.update.incident, names)}",
            text=f"{row.broken_by} published alone. A second person must sign by {moment(row.due_at)}.",
            url=sign_url(row.update),
            button="Read and sign",
            tone="late" if row.missed_seq else "soon",
            at=row.due_at,
            counts="late" if row.missed_seq else "down",
        )
        for row in rows.order_by("due_at")[:AT_MOST]
    ]


def _to_sign(draft: IncidentUpdate, may_sign: bool, names: Names) -> Strip:
    author = draft.author.get_username() if draft.author else "the publisher"
    return Strip(
        key=f"sign-{draft.pk}",
        kind="To sign",
        title=_headline(draft.incident, names),
        text=f"{phase_word(draft.status)}. {author} asks for a signature.",
        url=sign_url(draft),
        button="Read and sign" if may_sign else "Open",
        at=draft.signature_requested_at,
        counts="up",
    )


def _draft(draft: IncidentUpdate, names: Names) -> Strip:
    author = draft.author.get_username() if draft.author else "probes"
    return Strip(
        key=f"draft-{draft.pk}",
        kind="Draft",
        title=_headline(draft.incident, names),
        text=f"{phase_word(draft.status)}, written by {author}.",
        url=draft_url(draft),
        button="Open draft",
        at=draft.updated_at,
        counts="up",
    )


def _claims() -> list[Strip]:
    waiting = Claim.objects.filter(state=State.LOGGED)
    newest = waiting.order_by("-reach", "-id").first()
    if newest is None:
        return []
    count = waiting.count()
    words = newest.words if len(newest.words) <= 80 else f"{newest.words[:77]}…"
    more = f" {count - 1} more with less reach." if count > 1 else ""
    return [
        Strip(
            key="claims",
            kind="Claims to triage",
            title=f"“{words}”",
            text=f"Seen at {newest.where}, by about {newest.reach} people.{more}",
            url=address("admin:incidents_claim_changelist"),
            button="Triage",
            clock=f"{count} new",
        )
    ]


def _lapsing(now: datetime, names: Names) -> list[Strip]:
    rows = Statement.objects.filter(
        publication=Publication.PUBLISHED, expires_at__gt=now, expires_at__lte=now + LAPSES_SOON
    ).exclude(withdrawals__publication=Publication.PUBLISHED)
    return [
        Strip(
            key=f"statement-{row.pk}",
            kind="Statement lapses",
            title=f"{_headline(row.incident, names)}: level {row.level}",
            text="Then it falls back with a public note, unless one is signed anew.",
            url=address("admin:incidents_statement_changelist"),
            button="Renew",
            tone="soon",
            at=row.expires_at,
            counts="down",
        )
        for row in rows.select_related("incident").order_by("expires_at")[:AT_MOST]
    ]


def _reviews(now: datetime, names: Names) -> list[Strip]:
    """The longest overdue first; only those that are due within two days or late."""
    without = Incident.objects.published().filter(status=IncidentStatus.RESOLVED, merged_into=None, withdrawn_at=None)
    rows = without.filter(closed_at=None).exclude(reviews__publication=Publication.PUBLISHED).order_by("resolved_at")
    waiting = list(rows[:AT_MOST])
    states = closing.review_states(waiting, now=now)
    return [
        Strip(
            key=f"review-{incident.pk}",
            kind="Review overdue" if states[incident.pk].state == ReviewState.OVERDUE else "Review due",
            title=_headline(incident, names),
            text="Cause, measures and prevention. Overdue shows on the page.",
            url=incident_url(incident),
            button="Open",
            tone="late" if states[incident.pk].state == ReviewState.OVERDUE else "",
            clock=moment(due),
        )
        for incident in waiting
        if (due := states[incident.pk].due_at) and due <= now + REVIEW_SOON
    ]


# --- The house ---------------------------------------------------------------------------------


@for_all
def _failing(now: datetime) -> list[Strip]:
    """Tellings that failed and are tried again, and those given up lately."""
    retried = Delivery.objects.pending().filter(attempt__gt=0).exclude(last_error="")
    dead = Delivery.objects.filter(state=DeliveryState.DEAD, due_at__gte=now - FAILURES_OF)
    found = []
    for rows, title in ((retried, "Deliveries failed and are tried again"), (dead, "Deliveries were given up today")):
        count = rows.count()
        if count:
            last = rows.order_by("-id").values_list("last_error", flat=True).first()
            state = DeliveryState.PENDING if rows is retried else DeliveryState.DEAD
            url = f"{reverse('admin:subscribers_delivery_changelist')}?state__exact={state}"
            strip = Strip(
                f"failing-{state}", "Delivery failing", title, str(last or ""), url, "See", tone="soon", clock=str(count)
            )
            found.append(strip)
    return found


@for_all
def _suspected(now: datetime) -> list[Strip]:
    """Troubles that one vantage alone confirms: nothing of them is public."""
    rows = ProbeVerdict.objects.exclude(suspects="").filter(probe__enabled=True).select_related("probe__component")
    return [
        Strip(
            key=f"suspected-{row.probe_id}",
            kind="Suspected",
            title=first_text(row.probe.component.name),
            text=f"{row.probe.code} fails at {row.suspects} and at no other vantage. Nothing is public.",
            url=reverse("admin:probes_probe_change", args=[row.probe_id]),
            button="Look",
            tone="soon",
            at=row.suspected_since,
            counts="up",
        )
        for row in rows.order_by("suspected_since")[:AT_MOST]
    ]


@for_all
def _put_out(now: datetime) -> list[Strip]:
    """Vantages that have no say, since the trouble they see is their own."""
    why = {
        "link": "No target answers it: its own link fails. What it sees is not counted.",
        "alone": "It sees trouble at many targets where every other vantage sees none. What it sees is not counted.",
    }
    rows = VantageLink.objects.exclude(out_since=None).filter(vantage__enabled=True).select_related("vantage")
    return [
        Strip(
            key=f"out-{row.vantage_id}",
            kind="Vantage out",
            title=row.vantage.label or row.vantage.name,
            text=why.get(row.out_because, ""),
            url=reverse("admin:probes_vantage_change", args=[row.vantage_id]),
            button="Look",
            tone="soon",
            at=row.out_since,
            counts="up",
        )
        for row in rows.order_by("out_since")[:AT_MOST]
    ]


@for_all
def _silent(now: datetime) -> list[Strip]:
    """Vantages whose agent says nothing: they neither agree nor disagree."""
    return [
        Strip(
            key=f"silent-{vantage.pk}",
            kind="Vantage silent",
            title=vantage.label or vantage.name,
            text="Its agent says nothing. It is not counted, neither as trouble nor as agreement.",
            url=reverse("admin:probes_vantage_change", args=[vantage.pk]),
            button="Look",
            tone="soon",
            at=vantage.last_heard_at,
            counts="up",
            clock="" if vantage.last_heard_at else ago(None),
        )
        for vantage in Vantage.objects.filter(enabled=True, schedules__enabled=True).distinct()
        if vantages.is_silent(vantage, now)
    ]


def _switched_off() -> list[Strip]:
    """Rules that do not hold in this deployment."""
    return [
        Strip(
            key=f"gate-{gate}",
            kind="Gate off",
            title=gate.replace("_", " ").capitalize(),
            text=f"Here {WITHOUT[gate]}. The record says so wherever it mattered.",
            url=reverse("admin:incidents_auditevent_changelist"),
            button="Audit log",
            tone="soon",
            clock="off",
        )
        for gate in sorted(settings.GATES_OFF)
    ]
