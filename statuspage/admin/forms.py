"""Forms of the desk: an update in every language, and a report of trouble. They parse; incidents and publishing decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property

from incidents.languages import by_language, codes
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate
from incidents.models.incident import MORE_WORDS
from incidents.places import COUNTIES
from incidents.words import (
    ATTRIBUTION_WORDS,
    CHANNEL_WORDS,
    PHASE_WORDS,
    STATUS_WORDS,
    ComponentStatus,
    IncidentStatus,
    Publication,
)
from statuspage import shares
from statuspage.admin import reach
from statuspage.admin.addresses import whole

if TYPE_CHECKING:
    _Rows = forms.ModelMultipleChoiceField[Any]
else:
    _Rows = forms.ModelMultipleChoiceField

PHASES = [(phase.value, PHASE_WORDS[phase]) for phase in IncidentStatus]
STATES = [(status.value, STATUS_WORDS[status]) for status in ComponentStatus if status != ComponentStatus.UNKNOWN]
TROUBLE = [(value, word) for value, word in STATES if value != ComponentStatus.OPERATIONAL]
FAULTS = [("", "Not stated"), *ATTRIBUTION_WORDS.items()]
CHANNELS = list(CHANNEL_WORDS.items())
AREAS = [(str(code), name) for code, name in COUNTIES.items()]
CLOCK = "%H:%M"
HEADLINE = 90  # letters that a phone shows whole


def _input(**attributes: Any) -> dict[str, Any]:
    return {"class": "d-in", **attributes}


class RowsField(_Rows):
    """Rows chosen by their numbers. One that no row can have is no choice; the database would not take it for a number."""

    def clean(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)) and (wrong := [one for one in value if whole(str(one)) is None]):
            raise forms.ValidationError(self.error_messages["invalid_pk_value"], params={"pk": wrong[0]})
        return super().clean(value)


class BoxedForm(forms.Form):
    """Each field that is typed in or chosen from stands in the desk's own box."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for each in self.fields.values():
            if not isinstance(each.widget, forms.CheckboxSelectMultiple):
                each.widget.attrs.setdefault("class", "d-in")


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
    more: dict[str, Any] = field(default_factory=dict)


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
    more: Mapping[str, Any] = field(default_factory=dict)

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
            more={
                **{words: by_language(getattr(draft, words)) for words in MORE_WORDS},
                "attribution": draft.attribution,
                "channels": list(draft.channels),
                "areas": [str(code) for code in draft.areas],
                "share_affected": None if draft.share_affected is None else draft.share_affected / 10,
                "share_source": draft.share_source,
            },
        )

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
            **{field: self.more.get(field) for field in ("attribution", "channels", "areas", "share_affected")},
            **{f"{field}_{code}": text for field in MORE_WORDS for code, text in self.more.get(field, {}).items()},
            "who": reach.choice_of(self.more.get("who_affected", {}), self.affected.values()),
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
    """A draft: each text in every configured language, side by side; a state for each service it names; whom it hits."""

    status = forms.ChoiceField(choices=PHASES, label="Phase", widget=forms.RadioSelect)
    next_day = DayField(required=False, label="Day of the next update")
    next_time = ClockField(required=False, label="Time of the next update")
    who = forms.ChoiceField(
        choices=reach.CHOICES,
        label="Who is affected",
        widget=forms.Select(attrs=_input()),
        error_messages={"required": "Say who is affected: choose one, or write it."},
    )
    works = forms.MultipleChoiceField(required=False, label="What still works", widget=forms.CheckboxSelectMultiple)
    attribution = forms.ChoiceField(
        choices=FAULTS, required=False, label="Whose fault, as far as we know", widget=forms.Select(attrs=_input())
    )
    channels = forms.MultipleChoiceField(
        choices=CHANNELS, required=False, label="How customers reach it", widget=forms.CheckboxSelectMultiple
    )
    areas = forms.MultipleChoiceField(
        choices=AREAS, required=False, label="Counties (none: countrywide)", widget=forms.SelectMultiple(attrs=_input(size=6))
    )
    share_affected = forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label="Share of payments, in %, from data",
        widget=forms.NumberInput(attrs=_input(step="0.1", inputmode="decimal")),
    )
    take_share = forms.BooleanField(required=False, label="Take what is measured")
    deliver_notifications = forms.BooleanField(required=False, label="Tell subscribers")
    note = forms.CharField(
        required=False, max_length=4000, label="Note for staff (never public)", widget=forms.Textarea(attrs=_input(rows=3))
    )
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        incident: Incident,
        start: Start,
        seen_at: str = "",
    ) -> None:
        """`seen_at` replaces the one that was posted: what the person has seen by now."""
        if data is not None and seen_at:
            data = data.copy()
            data["seen_at"] = seen_at
        super().__init__(data, initial=start.initial())
        self.start = start
        self.incident = incident
        self.with_name = incident.publication == Publication.DRAFT
        self.named_first = list(start.affected)
        for code, language in settings.LANGUAGES:
            if self.with_name:
                self.fields[f"name_{code}"] = _words(f"Headline, {language}", code, rows=2, most=250, advised=HEADLINE)
            self.fields[f"body_{code}"] = _words(f"Text, {language}", code, rows=7, most=4000, sms=True)
            self.fields[f"what_to_do_{code}"] = _words(f"What to do, {language}", code, rows=2, most=500)
            self.fields[f"who_affected_{code}"] = _words(f"Who is affected, {language}", code, rows=2, most=500)
        self.components = list(Component.objects.published())
        for component in self.components:
            self.fields[f"state_{component.code}"] = forms.ChoiceField(
                choices=[("", "not named"), *STATES],
                required=False,
                label=str(component.name),
                widget=forms.Select(attrs=_input()),
            )
        works = [one for one in self.components if one.status == ComponentStatus.OPERATIONAL and one.code not in self.named_first]
        self.works_first = reach.named_in(start.more.get("still_works", {}), self.components)
        self.fields["works"].choices = [(one.code, str(one.name)) for one in works]  # type: ignore[attr-defined]
        self.initial["works"] = self.works_first

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if bool(given.get("next_day")) != bool(given.get("next_time")) and not {"next_day", "next_time"} & set(self.errors):
            self.add_error("next_time", "Give both the day and the time, or neither.")
        if given.get("who") == reach.OWN and not any(self._texts("who_affected").values()):
            self.add_error("who", "Write who is affected, or choose one.")
        return given

    def language_rows(self) -> Iterator[tuple[str, list[tuple[str, str, forms.BoundField]]]]:
        """(what, [(language code, its name, field), ...]): a phone shows each text's languages together."""
        for key, title, shown in (("name", "Headline", self.with_name), ("body", "Text", True), ("what_to_do", "Do", True)):
            if shown:
                yield title, self._row(key)

    def who_row(self) -> list[tuple[str, str, forms.BoundField]]:
        return self._row("who_affected")

    def _row(self, key: str) -> list[tuple[str, str, forms.BoundField]]:
        return [(code, name, self[f"{key}_{code}"]) for code, name in settings.LANGUAGES]

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
        more = self._more()
        if not any(self.start.more.get("who_affected", {}).values()) and not self._says_more_than(more):
            del more["who_affected"]  # only proposed by the form: signed words that nobody touched stay signed
        return Written(
            status=given["status"],
            name=self._texts("name") if self.with_name else None,
            body=self._texts("body"),
            affected=self._affected(),
            next_update_by=_moment(given),
            deliver_notifications=given["deliver_notifications"],
            seen_at=parse_datetime(given["seen_at"]) if given["seen_at"] else None,
            more=more,
        )

    def _says_more_than(self, more: Mapping[str, Any]) -> bool:
        """Is anything but the proposed “who” other than what the draft said?"""
        given, start = self.cleaned_data, self.start
        was = {key: start.more.get(key) for key in ("attribution", "channels", "what_to_do")}
        now = {key: more[key] for key in was}
        share = (_thousandths(start.more.get("share_affected")), start.more.get("share_source", ""))
        areas = [int(code) for code in start.more.get("areas", [])]
        return (
            now != {"attribution": was["attribution"] or "", "channels": was["channels"] or [], "what_to_do": was["what_to_do"]}
            or (more["areas"], (more["share_affected"], more["share_source"])) != (areas, share)
            or "still_works" in more
            or given["who"] != self.initial["who"]
            or (given["status"], given["deliver_notifications"]) != (start.status, start.deliver_notifications)
            or self._texts("body") != {code: start.body.get(code, "") for code in codes()}
            or (self.with_name and self._texts("name") != {code: start.name.get(code, "") for code in codes()})
            or {part.code: status for part, status in self._affected().items()} != dict(start.affected)
            or _moment(given) != start.next_update_by
        )

    def _more(self) -> dict[str, Any]:
        """What is said beside the words; what the form does not show of it stays as it was."""
        given = self.cleaned_data
        share, source = self._share()
        more = {
            "what_to_do": self._texts("what_to_do"),
            "who_affected": dict(reach.words_of(given["who"]) or self._texts("who_affected")),
            "attribution": given["attribution"],
            "channels": given["channels"],
            "areas": [int(code) for code in given["areas"]],
            "share_affected": share,
            "share_source": source,
        }
        if set(given["works"]) != set(self.works_first):
            more["still_works"] = reach.still_working(self.components, given["works"])
        return more

    def _share(self) -> tuple[int | None, str]:
        """How many payments, and what measured it. What a person types is nobody's count; what was taken stays until then."""
        given, start = self.cleaned_data, self.start
        if given["take_share"] and self.measured.thousandths is not None:
            return self.measured.thousandths, self.measured.source
        typed = _thousandths(given["share_affected"])
        was = _thousandths(start.more.get("share_affected"))
        return typed, start.more.get("share_source", "") if typed is not None and typed == was else ""

    @cached_property
    def measured(self) -> shares.Share:
        return shares.measure(incident=self.incident, now=timezone.now())

    def _texts(self, key: str) -> dict[str, str]:
        """Lines end as they are stored, or an untouched signed text would come back changed."""
        return {code: self.cleaned_data.get(f"{key}_{code}", "").replace("\r\n", "\n") for code in codes()}

    def _affected(self) -> dict[Component, str]:
        """What was named first stays first: a notice fills its words for that service."""
        place = {code: number for number, code in enumerate(self.named_first)}
        ordered = sorted(self.components, key=lambda component: place.get(component.code, len(place)))
        states = {component: self.cleaned_data[f"state_{component.code}"] for component in ordered}
        return {component: status for component, status in states.items() if status}


def _words(label: str, language: str, *, rows: int, most: int, advised: int = 0, sms: bool = False) -> forms.CharField:
    """A text in one language, with a live count under it: of `advised` letters, and of an SMS where it goes into one."""
    attributes = {"data-max": advised} if advised else {}
    widget = forms.Textarea(attrs=_input(rows=rows, lang=language, **attributes, **({"data-sms": ""} if sms else {})))
    return forms.CharField(label=label, required=False, max_length=most, widget=widget)


def _thousandths(percent: float | None) -> int | None:
    return None if percent is None else round(percent * 10)


def _moment(given: Mapping[str, Any]) -> datetime | None:
    day, clock = given.get("next_day"), given.get("next_time")
    return timezone.make_aware(datetime.combine(day, clock)) if day and clock else None


class TimeForm(forms.Form):
    """When a signed draft goes out by itself."""

    use_required_attribute = False  # it stands, folded, in a form whose other buttons need none of it
    out_day = DayField(label="Day")
    out_time = ClockField(label="Time, on 24 hours")

    @classmethod
    def today(cls) -> TimeForm:
        return cls(initial={"out_day": timezone.localdate()})

    @property
    def moment(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.cleaned_data["out_day"], self.cleaned_data["out_time"]))


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
