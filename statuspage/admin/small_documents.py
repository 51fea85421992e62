"""Corrections, redress and withdrawals at the desk: each begins at what it is about, another person signs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from incidents import corrections, documents, withdrawing
from incidents.languages import in_all
from incidents.models import (
    Announcement,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Rebuttal,
    Redress,
    Statement,
    Withdrawal,
)
from incidents.models.correction import OF, Corrected
from incidents.words import Publication
from statuspage import publishing
from statuspage.admin.addresses import whole
from statuspage.admin.columns import display, publication_column
from statuspage.admin.document_forms import Words, WordsForm, yes_no
from statuspage.admin.documents import DocumentAdmin, Kind
from statuspage.admin.forms import DayField
from statuspage.templatetags.desk import first_text, headline, moment
from subscribers.models import Notification

PLAIN = "admin/desk/_plain_document.html"


class SmallDocumentAdmin(DocumentAdmin[Kind]):
    """A few texts and no page of its own."""

    template = "small_document.html"
    list_display = ["about", "publication_of", "signature", "author", "changed"]
    list_filter = ["publication"]
    search_fields = ["public_id"]
    list_select_related = ["author", "signed_by"]

    publication_of = publication_column

    @property
    def fields_template(self) -> str:
        return PLAIN

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # each begins at what it is about

    @display(description="About")
    def about(self, row: Any) -> str:
        return self.title(row)


# --- Corrections -----------------------------------------------------------------------------------


LABELS = {
    "name": "The headline",
    "body": "The whole text",
    "what_to_do": "What to do",
    "who_affected": "Who is affected",
    "still_works": "What still works",
    "title": "The headline",
    "who": "Who was charged twice or late",
    "how": "How it is made good",
    "complain": "Where to complain",
}


class CorrectionForm(WordsForm):
    """The texts an update says, as they should have been; one left as it stands is not corrected."""

    reason_words = Words("reason", "What was wrong (public)", rows=2, most=250)
    deliver_notifications = yes_no(
        "Tell subscribers", help_text="Your own choice: those who got the old words hear the new ones."
    )

    def __init__(self, data: Any = None, *, of: Corrected, start: Mapping[str, Any] | None = None) -> None:
        self.standing = corrections.standing(of)
        texts = (Words(name, f"{LABELS[name]}, as it should be", rows=6 if name == "body" else 2) for name in self.standing)
        self.words = (*texts, self.reason_words)  # type: ignore[misc]
        super().__init__(data, start={**self.standing, **(start or {})})

    def fields_of(self) -> dict[str, Any]:
        """The row's fields: what differs from what stands, the reason, the choice."""
        written = {name: self.said(name) for name in self.standing}
        changed = {name: text for name, text in written.items() if text != self.standing[name]}
        return {
            **corrections.fields_of(changed),
            "reason": in_all(self.said("reason")),
            "deliver_notifications": self.cleaned_data["deliver_notifications"],
        }


class CorrectionAdmin(SmallDocumentAdmin[Correction]):
    form_class = CorrectionForm
    thing = "correction"

    def title(self, document: Correction) -> str:
        return f"Correction: {_named(document.of)}, {moment(document.of.published_at)}"

    def start(self, document: Correction) -> dict[str, Any]:
        return {**document.words(), "reason": document.reason, "deliver_notifications": document.deliver_notifications}

    def form_for(self, document: Correction, data: Any = None) -> CorrectionForm:
        start = {"seen_at": document.updated_at.isoformat(), **self.start(document)}
        return CorrectionForm(data, of=document.of, start=start)

    def new_form(self, request: HttpRequest, data: Any = None) -> CorrectionForm:
        return CorrectionForm(data, of=_corrected(request))

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        of = _corrected(request)
        heard = Notification.objects.filter(record_seq=of.record_seq or 0).exists()
        was_told = heard and getattr(of, "deliver_notifications", True)
        told = "Subscribers were told the old words." if was_told else "Nobody was told the old words."
        return {"lead": f"The old words stay on the page, folded, beside what was wrong. {told}"}

    def create(self, form: CorrectionForm, *, request: HttpRequest, actor: User, now: datetime) -> Correction:
        return documents.add(
            document=Correction(**corrections.pointer(_corrected(request)), **form.fields_of()), author=actor, now=now
        )

    def keep(self, document: Correction, form: CorrectionForm, *, actor: User, now: datetime) -> Correction:
        return documents.edit(document=document, actor=actor, now=now, seen_at=form.seen, **form.fields_of())

    def facts(self, document: Correction) -> list[tuple[str, str]]:
        return [
            ("Corrects", f"the words of {moment(document.of.published_at)}"),
            ("Subscribers", "told" if document.deliver_notifications else "not told"),
        ]

    def publish(self, document: Correction, *, actor: User, now: datetime) -> Correction:
        return publishing.publish_correction(correction=document, actor=actor, now=now)

    def further(self, request: HttpRequest, document: Correction) -> dict[str, Any]:
        stands = corrections.standing(document.of, until=document.record_seq)
        return {
            "before": [(LABELS[name], list(stands[name].items())) for name in document.words() if name in stands],
            "incident": getattr(document.of, "incident", None),
        }

    def public_url(self, document: Correction) -> str:
        of = document.of
        if isinstance(of, MaintenanceUpdate):
            return f"/maintenance/{of.maintenance.public_id}"
        return "/" if isinstance(of, Announcement) else f"/incidents/{of.incident.public_id}"


