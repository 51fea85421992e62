"""Announcements at the desk: a warning of scams, a new number; and taking one off the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils import timezone

from incidents import documents
from incidents.drafts import TimelineError
from incidents.languages import in_all
from incidents.models import Announcement
from statuspage import publishing
from statuspage.admin.base import require
from statuspage.admin.columns import display, publication_column
from statuspage.admin.document_forms import When, Words, WordsForm, yes_no
from statuspage.admin.documents import DocumentAdmin
from statuspage.templatetags.desk import first_text, moment


class AnnouncementForm(WordsForm):
    words = (Words("title", "Headline", rows=1, most=250), Words("body", "Text", rows=6))
    whens = (When("starts_at", "Shown from", required=True), When("ends_at", "Shown until"))
    pinned = yes_no("Pin it", help_text="Above everything but incidents.")
    deliver_notifications = yes_no("Tell subscribers", help_text="Off by default: nothing is broken.")


class AnnouncementAdmin(DocumentAdmin[Announcement]):
    form_class = AnnouncementForm
    template = "announcement.html"
    thing = "announcement"
    list_display = ["headline", "publication_of", "shown", "signature", "author", "changed"]
    list_filter = ["publication", "pinned"]
    search_fields = ["title", "body", "public_id"]
    list_select_related = ["author", "signed_by"]

    publication_of = publication_column

    @display(description="Headline")
    def headline(self, row: Announcement) -> str:
        return first_text(row.title) or "(no headline yet)"

    @display(description="Shown")
    def shown(self, row: Announcement) -> str:
        if row.withdrawn_at:
            return f"Withdrawn {moment(row.withdrawn_at)}"
        return f"{moment(row.starts_at)} to {moment(row.ends_at) or 'withdrawn'}"

    def title(self, document: Announcement) -> str:
        return first_text(document.title) or "An announcement without a headline"

    def start(self, document: Announcement) -> dict[str, Any]:
        names = ("title", "body", "starts_at", "ends_at", "pinned", "deliver_notifications")
        return {name: getattr(document, name) for name in names}

    def new_start(self, request: HttpRequest) -> dict[str, Any]:
        return {"starts_at": timezone.now()}

    def create(self, form: AnnouncementForm, *, request: HttpRequest, actor: User, now: datetime) -> Announcement:
        return documents.add(document=Announcement(**_fields(form)), author=actor, now=now)

    def keep(self, document: Announcement, form: AnnouncementForm, *, actor: User, now: datetime) -> Announcement:
        return documents.edit(document=document, actor=actor, now=now, seen_at=form.seen, **_fields(form))

    def facts(self, document: Announcement) -> list[tuple[str, str]]:
        return [
            ("Shown from", moment(document.starts_at)),
            ("Shown until", moment(document.ends_at) or "withdrawn"),
            ("Pinned", "yes, above everything but incidents" if document.pinned else "no"),
            ("Subscribers", "told" if document.deliver_notifications else "not told"),
            *([("Withdrawn", moment(document.withdrawn_at))] if document.withdrawn_at else []),
        ]

    def publish(self, document: Announcement, *, actor: User, now: datetime) -> Announcement:
        return publishing.publish_announcement(announcement=document, actor=actor, now=now)

    def further(self, request: HttpRequest, document: Announcement) -> dict[str, Any]:
        return {"may_withdraw": document.is_published and not document.withdrawn_at}

    def acts(self) -> dict[str, Callable[..., HttpResponse]]:
        return {"withdraw": self.withdraw_view}

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One person may: what is wrong must not stand while another is looked for."""
        actor = require(request, self.rights.publish)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document = self.found(pk)
        reason = request.POST.get("reason", "")
        try:
            publishing.withdraw_announcement(announcement=document, reason=reason, actor=actor, now=timezone.now())
        except TimelineError as refusal:
            return self.show(request, document, status=409, refusal=str(refusal))
        messages.success(request, "Withdrawn. It is off the page; the record keeps its words.")
        return redirect(self.url(document))


def _fields(form: AnnouncementForm) -> dict[str, Any]:
    starts_at, ends_at = form.moment_given("starts_at"), form.moment("ends_at")
    if ends_at is not None and ends_at <= starts_at:
        raise TimelineError("The end lies before the start.")
    return {
        "title": in_all(form.said("title")),
        "body": in_all(form.said("body")),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "pinned": form.cleaned_data["pinned"],
        "deliver_notifications": form.cleaned_data["deliver_notifications"],
    }
