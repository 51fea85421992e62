"""Duty at the desk: the roster, and the alerts with their acknowledgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from statuspage import alerting
from statuspage.admin.base import DeskAdmin, ReadOnlyAdmin, require
from statuspage.admin.columns import display
from statuspage.models import DutyShift, StaffAlert
from statuspage.templatetags.desk import moment

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[DutyShift]
else:
    _ModelForm = forms.ModelForm


class ShiftAdmin(DeskAdmin):
    list_display = ["who", "role", "begins", "ends", "state"]
    list_filter = ["role"]
    list_select_related = ["person"]
    fields = ["person", "role", "starts_at", "ends_at"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "person":
            kwargs["queryset"] = User.objects.filter(is_active=True, is_staff=True).order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @display(description="Who")
    def who(self, shift: DutyShift) -> str:
        return shift.person.get_full_name() or shift.person.get_username()

    @display(description="From", ordering="starts_at")
    def begins(self, shift: DutyShift) -> str:
        return moment(shift.starts_at)

    @display(description="To", ordering="ends_at")
    def ends(self, shift: DutyShift) -> str:
        return moment(shift.ends_at)

    @display(description="Now")
    def state(self, shift: DutyShift) -> str:
        now = timezone.now()
        return "on duty" if shift.starts_at <= now < shift.ends_at else "later" if now < shift.starts_at else "over"


class AlertAdmin(ReadOnlyAdmin):
    list_display = ["title_of", "kind", "severity", "raised", "state", "told", "act"]
    list_filter = ["kind", "severity"]
    search_fields = ["title"]
    readonly_fields = ("title", "text", "kind", "severity", "raised", "state", "told")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("acknowledged_by").prefetch_related("sendings__person")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.acknowledge_view)
        return [path("<int:alert_id>/acknowledge/", view, name="statuspage_staffalert_acknowledge"), *super().get_urls()]

    def acknowledge_view(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        """A page with a button, since mails link here and scanners follow links."""
        actor = require(request, "statuspage.view_staffalert")
        alert = get_object_or_404(StaffAlert, pk=alert_id)
        if request.method == "POST":
            alerting.acknowledge(alert=alert, actor=actor, now=timezone.now())
            messages.success(request, "You have it. Nobody else is called about it.")
            return redirect(alert.path)
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET", "POST"])
        return self.page(request, "acknowledge.html", title="Alert", alert=alert)

    @display(description="Alert")
    def title_of(self, alert: StaffAlert) -> str:
        return alert.title

    @display(description="Raised", ordering="raised_at")
    def raised(self, alert: StaffAlert) -> str:
        return moment(alert.raised_at)

    @display(description="State")
    def state(self, alert: StaffAlert) -> str:
        if alert.acknowledged_at:
            return f"{alert.acknowledged_by} has it since {moment(alert.acknowledged_at)}"
        return f"over since {moment(alert.resolved_at)}" if alert.resolved_at else "open"

    @display(description="Told")
    def told(self, alert: StaffAlert) -> str:
        return "; ".join(
            f"{sending.channel}{f' to {sending.person}' if sending.person else ''}: "
            + ("sent" if sending.sent_at else f"failed ({sending.error})" if sending.error else "waiting")
            for sending in alert.sendings.all()
        )

    @display(description="Answer")
    def act(self, alert: StaffAlert) -> SafeString | str:
        if not alert.is_open:
            return ""
        return format_html('<a class="d-btn" href="{}/acknowledge/">I have it</a>', alert.pk)
