"""Forms of the desk: an update in every language, and a report of trouble. They parse; incidents and publishing decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.languages import by_language, codes
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, Notice
from incidents.words import PHASE_WORDS, STATUS_WORDS, ComponentStatus, IncidentStatus, Publication

PHASES = [(phase.value, PHASE_WORDS[phase]) for phase in IncidentStatus]
STATES = [(status.value, STATUS_WORDS[status]) for status in ComponentStatus if status != ComponentStatus.UNKNOWN]
TROUBLE = [(value, word) for value, word in STATES if value != ComponentStatus.OPERATIONAL]
CLOCK = "%H:%M"


def _input(**attributes: Any) -> dict[str, Any]:
    return {"class": "d-in", **attributes}


class ClockField(forms.TimeField):
    """Four digits on a 24-hour clock: the browser's own time picker follows its own habits."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TimeInput(
            format=CLOCK, attrs={"class": "d-in d-in-t", "inputmode": "numeric", "placeholder": "16:55", "autocomplete": "off"}
        )
        super().__init__(
            input_formats=[CLOCK], widget=widget, error_messages={"invalid": "Give the time as 16:55, on 24 hours."}, **options
        )


class DayField(forms.DateField):
    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"class": "d-in", "type": "date"})
        super().__init__(input_formats=["%Y-%m-%d"], widget=widget, **options)


@dataclass(frozen=True)
class Written:
    """An update as a person wrote it: the arguments of drafts.add_update and drafts.edit_update."""

    status: str
    body: dict[str, str]
    affected: dict[Component, str]
    next_update_by: datetime | None
    deliver_notifications: bool
    name: dict[str, str] | None = None
    seen_at: datetime | None = None


@dataclass
class Start:
    """What the fields of a form begin with."""

    status: str = IncidentStatus.INVESTIGATING
    body: Mapping[str, str] = field(default_factory=dict)
    name: Mapping[str, str] = field(default_factory=dict)
    affected: Mapping[str, str] = field(default_factory=dict)
    next_update_by: datetime | None = None
    deliver_notifications: bool = True
    seen_at: str = ""

    @classmethod
    def from_draft(cls, draft: IncidentUpdate) -> Start:
        return cls(
            status=draft.status,
            body=by_language(draft.body),
            name=by_language(draft.incident.name),
            affected={item.component.code: item.new_status for item in draft.affected.select_related("component")},
            next_update_by=draft.next_update_by,
            deliver_notifications=draft.deliver_notifications,
            seen_at=draft.updated_at.isoformat(),
        )

    @classmethod
    def from_incident(cls, incident: Incident, notice: Notice | None) -> Start:
        """What was said last; with a notice, what that notice states. A person sees it before it is kept."""
        states = last_stated(incident)
        if notice and notice.component_status:
            states = dict.fromkeys(states, notice.component_status)
        return cls(status=(notice.phase if notice else "") or incident.status, affected=states)

    def initial(self) -> dict[str, Any]:
        due = timezone.localtime(self.next_update_by) if self.next_update_by else None
        return {
            "status": self.status,
            "next_day": due.date() if due else None,
            "next_time": due.time() if due else None,
            "deliver_notifications": self.deliver_notifications,
            "seen_at": self.seen_at,
            **{f"name_{code}": text for code, text in self.name.items()},
            **{f"body_{code}": text for code, text in self.body.items()},
            **{f"state_{code}": status for code, status in self.affected.items()},
        }


def last_stated(incident: Incident) -> dict[str, str]:
    """What the incident's published updates say last of each service: {code: status}, the first named first."""
    rows = (
        AffectedComponent.objects.filter(update__incident=incident, update__publication=Publication.PUBLISHED)
        .select_related("component")
        .order_by("update__record_seq", "id")
    )
    return {row.component.code: row.new_status for row in rows}


