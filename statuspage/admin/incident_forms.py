"""Forms of an incident's own acts: its times, its impact, a past incident, what is owed to a supervisor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from incidents import times
from incidents.models import Component, Incident
from incidents.words import DetectedBy, Impact
from statuspage.admin.document_forms import When, Words, WordsForm, box, choice, incident_field, line, text, yes_no
from statuspage.admin.forms import TROUBLE

TIMES = (
    ("started_at", "Began (public)"),
    ("identified_at", "Cause found (public)"),
    ("mitigated_at", "Noticed no more (public)"),
    ("resolved_at", "Over (public)"),
    ("detected_at", "Detected"),
    ("aware_at", "A person of ours knew"),
    ("executive_informed_at", "Executives were told"),
    ("classified_major_at", "Classified as major"),
    ("first_public_update_at", "First public word (public)"),
    ("review_published_at", "Review published (public)"),
)
IMPACT_WORDS = {"none": "None", "minor": "Minor", "major": "Major", "critical": "Critical"}
DETECTED_WORDS = {"probe": "A probe", "staff": "Our staff", "public": "Customers", "partner": "A partner"}


class NoteForm(forms.Form):
    text = text("What colleagues should know", required=True, most=4000)


class TimeForm(WordsForm):
    whens = (When("value", "When"),)
    field = choice("Which time", TIMES)
    reason = line("Why it is changed", required=True, most=400)

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        goes_back = given.get("field") in times.RECORDED
        if not goes_back and not self.errors and self.moment("value") is None:
            self.add_error("value_day", "Give the day and the time.")
        return given


class ImpactForm(forms.Form):
    impact = choice("Impact", [("", "as computed"), *((one.value, IMPACT_WORDS[one]) for one in Impact)], required=False)
    reason = line("Why it is set", required=True, most=400)


class DetectedForm(forms.Form):
    value = choice("Who saw it first", [(one.value, DETECTED_WORDS[one]) for one in DetectedBy])
    reason = line("Why it is changed", required=True, most=400)


class MergeForm(forms.Form):
    """Into another public and open incident."""

    def __init__(self, data: Any = None, *, incident: Incident) -> None:
        super().__init__(data)
        others = Incident.objects.published().unresolved().exclude(pk=incident.pk)
        self.fields["into"] = incident_field("The incident that goes on", others)


class LinkForm(forms.Form):
    """To an earlier incident, by what stands in its page's address: there may be thousands."""

    earlier = line("The earlier one: its id, or the address of its page", required=True)
    reason = line("Why it is the same trouble", required=True, most=400)

    def clean_earlier(self) -> Incident:
        written = self.cleaned_data["earlier"].strip().rstrip("/").rpartition("/")[2]
        found = Incident.objects.published().filter(public_id=written).first()
        if found is None:
            raise forms.ValidationError("No public incident has this id or address: copy it from its page.")
        return found


class UnlinkForm(forms.Form):
    reason = line("Why it is not the same trouble", required=True, most=400)


class WithdrawForm(forms.Form):
    reason = line("Why it should not have been", required=True, most=400)


class FiledForm(WordsForm):
    whens = (When("filed_at", "Handed in", required=True),)
    reference = line("Their receipt: a number, a name, a link")
    text = text("What was handed in", rows=8, most=20000)


class BackfillForm(WordsForm):
    """An incident that was over before anybody wrote it down: its start and its end are asked for."""

    words = (Words("name", "Headline", rows=1, most=250), Words("body", "What happened", rows=5))
    whens = (When("started_at", "Began", required=True), When("ended_at", "Was over", required=True))
    deliver_notifications = yes_no("Tell subscribers", help_text="Off: it is over, and nobody needs to act.")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.components = list(Component.objects.published())
        for component in self.components:
            self.fields[f"state_{component.code}"] = forms.ChoiceField(
                choices=[("", "not hit"), *TROUBLE], required=False, label=str(component.name), widget=forms.Select(attrs=box())
            )

    def states(self) -> list[forms.BoundField]:
        return [self[f"state_{component.code}"] for component in self.components]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if not any(given.get(f"state_{component.code}") for component in self.components):
            self.add_error(None, "Name at least one service, and the worst it was.")
        return given

    def affected(self) -> dict[Component, str]:
        states = {component: self.cleaned_data[f"state_{component.code}"] for component in self.components}
        return {component: status for component, status in states.items() if status}

    def span(self) -> tuple[datetime, datetime]:
        return self.moment_given("started_at"), self.moment_given("ended_at")
