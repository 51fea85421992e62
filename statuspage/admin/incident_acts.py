"""An incident's own acts beside its updates: open again, false alarm, merge, withdraw, close, its facts with reasons, notes,
and a past incident. Each is one operation; the desk decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents import closing, deadlines, drafts, linking, merging, notes, notice_updates, notices, rollup, times
from incidents.drafts import TimelineError
from incidents.languages import by_language
from incidents.models import AffectedComponent, AuditEvent, Component, Incident, IncidentUpdate, Notice
from incidents.words import ComponentStatus, IncidentStatus, Publication
from statuspage import grounds, publishing
from statuspage.admin.base import person, require, require_any
from statuspage.admin.incident_forms import (
    TIMES,
    BackfillForm,
    DetectedForm,
    ImpactForm,
    LinkForm,
    MergeForm,
    NoteForm,
    TimeForm,
    UnlinkForm,
    WithdrawForm,
)
from statuspage.templatetags.desk import first_text, headline, moment

if TYPE_CHECKING:
    from statuspage.admin.base import DeskAdmin as _Admin
else:
    _Admin = object

WRITE = "incidents.change_incidentupdate"
PUBLISH = "incidents.publish_incidentupdate"
ENGINEER = "incidents.tick_phrase"
SIGN_STATEMENT = "incidents.sign_statement"
NO_PROBLEM = {
    "en": "We checked {names}. It is working. We are sorry for the worry.",
    "sw": "Tumechunguza {names}. Inafanya kazi. Samahani kwa kuwatia wasiwasi.",
}


class IncidentActs(_Admin):
    """Mixed into the list of incidents."""

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Callable[..., HttpResponse]] = {
            "<int:incident_id>/facts/": self.facts_view,
            "<int:incident_id>/reopen/": self.reopen_view,
            "<int:incident_id>/false-alarm/": self.false_alarm_view,
            "past/": self.backfill_view,
        }
        names = ("facts", "reopen", "false_alarm", "backfill")
        own = [
            path(route, self.admin_site.admin_view(view), name=f"incidents_incident_{name}")
            for (route, view), name in zip(acts.items(), names, strict=True)
        ]
        return [*own, *super().get_urls()]

    # --- Facts, notes, endings: one page, one form an act ---

    def facts_view(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """Times, impact, notes, merge, withdraw, close; each form names its act."""
        require(request, "incidents.view_incident")
        incident = get_object_or_404(Incident, pk=incident_id)
        if request.method != "POST":
            return self._facts_page(request, incident, {})
        act = request.POST.get("act", "")
        if act not in _ACTS:
            return self._facts_page(request, incident, {}, status=400)
        permissions, do = _ACTS[act]
        actor = require_any(request, *permissions)
        form = _FORMS[act](request.POST, incident)
        if form is None or form.is_valid():
            try:
                messages.success(request, do(incident, form, actor, timezone.now()))
                return redirect(facts_url(incident))
            except TimelineError as refusal:
                return self._facts_page(request, incident, {act: form}, status=409, refusal=str(refusal))
        return self._facts_page(request, incident, {act: form}, status=422)

    def _facts_page(
        self, request: HttpRequest, incident: Incident, posted: Mapping[str, Any], *, status: int = 200, refusal: str = ""
    ) -> HttpResponse:
        now, user = timezone.now(), person(request)
        may = {act: any(user.has_perm(one) for one in permissions) for act, (permissions, _) in _ACTS.items()}
        return self.page(
            request,
            "incident_facts.html",
            status=status,
            title=f"Facts and notes: {headline(incident) or 'a problem without a headline'}",
            incident=incident,
            refusal=refusal,
            forms={act: posted.get(act) or make(None, incident) for act, make in _FORMS.items()},
            open_act=next(iter(posted), ""),
            may=may,
            times=_times(incident),
            figures=deadlines.figures_of(incident, now=now),
            notes=incident.notes.select_related("author"),
            changes=AuditEvent.objects.filter(target=incident.public_id)[:30],
            closing=closing.closing_blockers(incident, now=now) if incident.closed_at is None else [],
            linked_to=f"It is linked to “{first_text(incident.follows.name)}”." if incident.follows else "",
            asked=merging.asked_to_withdraw(incident),
            me=user,
            is_public=incident.publication == Publication.PUBLISHED,
            may_merge=incident.publication == Publication.PUBLISHED and incident.is_open,
        )

    # --- Open again, false alarm ---

    def reopen_view(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """It came back: a draft that opens the same link again, with the trouble it named last."""
        return self._draft(request, incident_id, _reopening)

    def false_alarm_view(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """Nothing was wrong: a draft that says so, in signed words where there are some."""
        return self._draft(request, incident_id, _no_problem)

    def _draft(
        self, request: HttpRequest, incident_id: int, make: Callable[[Incident, User, datetime], IncidentUpdate]
    ) -> HttpResponse:
        actor = require(request, "incidents.add_incidentupdate")
        incident = get_object_or_404(Incident, pk=incident_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            draft = make(incident, actor, timezone.now())
        except TimelineError as refusal:
            messages.error(request, str(refusal))
            return redirect(reverse("admin:incidents_incident_change", args=[incident.pk]))
        messages.success(request, "A draft is ready. Nothing is public yet.")
        return redirect(reverse("admin:incidents_incidentupdate_change", args=[draft.pk]))

    # --- A past incident ---

    def backfill_view(self, request: HttpRequest) -> HttpResponse:
        actor = require(request, "incidents.add_incident")
        form = BackfillForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            began, ended = form.span()
            try:
                draft = drafts.open_backfill(
                    name=form.said("name"),
                    body=form.said("body"),
                    affected=form.affected(),
                    started_at=began,
                    ended_at=ended,
                    author=actor,
                    now=timezone.now(),
                    deliver_notifications=form.cleaned_data["deliver_notifications"],
                )
            except TimelineError as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, "A draft of the past incident is ready. Another person signs it; nobody is told.")
                return redirect(reverse("admin:incidents_incidentupdate_change", args=[draft.pk]))
        status = 422 if form.errors else 200
        return self.page(request, "backfill.html", status=status, title="A past incident", form=form)


def _times(incident: Incident) -> list[tuple[str, datetime | None, bool]]:
    """(name, when, is it set by hand beside what the record knows?)"""
    known = deadlines.moments_of(incident)
    recorded = {"first_public_update_at": known.first_public_update, "review_published_at": known.review_published}
    return [
        (label, recorded.get(field, getattr(incident, field)), field in recorded and getattr(incident, field) is not None)
        for field, label in TIMES
    ]


def facts_url(incident: Incident) -> str:
    return reverse("admin:incidents_incident_facts", args=[incident.pk])


# --- Acts of the page of facts: each answers the sentence that says what was done ------------------


def _note(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    notes.add_note(incident=incident, author=actor, text=form.cleaned_data["text"], now=now)
    return "The note is kept. It is never public."


def _time(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    given = form.cleaned_data
    value = form.moment("value")
    entry = times.set_time(incident=incident, field=given["field"], value=value, reason=given["reason"], actor=actor, now=now)
    done = f"Set to {moment(value)}. " if value else "As recorded again. "
    return done + ("The record says that it was changed." if entry else "It is for staff.")


def _impact(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    given = form.cleaned_data
    grounds.set_impact(incident=incident, impact=given["impact"], reason=given["reason"], actor=actor, now=now)
    return "The impact is set. The record says so."


def _detected(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    given = form.cleaned_data
    times.set_detected_by(incident=incident, value=given["value"], reason=given["reason"], actor=actor, now=now)
    return "Kept, for staff."


def _link(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    given = form.cleaned_data
    linking.link(incident=incident, earlier=given["earlier"], reason=given["reason"], actor=actor, now=now)
    return f"Linked: its page leads to “{first_text(given['earlier'].name)}”."


def _unlink(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    linking.unlink(incident=incident, reason=form.cleaned_data["reason"], actor=actor, now=now)
    return "Unlinked: it stands by itself."


def _merge(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    into = form.cleaned_data["into"]
    publishing.merge_incidents(incident=incident, into=into, actor=actor, now=now)
    return f"Merged: its link leads to “{first_text(into.name)}”, and subscribers are told once."


def _ask_to_withdraw(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    merging.ask_to_withdraw(incident=incident, reason=form.cleaned_data["reason"], actor=actor, now=now)
    return "Asked. Another person withdraws it on this page."


def _withdraw(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    asked = merging.asked_to_withdraw(incident)
    if asked is None or asked.actor is None:
        raise TimelineError("Nobody asked for it: ask first, another person then withdraws it.")
    reason = str(asked.details["reason"])
    publishing.withdraw_incident(incident=incident, reason=reason, requested_by=asked.actor, approved_by=actor, now=now)
    return "Withdrawn. Its link says so; its words stay in the record."


def _close(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    closing.close(incident=incident, actor=actor, now=now)
    return "Closed: nothing is owed any more."


_ACTS: dict[str, tuple[tuple[str, ...], Callable[[Incident, Any, User, datetime], str]]] = {
    "note": (("incidents.add_incidentupdate", ENGINEER, SIGN_STATEMENT), _note),
    "time": ((WRITE,), _time),
    "impact": ((WRITE,), _impact),
    "detected": ((WRITE,), _detected),
    "link": ((WRITE,), _link),
    "unlink": ((WRITE,), _unlink),
    "merge": ((PUBLISH,), _merge),
    "ask_to_withdraw": ((PUBLISH,), _ask_to_withdraw),
    "withdraw": ((PUBLISH,), _withdraw),
    "close": ((PUBLISH,), _close),
}
_FORMS: dict[str, Callable[[Any, Incident], forms.Form | None]] = {
    "note": lambda data, incident: NoteForm(data),
    "time": lambda data, incident: TimeForm(data),
    "impact": lambda data, incident: ImpactForm(data, initial={"impact": incident.impact_override}),
    "detected": lambda data, incident: DetectedForm(data, initial={"value": incident.detected_by}),
    "link": lambda data, incident: LinkForm(data),
    "unlink": lambda data, incident: UnlinkForm(data),
    "merge": lambda data, incident: MergeForm(data, incident=incident),
    "ask_to_withdraw": lambda data, incident: WithdrawForm(data),
    "withdraw": lambda data, incident: None,
    "close": lambda data, incident: None,
}


# --- Drafts that an act begins -----------------------------------------------------------------------


def _reopening(incident: Incident, actor: User, now: datetime) -> IncidentUpdate:
    if not incident.may_reopen(now):
        raise TimelineError("Its link opens again within 24 hours only. Report a new incident: it is linked to this one.")
    return drafts.add_update(
        incident=incident,
        status=IncidentStatus.INVESTIGATING,
        body={},
        affected={component: _state_again(component, said) for component, said in worst_said(incident).items()},
        next_update_by=None,
        author=actor,
        now=now,
    )


def _state_again(component: Component, said: str) -> str:
    """What probes confirm now, where that is trouble; else what was said of it last time."""
    observed = component.observed_status
    return observed if observed and rollup.is_worse(observed, ComponentStatus.UNKNOWN) else said


def _no_problem(incident: Incident, actor: User, now: datetime) -> IncidentUpdate:
    named = worst_said(incident)
    if not incident.is_open or incident.publication != Publication.PUBLISHED or not named:
        raise TimelineError("Only a public and open incident turns out to be a false alarm: discard the draft instead.")
    notice = next(
        (one for one in Notice.objects.filter(phase=IncidentStatus.FALSE_ALARM) if notices.is_signed(one)),
        None,
    )
    if notice:
        return notice_updates.next_from_notice(incident, next(iter(named)), notice, now)
    names = {code: ", ".join(by_language(component.name)[code] for component in named) for code in by_language({})}
    return drafts.add_update(
        incident=incident,
        status=IncidentStatus.FALSE_ALARM,
        body={code: NO_PROBLEM.get(code, "").replace("{names}", names[code]) for code in names},
        affected=dict.fromkeys(named, ComponentStatus.OPERATIONAL.value),
        next_update_by=None,
        author=actor,
        now=now,
    )


def worst_said(incident: Incident) -> dict[Component, str]:
    """The last state other than working that its public words say of each component."""
    rows = (
        AffectedComponent.objects.filter(update__incident=incident, update__publication=Publication.PUBLISHED)
        .exclude(new_status=ComponentStatus.OPERATIONAL)
        .select_related("component")
        .order_by("update__record_seq", "id")
    )
    return {row.component: row.new_status for row in rows}


def acts_of(incident: Incident, request: HttpRequest) -> dict[str, Any]:
    """What the incident's page needs to offer them."""
    user, now = person(request), timezone.now()
    is_public = incident.publication == Publication.PUBLISHED
    return {
        "may_reopen": is_public and incident.may_reopen(now) and user.has_perm("incidents.add_incidentupdate"),
        "may_cancel": is_public and incident.is_open and user.has_perm("incidents.add_incidentupdate"),
        "comes_back": incident.follows if incident.follows and incident.follows.may_reopen(now) else None,
    }
