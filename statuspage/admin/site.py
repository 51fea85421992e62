"""The desk's site: every model registered by name, one frame, one content security policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.account.utils import get_next_redirect_url
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone

from incidents import rights
from incidents.models import (
    Announcement,
    AuditEvent,
    Claim,
    Component,
    ComponentGroup,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Notice,
    Rebuttal,
    RecordEntry,
    Redress,
    Review,
    ScheduledMaintenance,
    Statement,
    Withdrawal,
)
from probes.models import Probe, ProbeSchedule, Result, Vantage
from statuspage import accounts, freezing
from statuspage.admin import (
    after,
    announcements,
    claims,
    components,
    composer,
    dashboard,
    duty,
    freeze,
    imported,
    incidents,
    looking_up,
    navigation,
    notices,
    planned_work,
    probes,
    push,
    rebuttals,
    record,
    reviews,
    set_times,
    shown,
    signing_page,
    small_documents,
    statements,
    subscribers,
    text_packs,
    tokens,
    translating,
    trials,
    updates,
    users,
)
from statuspage.admin.views import DeskView
from statuspage.models import DutyShift, StaffAlert, Token
from subscribers.models import Delivery, Notification, Subscriber

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as _Site
else:
    from unfold.sites import UnfoldAdminSite as _Site

# Alpine, which the theme is built on, evaluates its attributes; no inline script runs.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


# The desk's own full pages: (address below /admin/, its name, the page).
_UPDATE = "incidents/incidentupdate/<int:update_id>"
_TELLING = "subscribers/notification/<int:pk>"
PAGES: tuple[tuple[str, str, type[DeskView]], ...] = (
    ("incidents/incident/<int:incident_id>/data-and-funds/", "statement_ladder", statements.LadderPage),
    ("incidents/incidentupdate/<int:update_id>/text-pack/", "text_pack", text_packs.TextPack),
    ("incidents/incidentupdate/<int:update_id>/poster/", "update_poster", text_packs.Poster),
    ("incidents/imported/", "imported_sign", imported.ImportedView),
    ("push/", "push", push.PushView),
    ("subscribers/subscriber/look-up/", "subscriber_look_up", looking_up.LookUpView),
    ("text-packs/", "text_packs", text_packs.PackList),
    (f"{_UPDATE}/change/", "incidents_incidentupdate_change", composer.ComposerView),
    (f"{_UPDATE}/keep/", "incidents_incidentupdate_keep", composer.KeepView),
    (f"{_UPDATE}/forget/", "incidents_incidentupdate_forget", composer.ForgetView),
    (f"{_UPDATE}/publish/", "incidents_incidentupdate_publish", composer.PublishView),
    (f"{_UPDATE}/ask/", "incidents_incidentupdate_ask", composer.AskView),
    (f"{_UPDATE}/discard/", "incidents_incidentupdate_discard", composer.DiscardView),
    (f"{_UPDATE}/translate/", "incidents_incidentupdate_translate", translating.TranslateView),
    (f"{_UPDATE}/trial/", "incidents_incidentupdate_trial", trials.TrialView),
    (f"{_UPDATE}/time/", "incidents_incidentupdate_time", set_times.TimeView),
    (f"{_UPDATE}/sign/", "incidents_incidentupdate_sign", signing_page.SignView),
    (f"{_UPDATE}/send-back/", "incidents_incidentupdate_send-back", signing_page.SendBackView),
    (f"{_UPDATE}/after/", "incidents_incidentupdate_after", after.AfterView),
    (f"{_UPDATE}/stop/", "incidents_incidentupdate_stop", after.StopView),
    (f"{_UPDATE}/resend/", "incidents_incidentupdate_resend", after.ResendView),
    (f"{_TELLING}/change/", "subscribers_notification_change", after.TellingView),
    (f"{_TELLING}/stop/", "subscribers_notification_stop", after.StopView),
    (f"{_TELLING}/resend/", "subscribers_notification_resend", after.ResendView),
)


class DeskSite(_Site):
    """unfold's site inside our frame."""

    index_title = "Dashboard"
    index_template = "admin/desk/dashboard.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**dashboard.context(request, timezone.now()), **(extra_context or {})})

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [path(route, self.admin_view(page.as_view(site=self)), name=name) for route, name, page in PAGES]
        freeze_view = self.admin_view(lambda request: freeze.view(request, self))
        return [*own, path("freeze/", freeze_view, name="freeze"), *super().get_urls()]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            _without_nul(request)
            try:
                return _guarded(inner(request, *args, **kwargs))
            except PermissionDenied:
                return _guarded(self._forbidden(request))

        return guarded

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """None: our menu is not made from it, and to look every model's rights up twice a page costs what a list does. The
        theme's search asks its own."""
        return []

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return navigation.menu(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return HttpResponseRedirect(reverse("account_change_password"))  # where it is mailed to its owner, and logged

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """allauth's page signs people in, with their second factor; nobody gets past it by posting here."""
        if isinstance(request.user, User):
            if self.has_permission(request):
                return HttpResponseRedirect(reverse("admin:index"))
            return TemplateResponse(request, "account/no_desk.html", status=403)
        target = get_next_redirect_url(request) or request.get_full_path()
        return redirect_to_login(reverse("admin:index") if target.startswith(reverse("admin:login")) else target)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        accounts.log_sign_out(request)
        return super().logout(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The frame: what customers see now and what time it is stand on every page."""
        context = super().each_context(request)
        if self.has_permission(request):
            now = timezone.now()
            context["shown"] = shown.shown(now)
            context["desk_now"] = now
            context["desk_zone"] = settings.TIME_ZONE
            context["desk_mark"] = settings.MARK
            context["is_demo"] = settings.DEMO
            context["is_exercise"] = settings.EXERCISE
            context["freeze"] = freezing.current()
            context["may_freeze"] = request.user.has_perm(rights.FREEZE)
            context["here"] = navigation.here(request)
        return context

    def _forbidden(self, request: HttpRequest) -> HttpResponse:
        """A page that says so, in the frame; never a bare 403."""
        context = {**self.each_context(request), "title": "Your role may not do this"}
        return TemplateResponse(request, "admin/desk/forbidden.html", context, status=403)


def _without_nul(request: HttpRequest) -> None:
    """A NUL is no letter, and PostgreSQL keeps none: it is left out of what was posted, which is not refused for it."""
    if request.method == "POST" and any("\0" in text for _, texts in request.POST.lists() for text in texts):
        posted = request.POST.copy()
        for name, texts in request.POST.lists():
            posted.setlist(name, [text.replace("\0", "") for text in texts])
        request.POST = posted  # type: ignore[assignment]


def _guarded(answer: HttpResponseBase) -> HttpResponseBase:
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    return answer


desk = DeskSite(name="admin")

_REGISTERED: dict[type[Any], type[admin.ModelAdmin[Any]]] = {
    Incident: incidents.IncidentAdmin,
    IncidentUpdate: updates.UpdateAdmin,
    Notice: notices.NoticeAdmin,
    Announcement: announcements.AnnouncementAdmin,
    Correction: small_documents.CorrectionAdmin,
    Redress: small_documents.RedressAdmin,
    Withdrawal: small_documents.WithdrawalAdmin,
    ScheduledMaintenance: planned_work.WindowAdmin,
    MaintenanceUpdate: planned_work.WordAdmin,
    Review: reviews.ReviewAdmin,
    Claim: claims.ClaimAdmin,
    Rebuttal: rebuttals.RebuttalAdmin,
    Statement: statements.StatementAdmin,
    Component: components.ComponentAdmin,
    ComponentGroup: components.GroupAdmin,
    Probe: probes.ProbeAdmin,
    ProbeSchedule: probes.ScheduleAdmin,
    Result: probes.ResultAdmin,
    Vantage: probes.VantageAdmin,
    Subscriber: subscribers.SubscriberAdmin,
    Notification: subscribers.NotificationAdmin,
    Delivery: subscribers.DeliveryAdmin,
    RecordEntry: record.EntryAdmin,
    AuditEvent: record.AuditAdmin,
    DutyShift: duty.ShiftAdmin,
    StaffAlert: duty.AlertAdmin,
    Token: tokens.TokenAdmin,
    User: users.PersonAdmin,
    Group: users.RoleAdmin,
}
for _model, _admin in _REGISTERED.items():
    desk.register(_model, _admin)
