"""What every part of the desk builds on: lists that nobody deletes from, permission doors, the page frame's context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from i18nfield.fields import I18nCharField, I18nTextField
from i18nfield.forms import I18nTextarea, I18nTextInput
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from statuspage.admin import navigation

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _TabularInline = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.admin import TabularInline as _TabularInline


def person(request: HttpRequest) -> User:
    """Who is at the desk; the site lets only signed-in staff through."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def require(request: HttpRequest, permission: str) -> User:
    """The person, who must hold the permission."""
    user = person(request)
    if not user.has_perm(permission):
        raise PermissionDenied
    return user


def require_any(request: HttpRequest, *permissions: str) -> User:
    """The person, who must hold one of them."""
    user = person(request)
    return require(request, next((one for one in permissions if user.has_perm(one)), permissions[0]))


class _Named:
    """Each language's field under its name: a title attribute alone is not seen."""

    def format_output(self, rendered_widgets: list[str], id_: str) -> str:
        names = [name for _, name in settings.LANGUAGES]
        return format_html_join("", '<div class="d-i18n"><span>{}</span>{}</div>', zip(names, rendered_widgets, strict=True))


class LanguageInput(_Named, I18nTextInput):  # type: ignore[misc]
    widget = UnfoldAdminTextInputWidget


class LanguageTextarea(_Named, I18nTextarea):  # type: ignore[misc]
    widget = UnfoldAdminTextareaWidget


class DeskAdmin(_ModelAdmin):
    """A list of the desk. Nothing is deleted here and nothing is done to many rows at once."""

    actions = None
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = False
    formfield_overrides = {I18nCharField: {"widget": LanguageInput}, I18nTextField: {"widget": LanguageTextarea}}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list's title is its line in the menu."""
        line = navigation.here(request)
        return super().changelist_view(request, {**({"title": line["title"]} if line else {}), **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def page(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        """One of the desk's own pages, inside the frame."""
        frame = {**self.admin_site.each_context(request), "model_admin": self}
        return TemplateResponse(request, f"admin/desk/{template}", {**frame, **context}, status=status)


class NarrowSaves:
    """For rows that machines write too: the form saves what the person changed, and no state that moved on meanwhile."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=[name for name in self.changed_fields(form) if name in columns])
        else:
            obj.save()

    def changed_fields(self, form: Any) -> list[str]:
        return list(form.changed_data)


class ReadOnlyAdmin(DeskAdmin):
    """Rows that only machines or operations write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyRows(_TabularInline):
    """The rows that belong to one: seen, not edited."""

    extra = 0
    can_delete = False
    show_change_link = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
