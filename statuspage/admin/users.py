"""People of the desk and their roles. What a role may do comes from statuspage.roles, so it is only read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.admin import GroupAdmin as _GroupAdmin
from django.contrib.auth.admin import UserAdmin as _UserAdmin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from statuspage.admin.base import DeskAdmin, ReadOnlyAdmin
from statuspage.admin.columns import display
from statuspage.templatetags.desk import moment

if TYPE_CHECKING:
    _BaseUserAdmin = _UserAdmin[User]
else:
    _BaseUserAdmin = _UserAdmin


class PersonAdmin(_BaseUserAdmin, DeskAdmin):
    """Nobody is deleted: the record and the log name them. Someone who left becomes inactive."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "full_name", "roles", "is_active", "seen"]
    list_filter = ["is_active", "groups"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("What they may do", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
    ]
    filter_horizontal = ["groups"]

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
