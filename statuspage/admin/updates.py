"""Incident updates at the desk: the list. Each is written in the composer and signed on the signing page."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest

from incidents import corrections
from incidents.models import IncidentUpdate
from statuspage.admin.base import DeskAdmin
from statuspage.admin.columns import phase_column, publication_column
from statuspage.admin.composing import signature_words
from statuspage.templatetags.desk import first_text, moment


class UpdateAdmin(DeskAdmin):
    list_display = ["of_incident", "phase", "publicity", "signature", "author", "changed"]
    list_filter = ["publication", "status", "signature_kind"]
    search_fields = ["body", "public_id", "incident__name"]
    search_help_text = "A word of its text or headline, or its public id"
    list_select_related = ["incident", "author", "signed_by"]

    def of_incident(self, update: IncidentUpdate) -> str:
        return first_text(corrections.listed_name(update, update.incident.name)) or "(no headline yet)"

    phase = phase_column
    publicity = publication_column

    def signature(self, update: IncidentUpdate) -> str:
        return signature_words(update)

    def changed(self, update: IncidentUpdate) -> str:
        return moment(update.published_at or update.updated_at)

    of_incident.short_description = "Incident"  # type: ignore[attr-defined]
    changed.short_description = "Published or changed"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncidentUpdate]:
        rows = super().get_queryset(request).prefetch_related("affected__component")
        return corrections.with_names(rows, named_by="update__incident", of="incident_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # an update begins at its incident
