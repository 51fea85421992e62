"""After publishing, whatever it was: the page says it at once; how far its telling is, by channel; what is next.

One published item is one Notification, by which it is stopped and tried again; of an incident's update the page has an address of
its own.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from incidents.models import AfterSignature, Announcement, IncidentUpdate, MaintenanceUpdate, Redress, StatusChange
from incidents.models.publishable import Document
from incidents.words import Publication
from statuspage import snapshot
from statuspage.admin import composing
from statuspage.admin.addresses import draft_url, told_url
from statuspage.admin.composer import PUBLISH, find_update
from statuspage.admin.documents import DocumentAdmin, signature_words, words_of
from statuspage.admin.views import DeskView
from statuspage.models import Heartbeat
from statuspage.templatetags.desk import first_text, headline, status_word
from subscribers import items, steering
from subscribers.models import ChannelTrouble, Notification

# By which name the form of a correction is told what it corrects (incidents.models.correction.OF).
_CORRECTED_AS = {MaintenanceUpdate: "planned", Announcement: "announcement", Redress: "redress"}


class AfterView(DeskView):
    """Of an incident's update."""

    permission = "incidents.view_incidentupdate"
    template = "after.html"

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        if update.publication != Publication.PUBLISHED:
            return redirect(draft_url(update))
        notification = Notification.objects.filter(record_seq=update.record_seq or 0).first()
        may_publish = self.actor.has_perm(PUBLISH)
        return self.page(**_telling(notification, update.record_seq or 0, may_publish=may_publish), **_of_update(update))


class TellingView(DeskView):
    """Of anything else that was published: a statement, a correction, an answer, planned work, a service's change."""

    permission = "subscribers.view_notification"
    template = "after_document.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        notification = get_object_or_404(Notification, pk=pk)
        telling = _telling(notification, notification.record_seq, may_publish=self.actor.has_perm(PUBLISH))
        if notification.update_id:
            return self.page(template="after.html", **telling, **_of_update(find_update(notification.update_id)))
        assert self.site is not None
        document = items.document_of(notification.kind, notification.record_seq)
        return self.page(**telling, **_of_document(document, notification, self.site))


class StopView(DeskView):
    """Whoever has not been told yet is not told; the page stays as it is."""

    permission = PUBLISH

    def post(self, request: HttpRequest, **named: int) -> HttpResponse:
        notification = get_object_or_404(Notification, **named)
        reason = request.POST.get("reason", "") or "stopped at the desk"
        try:
            steering.stop_sending(notification=notification, actor=self.actor, reason=reason, now=timezone.now())
        except steering.CannotStop as refusal:
            messages.error(request, str(refusal))
        return redirect(told_url(notification))


class ResendView(DeskView):
    """Try again what was given up by one channel, or by all."""

    permission = PUBLISH

    def post(self, request: HttpRequest, **named: int) -> HttpResponse:
        notification = get_object_or_404(Notification, **named)
        channel = request.POST.get("channel", "")
        count = steering.resend_dead(notification=notification, actor=self.actor, now=timezone.now(), channel=channel)
        messages.success(request, f"{count} are tried again. Who has left since, or takes nothing any more, is left alone.")
        return redirect(told_url(notification))


def _telling(notification: Notification | None, record_seq: int, *, may_publish: bool) -> dict[str, Any]:
    """How far it is, and what may be done about that: the same for everything."""
    manifest, now = snapshot.current(), timezone.now()
    channels = steering.progress(notification=notification, now=now) if notification else []
    waits = (notification is not None and notification.expanded_at is None) or any(one.queued for one in channels)
    beat = Heartbeat.objects.filter(name="queue:notify").first()
    return {
        "title": "Published",
        "record_seq": record_seq,
        "on_page": bool(manifest and record_seq and manifest.built_from >= record_seq),
        "notification": notification,
        "is_told": bool(notification and (notification.thread or notification.expanded_at is None)),
        "channels": [
            (composing.desk_name(one.channel), one, one.queued + one.sent + one.failed + one.cancelled) for one in channels
        ],
        "held": bool(notification and notification.stopped_at is None and notification.send_at > now and waits),
        "may_stop": may_publish and notification is not None and notification.stopped_at is None and waits,
        "expanded": bool(notification and notification.expanded_at),
        "trouble": list(ChannelTrouble.objects.all()),
        "sender_seen": beat.at if beat else None,
        "may_publish": may_publish,
    }


def _of_update(update: IncidentUpdate) -> dict[str, Any]:
    return {
        "update": update,
        "incident": update.incident,
        "headline": headline(update.incident),
        "said_at": update.published_at,
        "said_by": update.published_by,
        "signature": composing.signature_words(update),
        "next_is_late": bool(update.next_update_by and update.next_update_by < timezone.now()),
        "owed": AfterSignature.objects.filter(update=update, signed_by=None).first(),
    }


def _of_document(document: items.Document | None, notification: Notification, site: AdminSite) -> dict[str, Any]:
    if isinstance(document, StatusChange):
        name = f"{first_text(document.component.name)}: {status_word(document.new_status)}"
        return {"headline": name, "said_at": document.at, "public_url": items.item_of(document).path}
    if document is None:  # of such entries nobody is told
        return {"headline": notification.kind.replace("_", " ").capitalize(), "said_at": notification.created_at}
    admin = site.get_model_admin(type(document))
    assert isinstance(document, Document)
    assert isinstance(admin, DocumentAdmin)
    return {
        "headline": admin.title(document),
        "thing": admin.thing,
        "said_at": document.published_at,
        "said_by": document.published_by,
        "signature": signature_words(document),
        "said": words_of(document),
        "desk_url": admin.url(document),
        "public_url": admin.public_url(document) or items.item_of(document).path,
        "correct_url": _correct_url(document),
    }


def _correct_url(document: Document) -> str:
    """Where its words are corrected; "" for what is taken back, or said anew in a next version."""
    name = _CORRECTED_AS.get(type(document), "")
    return f"{reverse('admin:incidents_correction_add')}?{name}={document.pk}" if name else ""
