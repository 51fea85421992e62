"""Who hears, in numbers, and how the tellings went. An address is nowhere shown at the desk; taken out, it is logged."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.html import format_html

from incidents import rights
from statuspage.admin.addresses import told_url
from statuspage.admin.base import ReadOnlyAdmin, person
from statuspage.admin.columns import display
from statuspage.templatetags.desk import moment
from subscribers import csv_files, suppression
from subscribers.models import Delivery, DeliveryState, Notification, Subscriber, SubscriberState, Suppressed

WHY = {
    Suppressed.LEFT: "they left, or had themselves forgotten",
    Suppressed.OPTED_OUT: "they sent STOP",
    Suppressed.BOUNCED: "there is no such mailbox",
    Suppressed.COMPLAINED: "they complained",
    Suppressed.REFUSED: "the address is gone, or barred",
    Suppressed.BY_STAFF: "staff did it",
}


class SubscriberAdmin(ReadOnlyAdmin):
    """Rows go by their random public id; the address stays encrypted."""

    list_display = ["public_id", "channel", "language", "state", "why", "since"]
    list_filter = ["state", "channel", "language"]
    search_fields = ["public_id"]
    search_help_text = "A public id, as it stands in a subscriber's own links"
    readonly_fields = ("public_id", "channel", "language", "state", "why", "since", "confirmed", "left")
    fields = readonly_fields
    ordering = ["-id"]
    actions = ["take_out"]
    list_before_template = "admin/desk/_look_up.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscriber]:
        rows: QuerySet[Subscriber] = super().get_queryset(request)
        barred = suppression.standing(timezone.now()).filter(channel=OuterRef("channel"), address_hash=OuterRef("address_hash"))
        return rows.select_related("endpoint").annotate(suppressed=Subquery(barred.values("reason")[:1]))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = rights.may(person(request), "subscriber.look_up")
        return super().changelist_view(request, {"may_look_up": may, **(extra_context or {})})

    def has_export_permission(self, request: HttpRequest) -> bool:
        return person(request).has_perm("subscribers.export_subscriber")

    @admin.action(description="Take out with addresses (CSV, written into the audit log)", permissions=["export"])
    def take_out(self, request: HttpRequest, rows: QuerySet[Subscriber]) -> StreamingHttpResponse:
        lines = csv_files.give_out(rows=rows, actor=person(request), reason="chosen at the desk", now=timezone.now())
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="subscribers.csv"'
        response["Cache-Control"] = "no-store"
        return response

    @display(description="Suspended because")
    def why(self, subscriber: Subscriber) -> str:
        if subscriber.state != SubscriberState.SUSPENDED:
            return ""
        ended = getattr(getattr(subscriber, "endpoint", None), "ended_at", None)
        if ended:
            return f"its webhook took nothing for days; ended {moment(ended)}"
        suppressed: Suppressed | None = getattr(subscriber, "suppressed", None)
        return WHY[suppressed] if suppressed else ""

    @display(description="Asked", ordering="created_at")
    def since(self, subscriber: Subscriber) -> str:
        return moment(subscriber.created_at)

    @display(description="Confirmed")
    def confirmed(self, subscriber: Subscriber) -> str:
        return moment(subscriber.confirmed_at) or "not yet"

    @display(description="Left")
    def left(self, subscriber: Subscriber) -> str:
        return moment(subscriber.unsubscribed_at) or "no"


class NotificationAdmin(ReadOnlyAdmin):
    """One published item, and how many were told. Each one's own page is after.TellingView."""

    list_display = ["created", "kind", "record_seq", "sent", "waiting", "failed", "expanded"]
    ordering = ["-record_seq"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        def count(state: DeliveryState) -> Count:
            return Count("deliveries", filter=Q(deliveries__state=state))

        counts = {state.value: count(state) for state in DeliveryState}
        rows: QuerySet[Notification] = super().get_queryset(request)
        return rows.annotate(**{f"n_{name}": value for name, value in counts.items()})

    @display(description="When", ordering="record_seq")
    def created(self, notification: Notification) -> str:
        return moment(notification.created_at)

    @display(description="Told")
    def sent(self, notification: Notification) -> int:
        return int(getattr(notification, "n_sent", 0))

    @display(description="Waiting")
    def waiting(self, notification: Notification) -> int:
        return int(getattr(notification, "n_pending", 0))

    @display(description="Given up")
    def failed(self, notification: Notification) -> int:
        return int(getattr(notification, "n_dead", 0))

    @display(description="Everyone listed", boolean=True)
    def expanded(self, notification: Notification) -> bool:
        return notification.expanded_at is not None


class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["told", "channel", "state", "attempt", "due", "last_error", "telling"]
    list_filter = ["state", "channel"]
    list_select_related = ["notification", "subscriber"]
    readonly_fields = ("told", "channel", "state", "attempt", "due", "sent", "last_error", "telling")
    fields = readonly_fields
    ordering = ["-id"]

    @display(description="Notification and subscriber")
    def told(self, delivery: Delivery) -> str:
        return f"{delivery.notification.record_seq} to {delivery.subscriber.public_id}"

    @display(description="Stop, try again")
    def telling(self, delivery: Delivery) -> str:
        return format_html('<a class="underline" href="{}">How far it is</a>', told_url(delivery.notification))

    @display(description="Next try")
    def due(self, delivery: Delivery) -> str:
        return moment(delivery.due_at) if delivery.state == DeliveryState.PENDING else "–"

    @display(description="Told at")
    def sent(self, delivery: Delivery) -> str:
        return moment(delivery.sent_at) or "not yet"
