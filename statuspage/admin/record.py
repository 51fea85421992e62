"""The public record and the log of staff's acts: to read, never to write."""

from __future__ import annotations

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents import audit
from incidents.models import AuditEvent, RecordEntry, RecordText
from statuspage import audit_files
from statuspage.admin import changes
from statuspage.admin.base import ReadOnlyAdmin, ReadOnlyRows, require
from statuspage.admin.columns import display
from statuspage.templatetags.desk import moment


class TextRows(ReadOnlyRows):
    model = RecordText
    verbose_name_plural = "Its texts"
    readonly_fields = ("field", "words")
    fields = readonly_fields

    @display(description="Text")
    def words(self, row: RecordText) -> str:
        return f"[removed {moment(row.redacted_at)}]" if row.redacted_at else row.text


class EntryAdmin(ReadOnlyAdmin):
    list_display = ["seq", "kind", "when", "short_hash"]
    list_filter = ["kind"]
    search_fields = ["hash", "body"]
    search_help_text = "A hash printed on the page, a feed or a mail, or a public id"
    readonly_fields = ("seq", "kind", "when", "hash", "previous_hash", "content")
    fields = readonly_fields
    inlines = [TextRows]
    ordering = ["-seq"]

    @display(description="When", ordering="seq")
    def when(self, entry: RecordEntry) -> str:
        return moment(entry.at)

    @display(description="Hash")
    def short_hash(self, entry: RecordEntry) -> str:
        return f"{entry.hash[:16]}…"

    @display(description="Body, laid out to read")
    def content(self, entry: RecordEntry) -> SafeString:
        return format_html('<pre class="d-pre">{}</pre>', json.dumps(json.loads(entry.body), indent=2, ensure_ascii=False))


class AuditAdmin(ReadOnlyAdmin):
    """The log, filtered as one likes; the same choice as a file."""

    list_display = ["when", "actor_name", "act", "target", "summary", "address", "factor"]
    list_filter = [("at", admin.DateFieldListFilter), "act", "factor", "actor"]
    search_fields = ["actor_name", "target", "act", "address"]
    search_help_text = "A person, an act, a public id or an address"
    readonly_fields = ("when", "actor_name", "act", "target", "summary", "address", "factor")
    fields = readonly_fields
    ordering = ["-id"]
    change_list_template = "admin/desk/audit_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return super().get_queryset(request).select_related("actor")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/<str:form>/", view, name="incidents_auditevent_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list's filters and search leave, oldest first, as CSV or JSON lines. Taking a file is an act too."""
        reader = require(request, "incidents.view_auditevent")
        if form not in audit_files.FORMS:
            raise Http404
        chosen = self.get_changelist_instance(request).get_queryset(request).order_by("id")
        details = {"form": form, "filters": request.GET.urlencode(), "events": chosen.count()}
        audit.log(act="audit.export", actor=reader, now=timezone.now(), details=details)
        media, lines = audit_files.FORMS[form]
        last = AuditEvent.objects.filter(act="audit.export").values_list("pk", flat=True).first() or 0
        answer = StreamingHttpResponse(lines(chosen.filter(pk__lt=last).iterator(chunk_size=500)), content_type=media)
        answer["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        return answer

    @display(description="When", ordering="id")
    def when(self, event: AuditEvent) -> str:
        return moment(event.at)

    @display(description="Details")
    def summary(self, event: AuditEvent) -> str:
        told = changes.told(event)
        changed = [f"{field}: {before} → {after}" for field, before, after in told.changed]
        return ", ".join([*changed, *(f"{name}: {value}" for name, value in told.facts)])
