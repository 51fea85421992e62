"""Incidents at the desk: the list, one incident with all that was said of it, reporting one, and writing its next update."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone

from incidents import corrections, drafts, holding, notice_updates, notices, stating
from incidents.languages import by_language
from incidents.models import Component, Incident, IncidentUpdate, Notice
from incidents.words import Publication
from statuspage import keeping
from statuspage.admin import evidence
from statuspage.admin.addresses import draft_url, incident_url
from statuspage.admin.base import DeskAdmin, require
from statuspage.admin.columns import phase_column, publication_column
from statuspage.admin.composer import keep_words
from statuspage.admin.filing_pages import FilingPages
from statuspage.admin.forms import ReportForm, last_stated
from statuspage.admin.incident_acts import IncidentActs, acts_of
from statuspage.templatetags.desk import ago, first_text, moment

ADD_UPDATE = "incidents.add_incidentupdate"


class IncidentAdmin(IncidentActs, FilingPages, DeskAdmin):
    """Its texts are written in its updates; here is what was said and what waits."""

    list_display = ["headline", "phase", "publicity", "next_promise", "started"]
    list_filter = ["publication", "status", "backfilled"]
    search_fields = ["name", "public_id"]
    search_help_text = "A word of its headline, or its public id"
    list_display_links = ["headline"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        rows = super().get_queryset(request).order_by("-started_at", "-id")
        return corrections.with_names(rows, named_by="update__incident")

    def headline(self, incident: Incident) -> str:
        return first_text(corrections.listed_name(incident, incident.name)) or "(no headline yet)"

    phase = phase_column
    publicity = publication_column

    def next_promise(self, incident: Incident) -> str:
        if not incident.is_open or incident.next_update_by is None:
            return "–"
        if incident.next_update_by < timezone.now():
            return f"{moment(incident.next_update_by)}: {ago(incident.next_update_by)} late"
        return f"{moment(incident.next_update_by)}, in {ago(incident.next_update_by)}"

    def started(self, incident: Incident) -> str:
        return moment(incident.started_at)

    next_promise.short_description = "Next update promised by"  # type: ignore[attr-defined]
    next_promise.admin_order_field = "next_update_by"  # type: ignore[attr-defined]
    started.admin_order_field = "started_at"  # type: ignore[attr-defined]

    def get_urls(self) -> list[URLPattern]:
        new_update = self.admin_site.admin_view(self.new_update_view)
        return [path("<int:incident_id>/new-update/", new_update, name="incidents_incident_new_update"), *super().get_urls()]

    # --- One incident ---------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        require(request, "incidents.view_incident")
        incident = get_object_or_404(Incident, pk=object_id)
        waiting = list(incident.updates.drafts().select_related("author", "notice"))
        headline = first_text(corrections.name_of(incident))
        return self.page(
            request,
            "incident.html",
            title=headline or "Incident without a headline",
            headline=headline,
            incident=incident,
            drafts=waiting,
            published=list(incident.updates.published().select_related("published_by", "signed_by").prefetch_related("affected")),
            evidence=evidence.of(incident),
            came_back=incident.followed_by.exclude(publication=Publication.DISCARDED),
            stated=_stated_now(incident),
            notices=_notices_for(incident),
            may_write=request.user.has_perm(ADD_UPDATE),
            once=secrets.token_urlsafe(18),
            is_late=bool(incident.is_open and incident.next_update_by and incident.next_update_by < timezone.now()),
            is_public=incident.publication == Publication.PUBLISHED,
            **acts_of(incident, request),
        )

    # --- Report ---------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = require(request, "incidents.add_incident")
        now = timezone.now()
        local = timezone.localtime(now)
        form = ReportForm(request.POST or None, initial={"since_day": local.date(), "since_time": local.time()})
        if request.method == "POST" and form.is_valid():
            component = form.cleaned_data["component"]
            try:
                draft = drafts.open_draft(
                    component=component, status=form.cleaned_data["status"], since=form.since, now=now, author=actor
                )
            except drafts.AlreadyOpen as refusal:
                return self._report_page(request, form, refusal.incident)
            messages.success(request, "A draft is ready. Nothing is public yet.")
            return redirect(draft_url(draft))
        return self._report_page(request, form, None)

    def _report_page(self, request: HttpRequest, form: ReportForm, already: Incident | None) -> HttpResponse:
        status = 409 if already else 200
        return self.page(request, "report.html", status=status, title="Report an incident", form=form, already=already)

    # --- The next update ------------------------------------------------------------------------

    def new_update_view(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """Begin the incident's next update: a draft with what was said last or, with a notice, in its signed words.

        The form's token makes one draft however often it is posted; a person's own open draft, or the untouched one in the
        notice's words, is gone on with.
        """
        actor = require(request, ADD_UPDATE)
        incident = get_object_or_404(Incident, pk=incident_id)
        if request.method != "POST":
            return redirect(incident_url(incident))
        notice, now = _asked_notice(request), timezone.now()
        try:
            draft = keeping.once(
                token=request.POST.get("once", ""),
                person=actor,
                now=now,
                make=lambda: _next_of(incident, notice, actor, now),
            )
            if any(key.startswith("body_") for key in request.POST):
                keep_words(draft, request.POST, actor, now)
        except (drafts.TimelineError, ValueError) as refusal:
            messages.error(request, str(refusal))
            return redirect(incident_url(incident))
        return redirect(draft_url(draft))


def _next_of(incident: Incident, notice: Notice | None, actor: User, now: datetime) -> IncidentUpdate:
    states = last_stated(incident)
    named = {part.code: part for part in Component.objects.filter(code__in=list(states))}
    affected = {named[code]: status for code, status in states.items() if code in named}
    if notice:
        if not affected:
            raise drafts.TimelineError("The incident names no service, and the notice speaks of one: write own words.")
        return notice_updates.next_from_notice(incident, next(iter(affected)), notice, now)
    mine = incident.updates.drafts().filter(author=actor, notice=None).first()
    return mine or drafts.add_update(
        incident=incident,
        status=incident.status,
        body=by_language({}),
        affected=affected,
        next_update_by=None,
        author=actor,
        now=now,
    )


def _stated_now(incident: Incident) -> list[tuple[Component, str]]:
    stated = last_stated(incident)
    return [(component, stated[component.code]) for component in Component.objects.filter(code__in=list(stated))]


def _notices_for(incident: Incident) -> list[Notice]:
    """Signed notices that could be the incident's next word; first notices open one, so they are not among them."""
    if incident.publication != Publication.PUBLISHED or not incident.is_open:
        return []
    words = Notice.objects.exclude(code__in=[holding.CODE, *stating.NOTICES.values()])
    return [notice for notice in words if notices.is_signed(notice) and not notice.opens_for]


def _asked_notice(request: HttpRequest) -> Notice | None:
    notice = Notice.objects.filter(code=request.POST.get("notice", "")).first()
    return notice if notice and notices.is_signed(notice) else None
