"""Probes, where they run, when, and what they saw. A probe that could not run is refused here, with what to change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSelectWidget

from probes import budget, charts, pushes, scheduling, skew, vantages
from probes.models import Probe, ProbeSchedule, Result, Vantage
from probes.outcome import TargetError
from probes.probers import PASSIVE, PROBERS, validate
from probes.rollups import VOTES
from statuspage.admin.base import DeskAdmin, NarrowSaves, ReadOnlyAdmin, ReadOnlyRows
from statuspage.admin.columns import display
from statuspage.admin.probe_acts import ProbeActs
from statuspage.sparklines import sparkline
from statuspage.templatetags.desk import ago, moment, status_word

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Probe]
else:
    _ModelForm = forms.ModelForm


class ProbeForm(_ModelForm):
    kind = forms.ChoiceField(
        choices=[(kind, kind) for kind in PROBERS],
        widget=UnfoldAdminSelectWidget,
        help_text="How it asks. docs/probes.md lists the keys of each kind.",
    )

    class Meta:
        model = Probe
        fields = [
            "code", "component", "kind", "spec", "interval", "timeout",
            "failure_threshold", "window", "success_threshold", "quorum", "weight", "enabled",
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "spec" in given and "kind" in given:
            try:
                validate(given["kind"], given["spec"])
            except TargetError as error:
                self.add_error("spec", str(error))
        failures, window = given.get("failure_threshold"), given.get("window")
        if failures is not None and window is not None and not 1 <= failures <= window:
            self.add_error("failure_threshold", f"Give 1 to {window}: so many bad outcomes of the last {window} confirm.")
        if given.get("success_threshold") == 0:
            self.add_error("success_threshold", "Give 1 or more: so many good outcomes in a row recover.")
        return given


class ResultRows(ReadOnlyRows):
    model = Result
    verbose_name_plural = "Last outcomes"
    readonly_fields = ("seen_at", "vantage", "status", "took", "http_status", "evidence")
    fields = readonly_fields
    ordering = ["-slot", "-attempt"]
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[Result]:
        return super().get_queryset(request).select_related("vantage")

    @display(description="When")
    def seen_at(self, result: Result) -> str:
        return f"{timezone.localtime(result.started_at):%d %b, %H:%M:%S}"

    @display(description="Took")
    def took(self, result: Result) -> str:
        return _milliseconds(result)


class ProbeAdmin(ProbeActs, NarrowSaves, DeskAdmin):
    form = ProbeForm
    list_display = ["code", "component", "kind", "interval", "says", "last_outcome", "enabled"]
    list_filter = ["enabled", "kind", "component"]
    search_fields = ["code", "component__code", "component__name"]
    list_select_related = ["component"]
    inlines = [ResultRows]
    fieldsets = [
        (None, {"fields": ["code", "component", "enabled"]}),
        ("What it asks", {"fields": ["kind", "spec"]}),
        ("How often, how long", {"fields": ["interval", "timeout"]}),
        ("When it is believed", {"fields": ["failure_threshold", "window", "success_threshold", "quorum", "weight"]}),
        ("What it says", {"fields": ["says", "budget", "last_day", "last_days"]}),
    ]
    readonly_fields = ["says", "budget", "last_day", "last_days"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Probe]:
        return super().get_queryset(request).select_related("verdict").prefetch_related("schedules__vantage")

    def get_inlines(self, request: HttpRequest, obj: Probe | None) -> list[Any]:
        return list(self.inlines) if obj else []

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The probe's schedules follow its interval, wherever it runs. What its old form saw is forgotten."""
        super().save_related(request, form, formsets, change)
        if form.instance.kind in PASSIVE:  # it runs nowhere, so nobody need choose where
            pushes.watch(form.instance)
        for row in form.instance.schedules.filter(enabled=True, vantage__is_passive=False).select_related("vantage"):
            scheduling.schedule(probe=form.instance, vantage=row.vantage)
        if change and scheduling.MEANING.intersection(form.changed_data):
            scheduling.reset(probe=form.instance, now=int(time.time()))

    @display(description="Says")
    def says(self, probe: Probe) -> str:
        if probe.is_paused(timezone.now()):
            return f"paused until {moment(probe.paused_until)}"
        if not any(row.enabled and row.vantage.enabled for row in probe.schedules.all()):
            return "runs nowhere"
        verdict = getattr(probe, "verdict", None)
        if verdict is None or not verdict.confirmed:
            return "nothing yet"
        word = status_word(verdict.confirmed)
        if verdict.is_intermittent:
            return f"{word}, intermittent"
        return f"{word}; suspected at {verdict.suspects}" if verdict.suspects else word

    @display(description="Budget")
    def budget(self, probe: Probe) -> str:
        """How fast it burns what 99.9 % allow: over a long window and still over a short one."""
        if probe.pk is None:
            return "–"
        burn = budget.burn_of(probe, now=timezone.now())
        if burn is None:
            return "not burning"
        return f"burns {burn.long_rate:.0f} times as fast as {budget.TARGET:.1%} good outcomes allow, and still does"

    @display(description="Last 24 hours")
    def last_day(self, probe: Probe) -> str:
        """Hour by hour; what nearly all outcomes stayed below."""
        if probe.pk is None:
            return "–"
        return _chart(charts.hours_of_probes(probe_ids=[probe.pk], now=timezone.now())[probe.pk])

    @display(description="Last 90 days")
    def last_days(self, probe: Probe) -> str:
        if probe.pk is None:
            return "–"
        return _chart(charts.days_of_probes(probe_ids=[probe.pk], now=timezone.now())[probe.pk])

    @display(description="Last outcome")
    def last_outcome(self, probe: Probe) -> str:
        heard = [row.last_outcome_at for row in probe.schedules.all() if row.last_outcome_at]
        return f"{ago(max(heard))} ago" if heard else "never"