class UpdateForm(forms.Form):
    """A draft: each text in every configured language, side by side; a state for each service it names."""

    status = forms.ChoiceField(choices=PHASES, label="Phase", widget=forms.RadioSelect)
    next_day = DayField(required=False, label="Day of the next update")
    next_time = ClockField(required=False, label="Time of the next update")
    deliver_notifications = forms.BooleanField(required=False, label="Tell subscribers")
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, incident: Incident, start: Start, with_words: bool = True, seen_at: str = ""
    ) -> None:
        """`seen_at` replaces the one that was posted: what the person has seen by now."""
        if data is not None and seen_at:
            data = data.copy()
            data["seen_at"] = seen_at
        super().__init__(data, initial=start.initial())
        self.with_name = with_words and incident.publication == Publication.DRAFT
        self.with_words = with_words
        self.named_first = list(start.affected)
        for code, language in settings.LANGUAGES:
            if self.with_name:
                self.fields[f"name_{code}"] = _words(f"Headline, {language}", code, rows=2, most=250)
            if with_words:
                self.fields[f"body_{code}"] = _words(f"Text, {language}", code, rows=6, most=4000)
        self.components = list(Component.objects.published())
        for component in self.components:
            self.fields[f"state_{component.code}"] = forms.ChoiceField(
                choices=[("", "not named"), *STATES],
                required=False,
                label=str(component.name),
                widget=forms.Select(attrs=_input()),
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if bool(given.get("next_day")) != bool(given.get("next_time")) and not {"next_day", "next_time"} & set(self.errors):
            self.add_error("next_time", "Give both the day and the time, or neither.")
        return given

    def language_rows(self) -> Iterator[tuple[str, list[tuple[str, str, forms.BoundField]]]]:
        """(what, [(language code, its name, field), ...]): a phone shows each text's languages together."""
        for key, title, shown in (("name", "Headline", self.with_name), ("body", "Text", self.with_words)):
            if shown:
                yield title, [(code, name, self[f"{key}_{code}"]) for code, name in settings.LANGUAGES]

    def named(self) -> list[tuple[Component, forms.BoundField]]:
        """The services the update names already."""
        return [pair for pair in self._state_fields() if pair[0].code in self._named_codes()]

    def not_named(self) -> list[tuple[Component, forms.BoundField]]:
        return [pair for pair in self._state_fields() if pair[0].code not in self._named_codes()]

    def _state_fields(self) -> list[tuple[Component, forms.BoundField]]:
        return [(component, self[f"state_{component.code}"]) for component in self.components]

    def _named_codes(self) -> set[str]:
        posted = {component.code for component in self.components if self.is_bound and self[f"state_{component.code}"].value()}
        return {*self.named_first, *posted}

    def written(self) -> Written:
        """What was written, of a valid form."""
        given = self.cleaned_data
        return Written(
            status=given["status"],
            name=self._texts("name") if self.with_name else None,
            body=self._texts("body") if self.with_words else {},
            affected=self._affected(),
            next_update_by=_moment(given),
            deliver_notifications=given["deliver_notifications"],
            seen_at=parse_datetime(given["seen_at"]) if given["seen_at"] else None,
        )

    def _texts(self, key: str) -> dict[str, str]:
        """Lines end as they are stored, or an untouched signed text would come back changed."""
        return {code: self.cleaned_data[f"{key}_{code}"].replace("\r\n", "\n") for code in codes()}

    def _affected(self) -> dict[Component, str]:
        """What was named first stays first: a notice fills its words for that service."""
        place = {code: number for number, code in enumerate(self.named_first)}
        ordered = sorted(self.components, key=lambda component: place.get(component.code, len(place)))
        states = {component: self.cleaned_data[f"state_{component.code}"] for component in ordered}
        return {component: status for component, status in states.items() if status}


def _words(label: str, language: str, *, rows: int, most: int) -> forms.CharField:
    widget = forms.Textarea(attrs=_input(rows=rows, lang=language))
    return forms.CharField(label=label, required=False, max_length=most, widget=widget)


def _moment(given: Mapping[str, Any]) -> datetime | None:
    day, clock = given.get("next_day"), given.get("next_time")
    return timezone.make_aware(datetime.combine(day, clock)) if day and clock else None


class ReportForm(forms.Form):
    """Trouble that a person reports: which service, how bad, since when."""

    component = forms.ModelChoiceField(
        Component.objects.published(), label="Service", empty_label="Choose one", widget=forms.Select(attrs=_input())
    )
    status = forms.ChoiceField(choices=[("", "Choose one"), *TROUBLE], label="State", widget=forms.Select(attrs=_input()))
    since_day = DayField(label="Since, day")
    since_time = ClockField(label="Since, time")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and self.since > timezone.now():
            self.add_error("since_time", "That is in the future. Give the time when customers first noticed.")
        return given

    @property
    def since(self) -> datetime:
        given: Mapping[str, Any] = self.cleaned_data
        clock: time = given["since_time"]
        return timezone.make_aware(datetime.combine(given["since_day"], clock))
