"""What every part of the desk builds on: lists that nobody deletes from, permission doors, the page frame's context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import DateTimeField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html_join
from i18nfield.fields import I18nCharField, I18nTextField
from i18nfield.forms import I18nTextarea, I18nTextInput
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from incidents import audit
from incidents.models import AuditEvent
from statuspage.admin import changes, navigation

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _TabularInline = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.admin import TabularInline as _TabularInline


HISTORY_AT_MOST = 200


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
        return format_html_join("", '<label class="d-i18n"><span>{}</span>{}</label>', zip(names, rendered_widgets, strict=True))


class LanguageInput(_Named, I18nTextInput):  # type: ignore[misc]
    widget = UnfoldAdminTextInputWidget


class LanguageTextarea(_Named, I18nTextarea):  # type: ignore[misc]
    widget = UnfoldAdminTextareaWidget


class DeskAdmin(_ModelAdmin):
    """A list of the desk. Nothing is deleted here and nothing is done to many rows at once."""

    actions: Sequence[str] | None = None
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = False
    formfield_overrides = {I18nCharField: {"widget": LanguageInput}, I18nTextField: {"widget": LanguageTextarea}}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A time says on which clock it is given."""
        if isinstance(db_field, DateTimeField) and not db_field.help_text:
            kwargs.setdefault("help_text", f"{timezone.localtime():%Z}, on 24 hours")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list's title is its line in the menu."""
        line = navigation.here(request)
        return super().changelist_view(request, {**({"title": line["title"]} if line else {}), **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    # --- The log --------------------------------------------------------------------------------

    def audited_as(self, obj: Any) -> str:
        """By which name the log knows a row."""
        return str(getattr(obj, "public_id", None) or getattr(obj, "code", None) or obj)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What the form changed, as {field: {before, after}}, for `log_addition` and `log_change`."""
        return {"fields": changes.of_form(form)}

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        self.audit(request, "add", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        if not isinstance(message, dict) or message["fields"]:
            self.audit(request, "edit", obj, message)

    def audit(self, request: HttpRequest, act: str, obj: Any, message: Any) -> None:
        """One line of what a form of a list did; acts of operations write their own."""
        details = message["fields"] if isinstance(message, dict) else {"what": str(message)}
        audit.log(
            act=f"{obj._meta.model_name}.{act}",
            actor=person(request),
            now=timezone.now(),
            target=self.audited_as(obj),
            details=details,
        )

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What was done to one row, from the log; for whoever may read the log or the row."""
        obj, reads_log = self.get_object(request, object_id), person(request).has_perm("incidents.view_auditevent")
        if obj is None or not (reads_log or self.has_view_permission(request, obj)):
            raise PermissionDenied
        name = self.audited_as(obj)
        events = [changes.told(event) for event in AuditEvent.objects.filter(target=name)[:HISTORY_AT_MOST]]
        return self.page(request, "history.html", title=f"History of {name}", events=events, reads_log=reads_log)

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
