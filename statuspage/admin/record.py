"""The public record and the log of staff's acts: to read, never to write."""

from __future__ import annotations

import json

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents.models import AuditEvent, RecordEntry, RecordText
from statuspage.admin.base import ReadOnlyAdmin, ReadOnlyRows
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
    list_display = ["when", "actor_name", "act", "target", "summary"]
    list_filter = ["act"]
    search_fields = ["actor_name", "target", "act"]
    search_help_text = "A person, an act, or a public id"
    readonly_fields = ("when", "actor_name", "act", "target", "summary")
    fields = readonly_fields
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return super().get_queryset(request).select_related("actor")

    @display(description="When", ordering="id")
    def when(self, event: AuditEvent) -> str:
        return moment(event.at)

    @display(description="Details")
    def summary(self, event: AuditEvent) -> str:
        return ", ".join(f"{key}: {value}" for key, value in event.details.items() if value not in ("", None, False))
