"""After publishing: the page says it at once; how far its telling is, by channel; what is next."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from incidents.models import AfterSignature, IncidentUpdate
from incidents.words import Publication
from statuspage import snapshot
from statuspage.admin import composing
from statuspage.admin.addresses import after_url, draft_url
from statuspage.admin.composer import PUBLISH, find_update
from statuspage.admin.views import DeskView
from statuspage.models import Heartbeat
from statuspage.templatetags.desk import headline
from subscribers import steering
from subscribers.models import ChannelTrouble, Notification


class AfterView(DeskView):
    permission = "incidents.view_incidentupdate"
    template = "after.html"

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        if update.publication != Publication.PUBLISHED:
            return redirect(draft_url(update))
        return self.page(**_context(update, may_publish=self.actor.has_perm(PUBLISH)))


class StopView(DeskView):
    """Whoever has not been told yet is not told; the page stays as it is."""

    permission = PUBLISH

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        notification = get_object_or_404(Notification, record_seq=update.record_seq or 0)
        reason = request.POST.get("reason", "") or "stopped at the desk"
        try:
            steering.stop_sending(notification=notification, actor=self.actor, reason=reason, now=timezone.now())
        except steering.CannotStop as refusal:
            messages.error(request, str(refusal))
        return redirect(after_url(update))


class ResendView(DeskView):
    """Try again what was given up."""

    permission = PUBLISH

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        notification = get_object_or_404(Notification, record_seq=update.record_seq or 0)
        count = steering.resend_dead(notification=notification, actor=self.actor, now=timezone.now())
        messages.success(request, f"{count} are tried again.")
        return redirect(after_url(update))


def _context(update: IncidentUpdate, *, may_publish: bool) -> dict[str, Any]:
    manifest = snapshot.current()
    notification = Notification.objects.filter(record_seq=update.record_seq or 0).first()
    now = timezone.now()
    channels = steering.progress(notification=notification, now=now) if notification else []
    waits = (notification is not None and notification.expanded_at is None) or any(one.queued for one in channels)
    beat = Heartbeat.objects.filter(name="queue:notify").first()
    return {
        "title": "Published",
        "update": update,
        "incident": update.incident,
        "headline": headline(update.incident),
        "on_page": bool(manifest and update.record_seq and manifest.built_from >= update.record_seq),
        "notification": notification,
        "channels": [
            (composing.desk_name(one.channel), one, one.queued + one.sent + one.failed + one.cancelled) for one in channels
        ],
        "held": bool(notification and notification.stopped_at is None and notification.send_at > now and waits),
        "may_stop": may_publish and notification is not None and notification.stopped_at is None and waits,
        "expanded": bool(notification and notification.expanded_at),
        "trouble": list(ChannelTrouble.objects.all()),
        "sender_seen": beat.at if beat else None,
        "next_is_late": bool(update.next_update_by and update.next_update_by < now),
        "owed": AfterSignature.objects.filter(update=update, signed_by=None).first(),
        "signature": composing.signature_words(update),
        "may_publish": may_publish,
    }