def _corrected(request: HttpRequest) -> Corrected:
    """What ?update=, ?planned=, ?announcement= or ?redress= names, which must be public."""
    kind = next((one for one in OF if one in request.GET), "update")
    models = {"update": IncidentUpdate, "planned": MaintenanceUpdate, "announcement": Announcement, "redress": Redress}
    rows: Any = models[kind]._default_manager.filter(publication=Publication.PUBLISHED)
    found: Corrected = get_object_or_404(rows, pk=_number(request, kind))
    return found


def _named(of: Corrected) -> str:
    if isinstance(of, Announcement):
        return first_text(of.title)
    return first_text(of.maintenance.name) if isinstance(of, MaintenanceUpdate) else headline(of.incident)


def _number(request: HttpRequest, name: str) -> int | None:
    return whole(request.GET.get(name, ""))


# --- Redress ---------------------------------------------------------------------------------------


class RedressForm(WordsForm):
    words = (
        Words("who", "Who was charged twice or late", rows=3),
        Words("how", "How it is made good", rows=3),
        Words("complain", "Where to complain if it is not", rows=2),
    )
    good_by = DayField(label="Made good by")


class RedressAdmin(SmallDocumentAdmin[Redress]):
    form_class = RedressForm
    thing = "word on redress"

    def title(self, document: Redress) -> str:
        return f"Redress: {headline(document.incident)}"

    def start(self, document: Redress) -> dict[str, Any]:
        return {name: getattr(document, name) for name in ("who", "how", "complain", "good_by")}

    def create(self, form: RedressForm, *, request: HttpRequest, actor: User, now: datetime) -> Redress:
        incident = get_object_or_404(Incident, pk=_number(request, "incident"))
        return documents.add(document=Redress(incident=incident, **_made_good(form)), author=actor, now=now)

    def keep(self, document: Redress, form: RedressForm, *, actor: User, now: datetime) -> Redress:
        return documents.edit(document=document, actor=actor, now=now, seen_at=form.seen, **_made_good(form))

    def facts(self, document: Redress) -> list[tuple[str, str]]:
        return [("Made good by", f"{document.good_by:%-d %b %Y}")]

    def publish(self, document: Redress, *, actor: User, now: datetime) -> Redress:
        return publishing.publish_redress(redress=document, actor=actor, now=now)

    def further(self, request: HttpRequest, document: Redress) -> dict[str, Any]:
        add = reverse("admin:incidents_correction_add")
        return {"incident": document.incident, "correct_url": f"{add}?redress={document.pk}" if document.is_published else ""}

    def public_url(self, document: Redress) -> str:
        return f"/incidents/{document.incident.public_id}"


def _made_good(form: RedressForm) -> dict[str, Any]:
    words = {name: in_all(form.said(name)) for name in ("who", "how", "complain")}
    return {**words, "good_by": form.cleaned_data["good_by"]}


# --- Withdrawals -----------------------------------------------------------------------------------


class WithdrawalForm(WordsForm):
    words = (Words("note", "Why it no longer holds (public)", rows=3, most=1000),)


class WithdrawalAdmin(SmallDocumentAdmin[Withdrawal]):
    """Of a statement (?statement=) or an answer (?rebuttal=). Their own rights hold: who signs those signs this."""

    form_class = WithdrawalForm
    thing = "withdrawal"

    def title(self, document: Withdrawal) -> str:
        return f"Withdrawal: {first_text(_withdrawn(document))}"

    def start(self, document: Withdrawal) -> dict[str, Any]:
        return {"note": document.note}

    def create(self, form: WithdrawalForm, *, request: HttpRequest, actor: User, now: datetime) -> Withdrawal:
        kind: Any = Statement if "statement" in request.GET else Rebuttal
        of = get_object_or_404(kind, pk=_number(request, "statement" if kind is Statement else "rebuttal"))
        return withdrawing.draft(of=of, note=form.said("note"), author=actor, now=now)

    def keep(self, document: Withdrawal, form: WithdrawalForm, *, actor: User, now: datetime) -> Withdrawal:
        return documents.edit(document=document, actor=actor, now=now, seen_at=form.seen, note=in_all(form.said("note")))

    def facts(self, document: Withdrawal) -> list[tuple[str, str]]:
        return [("Takes back", first_text(_withdrawn(document))), ("Why", document.get_cause_display().replace("_", " "))]

    def publish(self, document: Withdrawal, *, actor: User, now: datetime) -> Withdrawal:
        return publishing.publish_withdrawal(withdrawal=document, actor=actor, now=now)


def _withdrawn(document: Withdrawal) -> Any:
    return document.statement.body if document.statement else document.rebuttal.fact_headline if document.rebuttal else ""
