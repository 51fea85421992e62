"""Services and their groups. What a service shows comes from probes and from published updates, so no state is edited here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest
from django.utils.safestring import SafeString

from incidents import components
from incidents.models import Component, ComponentGroup, StatusChange
from statuspage.admin.base import DeskAdmin, NarrowSaves, ReadOnlyRows
from statuspage.admin.columns import display, state_cell
from statuspage.templatetags.desk import first_text, moment, status_word, texts

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[ComponentGroup]
else:
    _ModelForm = forms.ModelForm

SOURCES = {
    "incident": "a published update",
    "maintenance": "planned work",
    "override": "a person's override",
    "probes": "probes",
    "silence": "silent probes",
    "stated": "our staff",
}


class ChangeRows(ReadOnlyRows):
    model = StatusChange
    verbose_name_plural = "Changes of its public state"
    readonly_fields = ("moment_of", "was", "became", "said_by")
    fields = readonly_fields
    ordering = ["-record_seq"]
    per_page = 20

    @display(description="When")
    def moment_of(self, change: StatusChange) -> str:
        return moment(change.at)

    @display(description="Was")
    def was(self, change: StatusChange) -> str:
        return status_word(change.old_status)

    @display(description="Became")
    def became(self, change: StatusChange) -> SafeString:
        return state_cell(change.new_status)

    @display(description="Said by")
    def said_by(self, change: StatusChange) -> str:
        return SOURCES[change.source]


class ComponentAdmin(NarrowSaves, DeskAdmin):
    list_display = ["service", "group", "shown", "said_by", "observed", "code", "enabled"]
    list_filter = ["group", "status", "enabled"]
    search_fields = ["code", "name"]
    list_select_related = ["group"]
    inlines = [ChangeRows]
    readonly_fields = ["shown", "said_by", "since", "observed", "words"]
    fieldsets = [
        ("What customers see", {"fields": ["shown", "said_by", "since", "observed"]}),
        ("Its words", {"fields": ["name", "description"]}),
        ("Its place", {"fields": ["code", "group", "position", "enabled"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Component | None = None) -> list[str]:
        return [*self.readonly_fields, "code"] if obj else list(self.readonly_fields)  # codes stand in scripts

    def get_fieldsets(self, request: HttpRequest, obj: Component | None = None) -> Any:
        """Who only reads sees each language; the theme would show the first alone."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [(title, {"fields": ["words"]} if title == "Its words" else shown) for title, shown in self.fieldsets]

    @display(description="Its names")
    def words(self, component: Component) -> str:
        return "; ".join(f"{language}: {text}" for _, language, text in texts(component.name))

    @display(description="Service", ordering="position")
    def service(self, component: Component) -> str:
        return first_text(component.name)

    @display(description="Shows", ordering="status")
    def shown(self, component: Component) -> SafeString:
        return state_cell(component.status)

    @display(description="Said by")
    def said_by(self, component: Component) -> str:
        return SOURCES[component.status_source]

    @display(description="Since")
    def since(self, component: Component) -> str:
        return moment(component.status_since) or "the beginning"

    @display(description="Probes say")
    def observed(self, component: Component) -> str:
        return status_word(component.observed_status)


class GroupForm(_ModelForm):
    def clean_parent(self) -> ComponentGroup | None:
        parent: ComponentGroup | None = self.cleaned_data["parent"]
        if problem := components.level_problem(self.instance, parent):
            raise forms.ValidationError(problem)
        return parent


class GroupAdmin(DeskAdmin):
    form = GroupForm
    list_display = ["group", "code", "position"]
    search_fields = ["code", "name"]

    @display(description="Group")
    def group(self, group: ComponentGroup) -> str:
        return first_text(group.name)
