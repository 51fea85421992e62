"""What an engineer does to a probe beside changing it: run it now, pause it until a time, end the pause."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from probes import pausing
from probes.models import Probe
from statuspage.admin.base import require
from statuspage.admin.forms import ClockField, DayField
from statuspage.templatetags.desk import moment

if TYPE_CHECKING:
    from statuspage.admin.base import DeskAdmin as _Admin
else:
    _Admin = object

CHANGE = "probes.change_probe"


class PauseForm(forms.Form):
    until_day = DayField(label="Day")
    until_time = ClockField(label="Time")
    reason = forms.CharField(label="Why", max_length=200, widget=forms.TextInput(attrs={"class": "d-in", "autocomplete": "off"}))

    @property
    def until(self) -> datetime:
        given = self.cleaned_data
        return timezone.make_aware(datetime.combine(given["until_day"], given["until_time"]))


class ProbeActs(_Admin):
    """Mixed into the probes' list: three acts on a probe's page, for who may change it."""

    change_form_outer_before_template = "admin/desk/_probe_acts.html"

    def get_urls(self) -> list[URLPattern]:
        acts = (("run", self.run_view), ("pause", self.pause_view), ("resume", self.resume_view))
        own = [
            path(f"<int:probe_id>/{name}/", self.admin_site.admin_view(view), name=f"probes_probe_{name}") for name, view in acts
        ]
        return [*own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        probe = kwargs.get("obj")
        context["may_act"] = probe is not None and self.has_change_permission(request, probe)
        context["is_paused"] = probe is not None and probe.is_paused(timezone.now())
        return super().render_change_form(request, context, *args, **kwargs)

    def run_view(self, request: HttpRequest, probe_id: int) -> HttpResponse:
        """The next tick sends it, within a second; the outcome stands among the last ones when it has come."""
        actor = require(request, CHANGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        probe = get_object_or_404(Probe, pk=probe_id)
        asked = pausing.run_now(probe=probe, now=timezone.now(), actor=actor)
        if asked:
            where = ", ".join(row.vantage.name for row in asked)
            messages.success(request, f"Asked for a run at {where}. Its outcome appears below, and counts in no window.")
        else:
            messages.error(request, "It runs nowhere: switch on a schedule of it, and the vantage.")
        return _back(probe)

    def pause_view(self, request: HttpRequest, probe_id: int) -> HttpResponse:
        actor = require(request, CHANGE)
        probe = get_object_or_404(Probe, pk=probe_id)
        now = timezone.now()
        soon = timezone.localtime(now + timedelta(hours=1))
        start = {"until_day": soon.date(), "until_time": soon.time()}
        form = PauseForm(request.POST) if request.method == "POST" else PauseForm(initial=start)
        if request.method == "POST" and form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                pausing.pause(probe=probe, until=form.until, reason=reason, now=now, actor=actor)
            except pausing.PauseRefused as refused:
                form.add_error(None, str(refused))
            else:
                messages.success(request, f"Paused until {moment(probe.paused_until)}.")
                return _back(probe)
        return self.page(request, "pause_probe.html", title=f"Pause “{probe.code}”", probe=probe, form=form)

    def resume_view(self, request: HttpRequest, probe_id: int) -> HttpResponse:
        actor = require(request, CHANGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        probe = get_object_or_404(Probe, pk=probe_id)
        if pausing.resume(probe=probe, now=timezone.now(), actor=actor):
            messages.success(request, "The pause is over: it runs within a second.")
        return _back(probe)


def _back(probe: Probe) -> HttpResponse:
    return redirect(reverse("admin:probes_probe_change", args=[probe.pk]))