class ScheduleAdmin(NarrowSaves, DeskAdmin):
    """Which probe runs where. The interval and phase are the probe's; detection's memory is its own."""

    list_display = ["probe", "vantage", "interval", "says", "last_outcome", "enabled"]
    list_filter = ["vantage", "enabled"]
    list_select_related = ["probe", "vantage"]
    fields = ["probe", "vantage", "enabled"]

    def get_readonly_fields(self, request: HttpRequest, obj: ProbeSchedule | None = None) -> list[str]:
        return ["probe", "vantage"] if obj else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A probe runs at a vantage with an agent, or is pushed to us: then its schedule is made by itself."""
        if db_field.name == "vantage":
            kwargs["queryset"] = Vantage.objects.filter(is_passive=False)
        if db_field.name == "probe":
            kwargs["queryset"] = Probe.objects.exclude(kind__in=PASSIVE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ProbeSchedule, form: Any, change: bool) -> None:
        if obj.vantage.is_passive:
            super().save_model(request, obj, form, change)
            return
        obj.interval = obj.probe.interval
        obj.phase = scheduling.phase_of(obj.probe.code, obj.vantage.name, obj.interval)
        if not change:
            obj.next_slot = int(time.time())
        super().save_model(request, obj, form, change)

    def changed_fields(self, form: Any) -> list[str]:
        return [*super().changed_fields(form), "interval", "phase"]

    @display(description="Says")
    def says(self, row: ProbeSchedule) -> str:
        return status_word(row.confirmed) if row.confirmed else "nothing yet"

    @display(description="Last outcome")
    def last_outcome(self, row: ProbeSchedule) -> str:
        return f"{ago(row.last_outcome_at)} ago" if row.last_outcome_at else "never"


class VantageAdmin(NarrowSaves, DeskAdmin):
    """Where probes run from. `manage.py add_vantage` gives one its key; here it is named and switched off."""

    list_display = ["name", "label", "heard", "clock_says", "refusals", "enabled"]
    fields = ["name", "label", "enabled", "heard", "clock_says", "refusals"]
    readonly_fields = ["heard", "clock_says", "refusals"]

    def get_readonly_fields(self, request: HttpRequest, obj: Vantage | None = None) -> list[str]:
        return [*self.readonly_fields, "name"] if obj else list(self.readonly_fields)  # its queue and its agent go by it

    @display(description="Last heard of")
    def heard(self, vantage: Vantage) -> str:
        if vantage.is_passive:
            return "others push to it"
        if not vantage.public_key:
            return "has no key yet: manage.py add_vantage"
        if not vantage.last_heard_at:
            return "never"
        words = f"{ago(vantage.last_heard_at)} ago"
        return f"{words}: silent, not counted" if vantages.is_silent(vantage, timezone.now()) else words

    @display(description="Clock")
    def clock_says(self, vantage: Vantage) -> str:
        if vantage.skew_ms is None or vantage.skew_error_ms is None:
            return "–"
        if abs(vantage.skew_ms) <= max(vantage.skew_error_ms, skew.WORTH_TELLING_MS):
            return "right"
        seconds, way = abs(vantage.skew_ms) / 1000, "ahead" if vantage.skew_ms > 0 else "behind"
        return f"{seconds:.1f} s {way}, give or take {vantage.skew_error_ms / 1000:.1f} s"

    @display(description="Refused batches")
    def refusals(self, vantage: Vantage) -> str:
        if not vantage.refused or not vantage.refused_at:
            return "none"
        return f"{vantage.refused}, the last {ago(vantage.refused_at)} ago ({vantage.refused_because.replace('_', ' ')})"


class ResultAdmin(ReadOnlyAdmin):
    list_display = ["seen_at", "probe", "vantage", "status", "took", "evidence"]
    list_filter = ["status", "probe", "vantage"]
    list_select_related = ["probe", "vantage"]
    ordering = ["-id"]

    @display(description="When", ordering="id")
    def seen_at(self, result: Result) -> str:
        return moment(result.started_at)

    @display(description="Took")
    def took(self, result: Result) -> str:
        return _milliseconds(result)


def _chart(points: charts.Series) -> str:
    """The line of the 95th percentile, with the share of good outcomes and its highest value in words."""
    counts = charts.total(points)
    votes = sum(counts[status] for status in VOTES)
    if not votes:
        return "nothing yet"
    highest = max((point.p95_ms for point in points if point.p95_ms is not None), default=None)
    words = f"{counts['ok'] / votes:.2%} of {votes} outcomes ok"
    if highest is None:
        return words
    words += f"; 95 % took at most {highest:.0f} ms at the worst"
    return format_html("{} {}", sparkline([point.p95_ms for point in points], words), words)


def _milliseconds(result: Result) -> str:
    return "–" if result.total_us is None else f"{result.total_us / 1000:.0f} ms"
