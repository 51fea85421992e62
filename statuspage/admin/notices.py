"""Notices: texts signed in calm time. Unsigned ones are edited, signed ones are read; signing is a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents import languages, notices, signing
from incidents.languages import by_language
from incidents.models import Component, Notice
from incidents.sms_length import Length, measure, plain
from incidents.words import STATUS_WORDS, ComponentStatus
from statuspage.admin.base import DeskAdmin, person, require
from statuspage.admin.columns import display
from statuspage.templatetags.desk import moment, phase_word, status_word

TEXT = ["code", "phase", "component_status", "opens_for", "title", "body", "cadence_minutes"]
SLOTS = "Slots: {component}, {since}, {next}. There is none for a status word: write one notice for each state."


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Notice]
else:
    _ModelForm = forms.ModelForm


class NoticeForm(_ModelForm):
    opens_for = forms.MultipleChoiceField(
        choices=[
            (status.value, STATUS_WORDS[status])
            for status in ComponentStatus
            if status not in (ComponentStatus.UNKNOWN, ComponentStatus.OPERATIONAL, ComponentStatus.UNDER_MAINTENANCE)
        ],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="First notice when probes confirm",
    )

    class Meta:
        model = Notice
        fields = TEXT


class NoticeAdmin(DeskAdmin):
    form = NoticeForm
    list_display = ["code", "phase_of", "states", "cadence", "languages_of", "signature", "version", "used"]
    search_fields = ["code", "body"]
    readonly_fields = ["signature"]
    fieldsets = [
        ("Signature", {"fields": ["signature"]}),
        ("What it says", {"fields": ["title", "body"], "description": SLOTS}),
        ("When it is used", {"fields": ["code", "phase", "component_status", "opens_for", "cadence_minutes"]}),
    ]
    change_form_outer_before_template = "admin/desk/_notice_sign.html"

    @display(description="Phase")
    def phase_of(self, notice: Notice) -> str:
        return phase_word(notice.phase) if notice.phase else "keeps the phase"

    @display(description="States")
    def states(self, notice: Notice) -> str:
        return status_word(notice.component_status) if notice.component_status else "keeps what is shown"

    @display(description="Next update after")
    def cadence(self, notice: Notice) -> str:
        return f"{notice.cadence_minutes} min" if notice.cadence_minutes else "none"

    @display(description="Written in")
    def languages_of(self, notice: Notice) -> str:
        gaps = {*languages.missing(notice.title), *languages.missing(notice.body)}
        return ", ".join(code for code in languages.codes() if code not in gaps) or "none yet"

    @display(description="Signature")
    def signature(self, notice: Notice) -> str:
        if notice.pk is None or notice.signed_by is None:
            return "None yet: it cannot go out"
        if not notices.is_signed(notice):
            return "Changed after it was signed: it cannot go out"
        return f"Signed by {notice.signed_by}, {moment(notice.signed_at)}"

    @display(description="Version")
    def version(self, notice: Notice) -> str:
        last = notice.versions.all()[:1]
        return str(last[0].number) if last else "none yet"

    @display(description="Used")
    def used(self, notice: Notice) -> str:
        times = getattr(notice, "used_times", 0)
        return f"{times} time{'s' if times > 1 else ''}, last {moment(notice.used_last)}" if times else "never"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        public = Q(updates__publication="published", updates__signature_kind="notice")
        counted = (
            super()
            .get_queryset(request)
            .annotate(used_times=Count("updates", filter=public), used_last=Max("updates__published_at", filter=public))
        )
        found: QuerySet[Notice] = counted.select_related("signed_by").prefetch_related("versions")
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who may not change it reads it in every language; signed words nobody changes."""
        notice = get_object_or_404(Notice, pk=object_id)
        if self.has_change_permission(request, notice):
            return super().change_view(request, object_id, form_url, extra_context)
        require(request, "incidents.change_notice" if request.method == "POST" else "incidents.view_notice")
        if request.method == "POST":
            raise PermissionDenied
        return self.page(
            request,
            "notice.html",
            title=f"Notice “{notice.code}”",
            notice=notice,
            signature=self.signature(notice),
            versions=list(notice.versions.select_related("signed_by", "withdrawn_by")),
            updates=notice.updates.published().select_related("incident")[:10],
            **rehearsal(notice, request),
            may_sign=person(request).has_perm("incidents.sign_incidentupdate") and not notices.is_signed(notice),
            may_withdraw=person(request).has_perm("incidents.sign_incidentupdate") and notices.is_signed(notice),
        )

    def has_change_permission(self, request: HttpRequest, obj: Notice | None = None) -> bool:
        """Signed words are read-only."""
        return super().has_change_permission(request, obj) and not (obj is not None and notices.is_signed(obj))

    def get_urls(self) -> list[URLPattern]:
        sign, withdraw = self.admin_site.admin_view(self.sign_view), self.admin_site.admin_view(self.withdraw_view)
        return [
            path("<int:notice_id>/sign/", sign, name="incidents_notice_sign"),
            path("<int:notice_id>/withdraw/", withdraw, name="incidents_notice_withdraw"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        notice = kwargs.get("obj")
        may = person(request).has_perm("incidents.sign_incidentupdate")
        context["may_sign_notice"] = may and notice is not None and not notices.is_signed(notice)
        return super().render_change_form(request, context, *args, **kwargs)

    def sign_view(self, request: HttpRequest, notice_id: int) -> HttpResponse:
        """Both languages to read, and one button. Whoever wrote the notice cannot sign it."""
        signer = require(request, "incidents.sign_incidentupdate")
        notice = get_object_or_404(Notice, pk=notice_id)
        refusal = signing.notice_refusal(notice=notice, signer=signer)
        if request.method == "POST":
            try:
                signing.sign_notice(notice=notice, signer=signer, now=timezone.now(), seen_hash=request.POST.get("seen_hash", ""))
            except signing.SigningRefused as refused:
                refusal = str(refused)
            else:
                messages.success(request, f"“{notice.code}” is signed. It may go out untouched without anyone else.")
                return redirect(reverse("admin:incidents_notice_change", args=[notice.pk]))
        return self.page(
            request,
            "sign_notice.html",
            status=403 if request.method == "POST" else 200,
            title=f"Sign notice “{notice.code}”",
            notice=notice,
            refusal=refusal,
            **rehearsal(notice, request),
            seen_hash=notices.notice_hash(notice),
        )

    def withdraw_view(self, request: HttpRequest, notice_id: int) -> HttpResponse:
        """A typo in signed words: take the signature back, mend them, have them signed anew."""
        actor = require(request, "incidents.sign_incidentupdate")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        notice = signing.withdraw_notice(notice=get_object_or_404(Notice, pk=notice_id), actor=actor, now=timezone.now())
        messages.warning(request, f"“{notice.code}” is not signed any more: it cannot go out until it is signed anew.")
        return redirect(reverse("admin:incidents_notice_change", args=[notice.pk]))


def rehearsal(notice: Notice, request: HttpRequest) -> dict[str, Any]:
    """The words with their slots filled, as if they went out now about one service: ?service= names it, else the first one."""
    now = timezone.now()
    services = list(Component.objects.published())
    chosen = next((one for one in services if one.code == request.GET.get("service")), services[0] if services else None)
    if chosen is None:
        return {"services": [], "rehearsed": []}

    def filled(texts: Any) -> dict[str, str]:
        next_by = notices.promise(notice, now)
        return notices.fill(texts=by_language(texts), component=chosen, since=now, next_by=next_by, now=now)

    title, body = filled(notice.title), filled(notice.body)
    rows: list[tuple[str, str, str, Length]] = [(code, title[code], body[code], measure(plain(body[code]))) for code in body]
    return {"services": services, "chosen": chosen, "rehearsed": rows, "slot_problem": notices.slot_problem(notice)}
