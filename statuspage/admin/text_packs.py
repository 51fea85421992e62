"""Text packs at the desk: one update in every form that people copy, in both languages; and a poster to print."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from incidents import corrections
from incidents.models import IncidentUpdate
from statuspage import text_packs
from statuspage.admin.views import DeskView
from statuspage.templatetags.desk import headline

LISTED = 30
NAMES = {
    "sms": "SMS",
    "ussd": "USSD line",
    "post": "Post on X",
    "card": "WhatsApp card",
    "script": "Call-centre script",
}


class PackList(DeskView):
    """The last public updates, to choose one."""

    permission = "incidents.view_incidentupdate"
    template = "text_packs.html"
    title = "Text packs"
    in_focus = False

    def get(self, request: HttpRequest) -> HttpResponse:
        updates = list(IncidentUpdate.objects.published().select_related("incident")[:LISTED])
        corrections.call_as_now(update.incident for update in updates)
        return self.page(updates=updates)


class TextPack(DeskView):
    permission = "incidents.view_incidentupdate"
    template = "text_pack.html"
    in_focus = False

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = _update(update_id)
        packs = text_packs.packs_of(update, now=timezone.now())
        return self.page(
            title=f"Text pack: {headline(update.incident)}",
            update=update,
            rows=[(kind, name, [(pack.language, _of(pack, kind)) for pack in packs]) for kind, name in NAMES.items()],
        )


class Poster(DeskView):
    """For an agent's wall, in big letters; the frame stays off the paper."""

    permission = "incidents.view_incidentupdate"
    template = "update_poster.html"

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = _update(update_id)
        packs = text_packs.packs_of(update, now=timezone.now())
        return self.page(title=f"Poster: {headline(update.incident)}", update=update, packs=packs)


def _update(update_id: int) -> IncidentUpdate:
    rows = IncidentUpdate.objects.exclude(publication="discarded").select_related("incident")
    return get_object_or_404(rows, pk=update_id)


def _of(pack: text_packs.Pack, kind: str) -> text_packs.Piece:
    return next(piece for piece in pack.pieces if piece.kind == kind)
