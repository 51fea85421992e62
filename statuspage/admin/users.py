"""People of the desk and their roles: invited by mail, never deleted. What a role may do comes from statuspage.roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.admin import GroupAdmin as _GroupAdmin
from django.contrib.auth.admin import UserAdmin as _UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from statuspage import inviting, roles
from statuspage.admin.base import DeskAdmin, ReadOnlyAdmin, person, require
from statuspage.admin.columns import display
from statuspage.admin.forms import BoxedForm, RowsField
from statuspage.models import RoleGrant
from statuspage.templatetags.desk import moment

if TYPE_CHECKING:
    _BaseUserAdmin = _UserAdmin[User]
else:
    _BaseUserAdmin = _UserAdmin

INVITE, CHANGE = "auth.add_user", "auth.change_user"


class InvitationForm(BoxedForm):
    username = forms.CharField(label="Name to sign in with", max_length=150, validators=[User.username_validator])
    email = forms.EmailField(label="Email")
    first_name = forms.CharField(label="First name", max_length=150, required=False)
    last_name = forms.CharField(label="Last name", max_length=150, required=False)
    groups = RowsField(label="Roles", queryset=Group.objects.filter(name__in=roles.ROLES), widget=forms.CheckboxSelectMultiple)


class PersonForm(UserChangeForm):  # type: ignore[misc]
    """Who changes it is known, so that nobody gives roles to themselves."""

    actor: User
    waiting: list[Group]  # roles that a second person gives

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        problem = inviting.role_problem(person=self.instance, wanted=given.get("groups") or [], actor=self.actor)
        if problem:
            self.add_error("groups", problem)
        wanted = list(given.get("groups") or [])
        held = set(self.instance.groups.all()) if self.instance.pk else set()
        self.waiting = [group for group in wanted if group.name in inviting.NEEDS_TWO and group not in held]
        given["groups"] = [group for group in wanted if group not in self.waiting]
        return given


class PersonAdmin(_BaseUserAdmin, DeskAdmin):
    """Nobody is deleted: the record and the log name them. Someone who left becomes inactive."""

    form = PersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "full_name", "roles", "is_active", "seen"]
    list_filter = ["is_active", "groups"]
    change_form_outer_before_template = "admin/desk/_person_acts.html"

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Roles are few: a box each. Django's two lists do not pass a screen reader."""
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only superusers make superusers."""
        rights = ["is_active", "is_staff", *(["is_superuser"] if person(request).is_superuser else []), "groups"]
        return [
            ("Person", {"fields": ["username", "first_name", "last_name", "email"]}),
            ("What they may do", {"fields": rights}),
        ]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change=change, **kwargs)
        return type(made.__name__, (made,), {"actor": person(request)})

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Superusers are changed by superusers."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or not obj.is_superuser or person(request).is_superuser)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Nobody sets another's password but a superuser: a new link is sent instead."""
        if not person(request).is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.waiting:
            inviting.ask_roles(person=form.instance, groups=form.waiting, actor=person(request), now=timezone.now())
            names = ", ".join(group.name for group in form.waiting)
            messages.warning(request, f"{names}: another user admin must give it. It waits on this page.")

    def give_role_view(self, request: HttpRequest, grant_id: int) -> HttpResponse:
        actor = require(request, CHANGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        grant = get_object_or_404(RoleGrant, pk=grant_id)
        try:
            inviting.give_role(grant=grant, actor=actor, now=timezone.now())
        except inviting.InvitationRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"{grant.person} is {grant.group} now.")
        return redirect(reverse("admin:auth_user_change", args=[grant.person_id]))

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Callable[..., HttpResponse]] = {
            "invite-again": self.invite_again_view,
            "end-sessions": self.end_sessions_view,
            "reset-factors": self.reset_factors_view,
        }
        own = [
            path(f"<int:user_id>/{act}/", self.admin_site.admin_view(view), name=f"auth_user_{act.replace('-', '_')}")
            for act, view in acts.items()
        ]
        give = path("roles/<int:grant_id>/give/", self.admin_site.admin_view(self.give_role_view), name="auth_user_give_role")
        return [give, *own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        context["may_act"] = self.has_change_permission(request, obj)
        context["grants"] = inviting.waiting_roles(obj) if obj else []
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Acts -----------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = require(request, INVITE)
        form = InvitationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            problem = inviting.role_problem(person=User(), wanted=given["groups"], actor=actor)
            try:
                if problem:
                    raise inviting.InvitationRefused(problem)
                made = inviting.invite(
                    username=given["username"],
                    email=given["email"],
                    name=(given["first_name"], given["last_name"]),
                    groups=given["groups"],
                    actor=actor,
                    now=timezone.now(),
                )
            except inviting.InvitationRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"{made.email} has a mail with a link that holds for three days.")
                return redirect(reverse("admin:auth_user_change", args=[made.pk]))
        return self.page(request, "invite.html", status=422 if form.errors else 200, title="Invite a person", form=form)

    def invite_again_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return self._act(request, user_id, INVITE, "A new link is on its way.", inviting.invite_again)

    def end_sessions_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return self._act(request, user_id, CHANGE, "They are signed out everywhere.", inviting.end_sessions)

    def reset_factors_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return self._act(request, user_id, CHANGE, "Their second factors are gone: they enrol anew.", inviting.reset_factors)

    def _act(
        self, request: HttpRequest, user_id: int, permission: str, done: str, operation: Callable[..., object]
    ) -> HttpResponse:
        actor = require(request, permission)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        user = get_object_or_404(User, pk=user_id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        try:
            operation(person=user, actor=actor, now=timezone.now())
        except inviting.InvitationRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, done)
        return redirect(reverse("admin:auth_user_change", args=[user.pk]))

    # --- Columns --------------------------------------------------------------------------------

    @display(description="Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @display(description="Roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or ("all" if user.is_superuser else "none")

    @display(description="Last sign-in", ordering="last_login")
    def seen(self, user: User) -> str:
        return moment(user.last_login) or "never"


class RoleAdmin(ReadOnlyAdmin, _GroupAdmin):
    list_display = ["name", "people"]

    @display(description="People")
    def people(self, group: Group) -> str:
        return ", ".join(User.objects.filter(groups=group).values_list("username", flat=True)) or "nobody"
