"""Tokens of the write API at the desk: made by page admins for an owner, who alone takes the secret, once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents.models import Component
from statuspage import tokens
from statuspage.admin.base import ReadOnlyAdmin, person, require
from statuspage.admin.columns import display
from statuspage.admin.forms import BoxedForm, RowsField
from statuspage.models import Token
from statuspage.templatetags.desk import moment

if TYPE_CHECKING:
    _Owner = forms.ModelChoiceField[User]
else:
    _Owner = forms.ModelChoiceField

MAKE, CHANGE = "statuspage.add_token", "statuspage.change_token"


class TokenForm(BoxedForm):
    name = forms.SlugField(label="Name", max_length=60, help_text="By what uses it: nightly-books.")
    owner = _Owner(
        label="Owner",
        queryset=User.objects.filter(is_active=True, is_staff=True).order_by("username"),
        help_text="Who answers for what it writes, and cannot sign it. They take the secret.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it is for", choices=[(scope, scope) for scope in tokens.SCOPES], widget=forms.CheckboxSelectMultiple
    )
    components = RowsField(
        label="Services it speaks of", queryset=Component.objects.all(), required=False, help_text="None: all of them."
    )
    days = forms.IntegerField(label="Days until it ends", min_value=1, max_value=tokens.LONGEST.days, initial=90)


class TokenAdmin(ReadOnlyAdmin):
    list_display = ["name", "who", "scopes_of", "services", "used", "state"]
    search_fields = ["name"]
    list_select_related = ["owner"]
    readonly_fields = ("name", "who", "scopes_of", "services", "made", "ends", "used", "state")
    fields = readonly_fields
    change_form_outer_before_template = "admin/desk/_token_acts.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).has_perm(MAKE)

    def get_urls(self) -> list[URLPattern]:
        acts = {"take": self.take_view, "revoke": self.revoke_view}
        own = [
            path(f"<int:token_id>/{act}/", self.admin_site.admin_view(view), name=f"statuspage_token_{act}")
            for act, view in acts.items()
        ]
        return [*own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        token, actor = kwargs.get("obj"), person(request)
        if token:
            goes_on = token.revoked_at is None and token.expires_at > timezone.now()
            context["may_take"] = goes_on and token.owner_id == actor.pk and not token.secret_hash
            context["may_revoke"] = goes_on and (token.owner_id == actor.pk or actor.has_perm(CHANGE))
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Acts -----------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor, now = require(request, MAKE), timezone.now()
        form = TokenForm(request.POST or None, initial={"owner": actor.pk})
        if request.method == "POST" and form.is_valid():
            given = dict(form.cleaned_data)
            ends = now + timedelta(days=given.pop("days"))
            try:
                made = tokens.make(**given, expires_at=ends, actor=actor, now=now)
            except tokens.TokenRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                if made.owner_id != actor.pk:
                    messages.success(request, f"{made.owner} takes its secret on this page; nobody else can.")
                return redirect(_page(made))
        return self.page(request, "token_new.html", status=422 if form.errors else 200, title="Make a token", form=form)

    def take_view(self, request: HttpRequest, token_id: int) -> HttpResponse:
        actor = person(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        token = get_object_or_404(Token, pk=token_id)
        try:
            secret = tokens.take(token=token, actor=actor, now=timezone.now())
        except tokens.TokenRefused as refusal:
            messages.error(request, str(refusal))
            return redirect(_page(token))
        return self.page(request, "token_secret.html", title=f"The secret of {token}", token=token, secret=secret)

    def revoke_view(self, request: HttpRequest, token_id: int) -> HttpResponse:
        token, actor = get_object_or_404(Token, pk=token_id), person(request)
        if token.owner_id != actor.pk:
            require(request, CHANGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        tokens.revoke(token=token, actor=actor, now=timezone.now())
        messages.success(request, "Revoked. It is refused from now on.")
        return redirect(_page(token))

    # --- Columns --------------------------------------------------------------------------------

    @display(description="Owner", ordering="owner__username")
    def who(self, token: Token) -> str:
        return token.owner.get_full_name() or token.owner.get_username()

    @display(description="For")
    def scopes_of(self, token: Token) -> str:
        return ", ".join(token.scopes)

    @display(description="Services")
    def services(self, token: Token) -> str:
        return ", ".join(token.components.values_list("code", flat=True)) or "all"

    @display(description="Made")
    def made(self, token: Token) -> str:
        return f"{moment(token.made_at)} by {token.made_by or 'the command line'}"

    @display(description="Ends")
    def ends(self, token: Token) -> str:
        return moment(token.expires_at)

    @display(description="Last used", ordering="last_used_at")
    def used(self, token: Token) -> str:
        return moment(token.last_used_at) or "never"

    @display(description="State")
    def state(self, token: Token) -> str:
        if token.revoked_at:
            return f"revoked {moment(token.revoked_at)} by {token.revoked_by or 'the command line'}"
        if token.expires_at <= timezone.now():
            return f"ended {moment(token.expires_at)}"
        return f"holds until {moment(token.expires_at)}" if token.secret_hash else "its owner has not taken the secret yet"


def _page(token: Token) -> str:
    return reverse("admin:statuspage_token_change", args=[token.pk])
