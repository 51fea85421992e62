"""Answers to claims at the desk: the fact first; to the lawyers, to another person, out; and looked at again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from incidents import claims, rebuttals, rebutting, signing
from incidents.drafts import TimelineError
from incidents.languages import by_language
from incidents.models import Claim, Component, Rebuttal
from incidents.rebuttals import REVIEW_WITHIN, VERDICTS, State, Verdict
from statuspage import publishing
from statuspage.admin.addresses import whole
from statuspage.admin.base import require
from statuspage.admin.claims import ADVICE
from statuspage.admin.columns import display
from statuspage.admin.documents import DocumentAdmin, Rights
from statuspage.admin.forms import DayField
from statuspage.admin.rebuttal_forms import RebuttalForm, start_of
from statuspage.templatetags.desk import first_text, headline

STAGES = (State.LOGGED, State.ASSESSING, State.DRAFTING, State.LEGAL, State.APPROVED, State.PUBLISHED)
STAGE_WORDS = {
    State.LOGGED: "Logged",
    State.ASSESSING: "Assessing",
    State.DRAFTING: "Drafting",
    State.LEGAL: "Lawyers",
    State.APPROVED: "Approved",
    State.PUBLISHED: "Published",
    State.UNDER_REVIEW: "Being looked at again",
    State.UPDATED: "Updated",
    State.WITHDRAWN: "Withdrawn",
    State.DROPPED: "Dropped",
}


class RebuttalAdmin(DocumentAdmin[Rebuttal]):
    """One version of an answer. It begins at a claim (?claim=) that is being assessed."""

    rights = Rights(
        "incidents.view_rebuttal", "incidents.change_rebuttal", "incidents.sign_rebuttal", "incidents.publish_rebuttal"
    )
    form_class = RebuttalForm
    template = "rebuttal.html"
    thing = "answer"
    list_display = ["fact", "version", "stage", "signature", "review_day", "changed"]
    list_filter = ["publication", "verdict"]
    search_fields = ["public_id", "fact_headline", "claim_quote"]
    list_select_related = ["author", "signed_by"]

    @display(description="Fact")
    def fact(self, row: Rebuttal) -> str:
        return first_text(row.fact_headline) or "(no fact yet)"

    @display(description="Stage")
    def stage(self, row: Rebuttal) -> str:
        return STAGE_WORDS[rebutting.stage_of(row)]

    @display(description="Looked at again", ordering="review_date")
    def review_day(self, row: Rebuttal) -> str:
        return f"{row.review_date:%-d %b %Y}" if row.review_date else "no day yet"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # an answer begins at its claim

    def title(self, document: Rebuttal) -> str:
        return f"Our answer: {first_text(document.fact_headline) or 'no fact yet'}"

    # --- Write ---

    def start(self, document: Rebuttal) -> dict[str, Any]:
        return start_of(rebutting.as_pure(document))

    def new_form(self, request: HttpRequest, data: Any = None) -> RebuttalForm:
        claim = _claim(request)
        start = {
            "claim_quote": claim.words,
            "claim_language": claim.language,
            "claim_where": dict.fromkeys(by_language({}), claim.where),
            "claim_first_seen": claim.first_seen,
            "review_date": timezone.localdate() + REVIEW_WITHIN - timedelta(days=1),
            "incident": claim.incident_id,
        }
        return RebuttalForm(data, start=start, is_new=True)

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        _, advice = ADVICE[claims.advise(_claim(request))]
        return {"lead": f"{advice} It goes to the lawyers, then to another person, then out.", "title": "An answer"}

    def create(self, form: RebuttalForm, *, request: HttpRequest, actor: User, now: datetime) -> Rebuttal:
        given = form.cleaned_data
        return rebutting.draft(
            claim=_claim(request),
            answer=form.answer(),
            author=actor,
            now=now,
            incident=given["incident"],
            components=list(given["components"]),
        )

    def keep(self, document: Rebuttal, form: RebuttalForm, *, actor: User, now: datetime) -> Rebuttal:
        return rebutting.edit(rebuttal=document, answer=form.answer(), actor=actor, now=now, seen_at=form.seen)

    def go_on(self, request: HttpRequest, document: Rebuttal, actor: User, now: datetime) -> HttpResponse:
        if request.POST.get("act") not in ("lawyers", "ask"):
            return super().go_on(request, document, actor, now)
        sent = rebutting.send_to_lawyers(rebuttal=document, actor=actor, now=now)
        signing.request(item=sent, actor=actor, now=now)
        messages.success(request, "It is with the lawyers. Then another person approves it.")
        return redirect(self.url(sent))

    def sign(self, document: Rebuttal, *, request: HttpRequest, signer: User, now: datetime) -> Rebuttal:
        return rebutting.approve(rebuttal=document, signer=signer, now=now, seen_hash=request.POST.get("seen_hash", ""))

    def publish(self, document: Rebuttal, *, actor: User, now: datetime) -> Rebuttal:
        return publishing.publish_rebuttal(rebuttal=document, actor=actor, now=now)

    # --- Read ---

    def facts(self, document: Rebuttal) -> list[tuple[str, str]]:
        about = Component.objects.filter(public_id__in=document.components)
        return [
            ("Version", str(document.version)),
            ("Verdict", VERDICTS[Verdict(document.verdict)][0]["en"] if document.verdict else "none yet"),
            ("Looked at again", f"{document.review_date:%-d %b %Y}" if document.review_date else "no day yet"),
            ("Incident", headline(document.incident) if document.incident else "none"),
            ("Services", ", ".join(first_text(component.name) for component in about) or "none named"),
        ]

    def further(self, request: HttpRequest, document: Rebuttal) -> dict[str, Any]:
        stage = rebutting.stage_of(document)
        tone, advice = ADVICE[claims.advise(document.claim)] if document.claim else ("unknown", "")
        last = Rebuttal.objects.published().filter(series=document.series).order_by("-version").first()
        return {
            "stage": stage.value,
            "steps": [(STAGE_WORDS[one], one == (stage if stage in STAGES else State.PUBLISHED)) for one in STAGES],
            "stage_words": STAGE_WORDS[stage],
            "tone": tone,
            "advice": advice,
            "claim": document.claim,
            "verdict": VERDICTS[Verdict(document.verdict)][0] if document.verdict else None,
            "is_last": last is not None and last.pk == document.pk,
            "is_overdue": bool(last and last.pk == document.pk)
            and rebuttals.review_state(document.review_date, today=timezone.localdate()) == rebuttals.ReviewState.OVERDUE,
            "others": Rebuttal.objects.filter(series=document.series).exclude(pk=document.pk).order_by("-version"),
            "is_taken_back": rebutting.is_withdrawn(document.series),
            "latest_day": timezone.localdate() + REVIEW_WITHIN,
        }

    def public_url(self, document: Rebuttal) -> str:
        first = Rebuttal.objects.filter(series=document.series).exclude(record_seq=None).order_by("version")[0]
        return f"/answers/{rebuttals.slug(first_text(first.fact_headline))}"

    # --- Looked at again ---

    def acts(self) -> dict[str, Callable[..., HttpResponse]]:
        return {"again": self.again_view}

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Begin or end its review; or, under review, a next version: the same words with a later day, or words to change."""
        actor = require(request, self.rights.write)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document, now, act = self.found(pk), timezone.now(), request.POST.get("act", "")
        try:
            following = self._again(document, act, request, actor, now)
        except TimelineError as refusal:
            return self.show(request, document, status=409, refusal=str(refusal))
        if following is None:
            return redirect(self.url(document))
        messages.success(request, f"Version {following.version} is drafted. The earlier one stays public.")
        return redirect(self.url(following))

    def _again(self, document: Rebuttal, act: str, request: HttpRequest, actor: User, now: datetime) -> Rebuttal | None:
        if act == "start":
            rebutting.start_review(rebuttal=document, actor=actor, now=now)
        elif act == "end":
            rebutting.end_review(rebuttal=document, actor=actor, now=now)
        elif act == "revise":
            answer = rebutting.as_pure(document)
            return rebutting.revise(rebuttal=document, answer=answer, author=actor, now=now)
        elif act == "renew":
            field = DayField(label="Look at it again on")
            day = field.clean(request.POST.get("review_date")) if request.POST.get("review_date") else None
            if day is None:
                raise TimelineError("Say on which day it is looked at again.")
            following = rebutting.renew(rebuttal=document, review_date=day, author=actor, now=now)
            signing.request(item=following, actor=actor, now=now)
            return following
        else:
            raise TimelineError("Choose what becomes of it.")
        return None


def _claim(request: HttpRequest) -> Claim:
    """The claim that ?claim= names."""
    return get_object_or_404(Claim.objects.select_related("incident"), pk=whole(request.GET.get("claim", "")))
