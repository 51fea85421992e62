"""Incident updates at the desk: the list, editing a draft, asking for a signature, signing, publishing, discarding.

A published update is shown, never edited. Each act is one operation of incidents.* or statuspage.publishing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents import drafts, notices, signing
from incidents.blockers import Blocker
from incidents.languages import by_language
from incidents.models import AuditEvent, IncidentUpdate
from statuspage import publishing
from statuspage.admin import evidence
from statuspage.admin.base import DeskAdmin, person, require
from statuspage.admin.columns import phase_column, publication_column
from statuspage.admin.forms import Start, UpdateForm
from statuspage.admin.incidents import draft_url, incident_url, publish_url
from statuspage.templatetags.desk import first_text, moment
from subscribers.models import Subscriber

CHANGE = "incidents.change_incidentupdate"
PUBLISH = "incidents.publish_incidentupdate"
SIGN = "incidents.sign_incidentupdate"


class UpdateAdmin(DeskAdmin):
    list_display = ["of_incident", "phase", "publicity", "signature", "author", "changed"]
    list_filter = ["publication", "status", "signature_kind"]
    search_fields = ["body", "public_id", "incident__name"]
    search_help_text = "A word of its text or headline, or its public id"
    list_select_related = ["incident", "author", "signed_by"]

    def of_incident(self, update: IncidentUpdate) -> str:
        return first_text(update.incident.name) or "(no headline yet)"

    phase = phase_column
    publicity = publication_column

    def signature(self, update: IncidentUpdate) -> str:
        return signature_words(update)

    def changed(self, update: IncidentUpdate) -> str:
        return moment(update.published_at or update.updated_at)

    of_incident.short_description = "Incident"  # type: ignore[attr-defined]
    changed.short_description = "Published or changed"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncidentUpdate]:
        return super().get_queryset(request).prefetch_related("affected__component")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # an update begins at its incident

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Callable[..., HttpResponse]] = {
            "publish": self.publish_view,
            "sign": self.sign_view,
            "ask": self.ask_view,
            "send-back": self.send_back_view,
            "discard": self.discard_view,
        }
        own = [
            path(f"<int:update_id>/{act}/", self.admin_site.admin_view(view), name=f"incidents_incidentupdate_{act}")
            for act, view in acts.items()
        ]
        return [*own, *super().get_urls()]

    # --- Edit -----------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A draft to edit for who may; else, and once it is public, the same words to read."""
        require(request, "incidents.view_incidentupdate")
        update = _update(object_id)
        if request.method == "POST":
            return self._save(request, update, require(request, CHANGE))
        if update.publication != "draft" or not request.user.has_perm(CHANGE):
            return self._read_page(request, update)
        return self._edit_page(request, update, UpdateForm(incident=update.incident, start=Start.from_draft(update)))

    def _save(self, request: HttpRequest, update: IncidentUpdate, actor: User) -> HttpResponse:
        form = UpdateForm(request.POST, incident=update.incident, start=Start.from_draft(update))
        if not form.is_valid():
            return self._edit_page(request, update, form, status=422)
        written = form.written()
        try:
            saved = drafts.edit_update(
                update=update,
                actor=actor,
                now=timezone.now(),
                status=written.status,
                name=written.name,
                body=written.body,
                affected=written.affected,
                next_update_by=written.next_update_by,
                deliver_notifications=written.deliver_notifications,
                seen_at=written.seen_at,
            )
        except drafts.TimelineError as refusal:
            return self._conflict(request, _update(update.pk), str(refusal))
        messages.success(request, "The draft is kept. Nothing is public yet.")
        return redirect(publish_url(saved) if "_publish" in request.POST else draft_url(saved))

    def _conflict(self, request: HttpRequest, theirs: IncidentUpdate, refusal: str) -> HttpResponse:
        """Both texts on one page: ours in the fields, theirs beside. Keeping ours is a choice, made by pressing again."""
        start = Start.from_draft(theirs)
        form = UpdateForm(request.POST, incident=theirs.incident, start=start, seen_at=start.seen_at)
        last = AuditEvent.objects.filter(target=theirs.public_id).first()
        return self._edit_page(request, theirs, form, status=409, theirs=theirs, refusal=refusal, last_act=last)

    def _edit_page(
        self, request: HttpRequest, update: IncidentUpdate, form: UpdateForm, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        return self.page(
            request,
            "edit.html",
            status=status,
            title="Edit draft",
            **{**_about(request, update, timezone.now()), "form": form, **more},
        )

    def _read_page(self, request: HttpRequest, update: IncidentUpdate) -> HttpResponse:
        return self.page(request, "read.html", title="Update", **_about(request, update, timezone.now()))

    # --- Publish --------------------------------------------------------------------------------

    def publish_view(self, request: HttpRequest, update_id: int) -> HttpResponse:
        """Both languages as the public will read them, what forbids it, and the one button."""
        actor = require(request, PUBLISH)
        update = _update(update_id)
        now = timezone.now()
        if request.method != "POST":
            if update.is_published:
                messages.info(request, f"It is public already, since {moment(update.published_at)}.")
                return redirect(incident_url(update.incident))
            return self._publish_page(request, update, publishing.blockers_of(update, now=now), now)
        reason = request.POST.get("reason", "")
        try:
            published = publishing.publish_update(update_id=update.pk, actor=actor, now=now, reason=reason)
        except publishing.Blocked as refusal:
            return self._publish_page(request, update, refusal.blockers, now, status=409, reason=reason)
        messages.success(request, f"Published. It is public since {moment(published.published_at)}.")
        return redirect(incident_url(published.incident))

    def _publish_page(
        self,
        request: HttpRequest,
        update: IncidentUpdate,
        blockers: list[Blocker],
        now: datetime,
        *,
        status: int = 200,
        reason: str = "",
    ) -> HttpResponse:
        asks_reason = any(blocker.code == "probes_disagree" for blocker in blockers)
        return self.page(
            request,
            "publish.html",
            status=status,
            title="Publish",
            blockers=[(blocker, _where_to_mend(update, blocker, person(request))) for blocker in blockers],
            only_reason_is_missing=asks_reason and len({blocker.code for blocker in blockers}) == 1,
            asks_reason=asks_reason or bool(reason),
            reason=reason,
            was_refused=status == 409,
            **_about(request, update, now),
        )

    # --- Four eyes ------------------------------------------------------------------------------

    def sign_view(self, request: HttpRequest, update_id: int) -> HttpResponse:
        """Another person reads exactly what goes out, and signs it."""
        signer = require(request, SIGN)
        update = _update(update_id)
        now = timezone.now()
        if update.publication != "draft":
            return redirect(draft_url(update))
        if request.method != "POST":
            return self._sign_page(request, update, now)
        try:
            signing.sign(item=update, signer=signer, now=now, seen_hash=request.POST.get("seen_hash", ""))
        except signing.SigningRefused as refusal:
            return self._sign_page(request, update, now, refusal=str(refusal))
        messages.success(request, "Signed. It goes out when someone presses Publish.")
        return redirect(publish_url(update) if request.user.has_perm(PUBLISH) else draft_url(update))

    def _sign_page(self, request: HttpRequest, update: IncidentUpdate, now: datetime, *, refusal: str = "") -> HttpResponse:
        return self.page(
            request,
            "sign.html",
            status=403 if refusal else 200,
            title="Sign",
            refusal=refusal,
            seen_hash=signing.content_hash(update),
            acts=_acts(update),
            **_about(request, update, now),
        )

    def ask_view(self, request: HttpRequest, update_id: int) -> HttpResponse:
        actor = require(request, CHANGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        update = _update(update_id)
        signing.request(item=update, actor=actor, now=timezone.now())
        messages.success(request, "It waits for a signature. The approvers see it on their dashboard.")
        return redirect(draft_url(update))

    def send_back_view(self, request: HttpRequest, update_id: int) -> HttpResponse:
        signer = require(request, SIGN)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        update = _update(update_id)
        try:
            signing.send_back(item=update, signer=signer, reason=request.POST.get("reason", ""), now=timezone.now())
        except signing.SigningRefused as refusal:
            return self._sign_page(request, update, timezone.now(), refusal=str(refusal))
        messages.success(request, "Sent back. The author sees your reason on the draft.")
        return redirect("admin:index")

    def discard_view(self, request: HttpRequest, update_id: int) -> HttpResponse:
        actor = require(request, CHANGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        update = _update(update_id)
        drafts.discard(update=update, actor=actor, now=timezone.now(), reason=request.POST.get("reason", "").strip())
        messages.success(request, "The draft is discarded. Its text and evidence are kept for later questions.")
        return redirect("admin:index")


def _update(update_id: int | str) -> IncidentUpdate:
    rows = IncidentUpdate.objects.select_related("incident", "notice", "author", "signed_by", "published_by")
    return get_object_or_404(rows, pk=update_id)


def _about(request: HttpRequest, update: IncidentUpdate, now: datetime) -> dict[str, Any]:
    """What every page about one update shows."""
    untouched = drafts.is_untouched(update)
    last = _acts(update).first()
    return {
        "update": update,
        "incident": update.incident,
        "affected": list(update.affected.select_related("component")),
        "evidence": evidence.of(update.incident),
        "signature": signature_words(update),
        "signature_state": signing.signature_state(update),
        "is_untouched": untouched,
        "public_body": _body_to_be(update, now) if untouched and not update.is_published else by_language(update.body),
        "promise_to_be": notices.promise(update.notice, now) if untouched and update.notice else update.next_update_by,
        "sent_back": last if last and last.act == "update.send_back" else None,
        "hearers": Subscriber.objects.active().count() if update.deliver_notifications else 0,
        "may_write": person(request).has_perm(CHANGE),
        "may_sign": person(request).has_perm(SIGN),
        "may_publish": person(request).has_perm(PUBLISH),
        "me": person(request),
    }


def _body_to_be(update: IncidentUpdate, now: datetime) -> dict[str, str]:
    """A notice's promise counts from the moment it goes out; these are the words if that is now."""
    first = update.affected.select_related("component").first()
    if update.notice is None or first is None:
        return by_language(update.body)
    return notices.fill(
        texts=by_language(update.notice.body),
        component=first.component,
        since=update.incident.started_at,
        next_by=notices.promise(update.notice, now),
        now=now,
    )


def _acts(update: IncidentUpdate) -> QuerySet[AuditEvent]:
    """Who did what with it, newest first."""
    return AuditEvent.objects.filter(target=update.public_id)


def signature_words(update: IncidentUpdate) -> str:
    state = signing.signature_state(update)
    if state == "void":
        return "Changed after it was signed"
    if state == "none":
        return "Asked for" if update.signature_requested_at else "None yet"
    if drafts.is_untouched(update):
        return "Pre-signed notice, unchanged"
    return f"Signed by {update.signed_by}, {moment(update.signed_at)}"


def _where_to_mend(update: IncidentUpdate, blocker: Blocker, user: User) -> str:
    """Where the blocker's “Go there” leads: to who may sign the signing page, to others the draft, from which they ask."""
    if blocker.field == "reason":
        return "#reason"
    if blocker.field == "signature" and user.has_perm(SIGN):
        return reverse("admin:incidents_incidentupdate_sign", args=[update.pk])
    if blocker.field in ("publication", "incident"):
        return incident_url(update.incident)
    return f"{draft_url(update)}#{blocker.field.replace('.', '_')}"
