"""The log of claims at the desk: what circulates, how far it went, and whether an answer helps. Nothing of it is ever public."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from incidents import claims, rebuttals, rebutting
from incidents.drafts import TimelineError
from incidents.models import AuditEvent, Claim, Incident, Rebuttal
from incidents.rebuttals import State, Triage
from statuspage.admin.base import DeskAdmin, person, require
from statuspage.admin.columns import display
from statuspage.admin.document_forms import box, incident_field, line, text, yes_no
from statuspage.admin.forms import DayField

CHANGE = "incidents.change_claim"
ADVICE = {
    Triage.LOG: ("unknown", "Few have seen it: watch it. An answer would carry it further."),
    Triage.PREPARE: ("delayed", "It grows: write the answer, and keep it in the drawer."),
    Triage.ANSWER: ("major", "Answer it: it is seen widely, does harm, or the press asks."),
}
STATE_WORDS = {
    State.LOGGED: "Logged",
    State.ASSESSING: "Assessing",
    State.DRAFTING: "Answer begun",
    State.DROPPED: "Not answered",
}


class SeenForm(forms.Form):
    """What may become known of its spread."""

    where = line("Where", required=True, placeholder="X, WhatsApp, radio")
    link = forms.URLField(
        label="Link", required=False, max_length=500, assume_scheme="https", widget=forms.URLInput(attrs=box(autocomplete="off"))
    )
    copies = text("Archived copies, one link a line", rows=2)
    reach = forms.IntegerField(
        label="How many have seen it, at most", min_value=0, initial=0, widget=forms.NumberInput(attrs=box())
    )
    harmful = yes_no("People lose money or share a PIN by it")
    asked_by_press = yes_no("The press asks about it")
    incident = incident_field("Incident", Incident.objects.none(), required=False)

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["incident"].queryset = Incident.objects.published().order_by("-started_at")[:50]  # type: ignore[attr-defined]

    def clean_copies(self) -> list[str]:
        return [one.strip() for one in str(self.cleaned_data["copies"]).splitlines() if one.strip()]


class LogForm(SeenForm):
    words = text("The claim, word for word", required=True, rows=3)
    language = line("Its language (a code)", required=True, most=12, placeholder="en, sw, luo")
    first_seen = DayField(label="First seen")
    field_order = ["words", "language", "where", "first_seen", "reach", "harmful", "asked_by_press", "link", "copies", "incident"]


class ClaimAdmin(DeskAdmin):
    list_display = ["claim", "where", "reach_of", "advice", "state_of", "incident", "first_seen"]
    list_filter = ["state", "harmful", "asked_by_press"]
    search_fields = ["words", "where"]
    list_select_related = ["incident"]

    @display(description="Claim")
    def claim(self, row: Claim) -> str:
        return f"“{row.words[:90]}{'…' if len(row.words) > 90 else ''}”"

    @display(description="Seen by", ordering="reach")
    def reach_of(self, row: Claim) -> str:
        return f"{row.reach:,}"

    @display(description="Advice")
    def advice(self, row: Claim) -> str:
        return {Triage.LOG: "Watch", Triage.PREPARE: "Prepare", Triage.ANSWER: "Answer"}[claims.advise(row)]

    @display(description="State", ordering="state")
    def state_of(self, row: Claim) -> str:
        return STATE_WORDS.get(State(row.state), row.state)

    # --- A new one ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = require(request, "incidents.add_claim")
        form = LogForm(request.POST or None, initial={"first_seen": timezone.localdate(), "language": "en"})
        if request.method == "POST" and form.is_valid():
            try:
                claim = claims.log_claim(actor=actor, now=timezone.now(), **form.cleaned_data)
            except TimelineError as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, "Logged. It is never public; an answer is a text of its own.")
                return redirect(claim_url(claim))
        return self.page(request, "claim_new.html", status=422 if form.errors else 200, title="Log a claim", form=form)

    # --- One claim ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        require(request, "incidents.view_claim")
        claim = get_object_or_404(Claim.objects.select_related("incident", "logged_by"), pk=object_id)
        if request.method != "POST":
            return self._show(request, claim)
        actor = require(request, CHANGE)
        form = SeenForm(request.POST) if request.POST.get("act") == "see" else None
        if form and not form.is_valid():
            return self._show(request, claim, status=422, form=form)
        try:
            done = self._do(claim, form, request, actor, timezone.now())
        except TimelineError as refusal:
            return self._show(request, claim, status=409, form=form, refusal=str(refusal))
        messages.success(request, done)
        return redirect(claim_url(claim))

    def _do(self, claim: Claim, form: SeenForm | None, request: HttpRequest, actor: User, now: datetime) -> str:
        if form:
            claims.see_again(claim=claim, actor=actor, now=now, **form.cleaned_data)
            return "Kept."
        wanted = request.POST.get("to", "")
        if wanted not in set(State):
            raise TimelineError("Choose what becomes of it.")
        claims.move(claim=claim, to=State(wanted), actor=actor, now=now, reason=request.POST.get("reason", ""))
        return f"It is now: {STATE_WORDS[State(wanted)].lower()}."

    def _show(
        self, request: HttpRequest, claim: Claim, *, status: int = 200, form: SeenForm | None = None, refusal: str = ""
    ) -> HttpResponse:
        names = claims.SEEN
        start = {name: getattr(claim, name) for name in names} | {
            "copies": "\n".join(claim.copies),
            "incident": claim.incident_id,
        }
        tone, advice = ADVICE[claims.advise(claim)]
        state = State(claim.state)
        return self.page(
            request,
            "claim.html",
            status=status,
            title="A claim",
            claim=claim,
            state=state.value,
            state_words=STATE_WORDS.get(state, claim.state),
            tone=tone,
            advice=advice,
            threshold=claims.REACH_TO_ANSWER,
            form=form or SeenForm(initial=start),
            opened=form is not None,
            refusal=refusal,
            steps=[
                step.value for step in rebuttals.STEPS.get(state, ()) if step in (State.LOGGED, State.ASSESSING, State.DROPPED)
            ],
            answers=[(row, rebutting.stage_of(row)) for row in Rebuttal.objects.filter(claim=claim).order_by("-id")],
            acts=AuditEvent.objects.filter(target=str(claim.pk), act__startswith="claim.")[:20],
            may_change=person(request).has_perm(CHANGE),
            may_answer=person(request).has_perm("incidents.add_rebuttal") and state == State.ASSESSING,
        )


def claim_url(claim: Claim) -> str:
    return reverse("admin:incidents_claim_change", args=[claim.pk])
