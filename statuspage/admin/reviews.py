"""Reviews at the desk: what happened, computed from the record; cause, measures, prevention, apology, written by people."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from incidents import closing, corrections, deadlines, documents
from incidents.figures import ReviewState
from incidents.languages import in_all
from incidents.models import Correction, Incident, Review
from incidents.words import IncidentStatus, Publication
from statuspage import publishing
from statuspage.admin.addresses import whole
from statuspage.admin.columns import display, publication_column
from statuspage.admin.document_forms import RowForm, Rows, When, Words, WordsForm, yes_no
from statuspage.admin.documents import DocumentAdmin, words_of
from statuspage.admin.forms import DayField
from statuspage.templatetags.desk import first_text, headline, moment

_TEXTS = ("cause", "measures", "apology", "compensation")
_STATES = {
    ReviewState.DUE_BY: "It is due by",
    ReviewState.OVERDUE: "It was due by",
    ReviewState.CAUSE_DUE_BY: "It owes the cause by",
    ReviewState.CAUSE_OVERDUE: "It owed the cause by",
}
DUE_AT_MOST = 20


class MeasureRow(RowForm):
    """One thing that will keep it from coming back."""

    words = (Words("what", "What", rows=2, most=500), Words("owner", "Who answers for it", rows=1, most=120))
    by = DayField(label="By", required=False)
    remove = yes_no("Leave it out")


class ReviewForm(WordsForm):
    words = (
        Words("cause", "What happened, and why", rows=5),
        Words("measures", "What we did", rows=3),
        Words("apology", "Apology", rows=2),
        Words("compensation", "Compensation, if there is any: who gets what, by when", rows=2),
    )
    whens = (When("cause_due_at", "We say more by"),)
    cause_known = forms.ChoiceField(
        choices=[("yes", "Yes"), ("no", "Not yet; we say more by a date")], label="Do we know it?", widget=forms.RadioSelect
    )
    deliver_notifications = yes_no("Tell subscribers")

    def __init__(self, data: Any = None, *, start: dict[str, Any] | None = None) -> None:
        given = dict(start or {})
        given["cause_known"] = "yes" if given.get("cause_known", True) else "no"
        super().__init__(data, start=given)
        self.rows = Rows(MeasureRow, "prevention", start=given.get("prevention", []), data=data)

    def is_valid(self) -> bool:
        rows, own = self.rows.is_valid(), super().is_valid()
        return rows and own

    def has_changed(self) -> bool:
        return super().has_changed() or self.rows.has_changed()

    def prevention(self) -> list[dict[str, Any]]:
        return [
            {"what": row.said("what"), "owner": row.said("owner"), "by": _day(row.cleaned_data["by"])}
            for row in self.rows.written()
        ]


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


class ReviewAdmin(DocumentAdmin[Review]):
    form_class = ReviewForm
    template = "review.html"
    thing = "review"
    list_display = ["of_incident", "publication_of", "cause_of", "signature", "author", "changed"]
    list_filter = ["publication", "cause_known"]
    search_fields = ["public_id", "cause", "incident__name"]
    list_select_related = ["incident", "author", "signed_by"]
    list_before_template = "admin/desk/_reviews_due.html"

    publication_of = publication_column

    @display(description="Incident")
    def of_incident(self, row: Review) -> str:
        return first_text(corrections.listed_name(row, row.incident.name))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return corrections.with_names(super().get_queryset(request), named_by="update__incident", of="incident_id")

    @display(description="Cause")
    def cause_of(self, row: Review) -> str:
        return "known" if row.cause_known else f"more by {moment(row.cause_due_at)}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"due": reviews_due(timezone.now()), **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a review begins at its incident

    def title(self, document: Review) -> str:
        return f"Review: {headline(document.incident)}"

    def start(self, document: Review) -> dict[str, Any]:
        names = (*_TEXTS, "cause_known", "cause_due_at", "prevention", "deliver_notifications")
        return {name: getattr(document, name) for name in names}

    def new_start(self, request: HttpRequest) -> dict[str, Any]:
        """A next version begins with the words of the last one."""
        last = _last(_incident(request))
        return self.start(last) if last else {"deliver_notifications": True}

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        incident = _incident(request)
        title = f"{'Next version of the review' if _last(incident) else 'Review'}: {headline(incident)}"
        return {"title": title, "lead": _lead(incident), **_computed(incident)}

    def create(self, form: ReviewForm, *, request: HttpRequest, actor: User, now: datetime) -> Review:
        return documents.add(document=Review(incident=_incident(request), **_fields(form)), author=actor, now=now)

    def keep(self, document: Review, form: ReviewForm, *, actor: User, now: datetime) -> Review:
        return documents.edit(document=document, actor=actor, now=now, seen_at=form.seen, **_fields(form))

    def facts(self, document: Review) -> list[tuple[str, str]]:
        return [
            ("Cause", "known" if document.cause_known else f"not yet known; more by {moment(document.cause_due_at)}"),
            *((f"Measure {number} by", item.get("by") or "no day yet") for number, item in enumerate(document.prevention, 1)),
            ("Subscribers", "told" if document.deliver_notifications else "not told"),
        ]

    def publish(self, document: Review, *, actor: User, now: datetime) -> Review:
        return publishing.publish_review(review=document, actor=actor, now=now)

    def further(self, request: HttpRequest, document: Review) -> dict[str, Any]:
        last = _last(document.incident)
        before = words_of(last) if last and last.pk != document.pk else []
        is_last = last is not None and last.pk == document.pk
        return {"lead": _lead(document.incident), "before": before, "is_last": is_last, **_computed(document.incident)}

    def public_url(self, document: Review) -> str:
        return f"/incidents/{document.incident.public_id}/review"


def _fields(form: ReviewForm) -> dict[str, Any]:
    known = form.cleaned_data["cause_known"] == "yes"
    return {
        **{name: in_all(form.said(name)) for name in _TEXTS},
        "cause_known": known,
        "cause_due_at": None if known else form.moment("cause_due_at"),
        "prevention": form.prevention(),
        "deliver_notifications": form.cleaned_data["deliver_notifications"],
    }


def _incident(request: HttpRequest) -> Incident:
    """The incident that ?incident= names."""
    return get_object_or_404(Incident, pk=whole(request.GET.get("incident", "")))


def _last(incident: Incident) -> Review | None:
    return Review.objects.published().filter(incident=incident).order_by("-record_seq").first()


def _computed(incident: Incident) -> dict[str, Any]:
    """What is never typed: figures and times, from the record."""
    said = incident.updates.filter(publication=Publication.PUBLISHED)
    return {
        "incident": incident,
        "figures": deadlines.figures_of(incident, now=timezone.now()),
        "words_said": said.count(),
        "words_corrected": Correction.objects.published().filter(update__incident=incident).count(),
        "times": list(deadlines.moments_of(incident).known().items()),
    }


def _lead(incident: Incident) -> str:
    state = closing.review_state(incident, now=timezone.now())
    if state.due_at is None:
        return "Published; a next version may say more." if state.state == ReviewState.PUBLISHED else ""
    late = state.state in (ReviewState.OVERDUE, ReviewState.CAUSE_OVERDUE)
    return f"{_STATES[state.state]} {moment(state.due_at)}." + (" The page says that it is overdue." if late else "")


def reviews_due(now: datetime) -> list[tuple[Incident, str, datetime, bool]]:
    """Incidents that owe a review (or its cause), the nearest first: (incident, what, when, is it late?)."""
    over = Incident.objects.published().filter(
        status__in=IncidentStatus.closed(), merged_into=None, withdrawn_at=None, closed_at=None
    )
    recent = list(over.order_by("-resolved_at")[:200])
    states = closing.review_states(recent, now=now)
    owed = [(incident, states[incident.pk]) for incident in recent if states[incident.pk].state in _STATES]
    rows = [(incident, _STATES[state.state], state.due_at, state.due_at < now) for incident, state in owed if state.due_at]
    nearest = sorted(rows, key=lambda row: row[2])[:DUE_AT_MOST]
    corrections.call_as_now(incident for incident, *_ in nearest)
    return nearest
