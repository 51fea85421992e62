"""Forms of planned work: when, what, the worst each service may show, and how it repeats."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from incidents.languages import by_language
from incidents.models import Component
from statuspage.admin.document_forms import When, Words, WordsForm, box, choice, line, yes_no
from statuspage.admin.forms import STATES

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
REPEATS = (
    ("", "Does not repeat"),
    ("weekly", "Every week, on this day"),
    ("fortnightly", "Every second week, on this day"),
    ("last", "Every month, on the last such day"),
    ("first", "Every month, on the first such day"),
    ("own", "By a rule of its own"),
)


def rule_of(repeats: str, own: str, starts_at: datetime) -> str:
    """The recurrence rule (RFC 5545) that a choice means for work that begins then."""
    day = _DAYS[timezone.localtime(starts_at).weekday()]
    rules = {
        "weekly": f"FREQ=WEEKLY;BYDAY={day}",
        "fortnightly": f"FREQ=WEEKLY;INTERVAL=2;BYDAY={day}",
        "last": f"FREQ=MONTHLY;BYDAY=-1{day}",
        "first": f"FREQ=MONTHLY;BYDAY=1{day}",
        "own": own.strip().upper(),
    }
    return rules.get(repeats, "")


class PlanForm(WordsForm):
    """When, what, and the worst that each service may show. `is_new`: how it repeats and ends is chosen once."""

    words = (Words("name", "What is done", rows=1, most=250), Words("body", "What customers will notice, and what to do", rows=5))
    whens = (When("starts_at", "Starts", required=True), When("ends_at", "Ends", required=True))
    deliver_notifications = yes_no("Tell subscribers")

    def __init__(
        self,
        data: Any = None,
        *,
        start: Mapping[str, Any] | None = None,
        expected: Mapping[str, str] | None = None,
        is_new: bool = True,
        with_name: bool = True,
    ) -> None:
        super().__init__(data, start=start)
        self.is_new, self.with_name = is_new, with_name
        if not with_name:
            for code in by_language({}):
                del self.fields[f"name_{code}"]
        if is_new:
            self.fields["repeats"] = choice("Repeats", REPEATS, required=False)
            self.fields["recurrence"] = line("Its own rule, as FREQ=WEEKLY;BYDAY=SU", most=120)
            self.fields["automatic_start"] = yes_no("Starts by itself")
            self.fields["automatic_end"] = yes_no("Ends by itself", help_text="Only if probes agree; else a problem opens.")
        self.components = list(Component.objects.published())
        for component in self.components:
            self.fields[f"expected_{component.code}"] = forms.ChoiceField(
                choices=[("", "not touched"), *STATES],
                required=False,
                label=str(component.name),
                initial=(expected or {}).get(component.code, ""),
                widget=forms.Select(attrs=box()),
            )

    def services(self) -> list[forms.BoundField]:
        return [self[f"expected_{component.code}"] for component in self.components]

    def expected(self) -> dict[Component, str]:
        given = {component: self.cleaned_data[f"expected_{component.code}"] for component in self.components}
        return {component: status for component, status in given.items() if status}

    def span(self) -> tuple[datetime, datetime]:
        return self.moment_given("starts_at"), self.moment_given("ends_at")


SWITCHES = ("automatic_start", "automatic_end", "deliver_notifications")


class StepForm(WordsForm):
    words = (Words("body", "What is said", rows=4),)
    deliver_notifications = yes_no("Tell subscribers")
