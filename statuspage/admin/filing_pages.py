"""What is owed by the clock, of an incident or of planned work: deadlines, drafts, what was handed in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents import deadlines, filings
from incidents.clocks import Deadline, Rule
from incidents.drafts import TimelineError
from incidents.models import Filing, Incident, ScheduledMaintenance
from statuspage.admin.addresses import whole
from statuspage.admin.base import person, require, require_any
from statuspage.admin.incident_forms import FiledForm
from statuspage.templatetags.desk import first_text

if TYPE_CHECKING:
    from statuspage.admin.base import DeskAdmin as _Admin
else:
    _Admin = object

About = Incident | ScheduledMaintenance
SEE = {Incident: "incidents.view_incident", ScheduledMaintenance: "incidents.view_incidentupdate"}
MAY_FILE = ("incidents.change_incidentupdate", "incidents.sign_statement")


class FilingPages(_Admin):
    """Mixed into the lists of incidents and of planned work."""

    def get_urls(self) -> list[URLPattern]:
        name = f"incidents_{self.model._meta.model_name}"
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/deadlines/", wrap(self.deadlines_view), name=f"{name}_deadlines"),
            path("<int:pk>/deadlines/<slug:code>/", wrap(self.filing_view), name=f"{name}_filing"),
        ]
        return [*own, *super().get_urls()]

    def deadlines_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        about = self._about(request, pk)
        return self.page(
            request,
            "deadlines.html",
            title=f"Deadlines: {first_text(about.name)}",
            about=about,
            back_url=_url(about, "change"),
            deadlines=[(one, _url(about, "filing", one.rule.code)) for one in _clocks_of(about, timezone.now())],
            filings=about.filings.filter(taken_back_at=None).select_related("filed_by"),
        )

    def filing_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        """The draft of one filing to read and copy; a person files it elsewhere, and says so here."""
        about, now, refusal, status = self._about(request, pk), timezone.now(), "", 200
        try:
            rule = deadlines.rule_of(code)
        except TimelineError as unknown:
            messages.error(request, str(unknown))
            return redirect(_url(about, "deadlines"))
        texts = [(language, _draft_of(about, rule, now, language)) for language in filings.languages(rule)]
        form = FiledForm(start={"filed_at": now, "text": "\n\n".join(text for _, text in texts)})
        if request.method == "POST":
            actor = require_any(request, *MAY_FILE)
            form = FiledForm(request.POST)
            if "take_back" in request.POST or form.is_valid():
                try:
                    return _filed(request, about, code, form, actor, now)
                except TimelineError as problem:
                    refusal, status = str(problem), 409
            else:
                status = 422
        return self.page(
            request,
            "filing.html",
            status=status,
            title=rule.what,
            back_url=_url(about, "deadlines"),
            rule=rule,
            texts=[(language, text, filings.still_open(text)) for language, text in texts],
            form=form,
            refusal=refusal,
            filing=about.filings.filter(code=rule.filing, taken_back_at=None).select_related("filed_by").first(),
            may_file=any(person(request).has_perm(one) for one in MAY_FILE),
        )

    def _about(self, request: HttpRequest, pk: int) -> About:
        require(request, SEE[self.model])
        found: About = get_object_or_404(self.model, pk=pk)
        return found


def _url(about: About, page: str, *more: str) -> str:
    return reverse(f"admin:incidents_{about._meta.model_name}_{page}", args=[about.pk, *more])


def _clocks_of(about: About, now: datetime) -> list[Deadline]:
    if isinstance(about, Incident):
        return deadlines.deadlines_of(about, now=now)
    return deadlines.deadlines_of_planned(about, now=now)


def _draft_of(about: About, rule: Rule, now: datetime, language: str) -> str:
    if isinstance(about, Incident):
        return deadlines.draft_filing(incident=about, code=rule.code, now=now, language=language)
    return deadlines.draft_of_planned(planned=about, code=rule.code, language=language)


def _filed(request: HttpRequest, about: About, code: str, form: FiledForm, actor: User, now: datetime) -> HttpResponse:
    if "take_back" in request.POST:
        filing = get_object_or_404(Filing.objects.filter(pk__in=about.filings.values("pk")), pk=whole(request.POST["take_back"]))
        deadlines.take_back_filing(filing=filing, reason=request.POST.get("reason", ""), actor=actor, now=now)
        messages.success(request, "Taken back: its clock runs again.")
    else:
        given = form.cleaned_data
        deadlines.mark_filed(
            about=about,
            code=code,
            filed_at=form.moment_given("filed_at"),
            actor=actor,
            now=now,
            reference=given["reference"],
            text=given["text"],
        )
        messages.success(request, "Marked as handed in. Nothing was sent from here.")
    return redirect(_url(about, "deadlines"))
