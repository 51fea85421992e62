"""Forms of documents: texts in every language, moments as a day and a clock, rows that grow. They parse; incidents decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.languages import by_language, codes
from incidents.models import Component, Incident
from statuspage.admin.addresses import whole
from statuspage.admin.forms import ClockField, DayField, RowsField

if TYPE_CHECKING:
    _ModelChoice = forms.ModelChoiceField[Incident]
else:
    _ModelChoice = forms.ModelChoiceField

Pair = list[tuple[str, str, forms.BoundField]]


@dataclass(frozen=True, slots=True)
class Words:
    """A text in every language: its key, its label, and how large its box is. One row: a single line."""

    key: str
    label: str
    rows: int = 4
    most: int = 4000


@dataclass(frozen=True, slots=True)
class When:
    """A moment: its key, its label, and whether it may be left out."""

    key: str
    label: str
    required: bool = False


def box(**attributes: Any) -> dict[str, Any]:
    return {"class": "d-in", **attributes}


def line(label: str, *, required: bool = False, most: int = 200, **attributes: Any) -> forms.CharField:
    widget = forms.TextInput(attrs=box(autocomplete="off", **attributes))
    return forms.CharField(label=label, required=required, max_length=most, widget=widget)


def text(label: str, *, required: bool = False, rows: int = 3, most: int = 4000, **attributes: Any) -> forms.CharField:
    widget = forms.Textarea(attrs=box(rows=rows, **attributes))
    return forms.CharField(label=label, required=required, max_length=most, widget=widget)


def choice(label: str, choices: Any, *, required: bool = True) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=required, widget=forms.Select(attrs=box()))


def yes_no(label: str, *, help_text: str = "") -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, help_text=help_text)


class WordsForm(forms.Form):
    """Fields in every language and moments, beside those that a subclass declares.

    `start` holds what the fields begin with: texts as {language: text}, moments as datetimes, the rest as it is.
    """

    words: ClassVar[tuple[Words, ...]] = ()
    whens: ClassVar[tuple[When, ...]] = ()
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, start: Mapping[str, Any] | None = None, **options: Any) -> None:
        given = dict(start or {})
        super().__init__(data, initial=self._initial(given), **options)
        for one in self.words:
            for code, language in settings.LANGUAGES:
                self.fields[f"{one.key}_{code}"] = _words_field(one, code, language)
        for when in self.whens:
            self.fields[f"{when.key}_day"] = DayField(required=when.required, label=f"{when.label}, day")
            self.fields[f"{when.key}_time"] = ClockField(required=when.required, label=f"{when.label}, time")

    def _initial(self, given: dict[str, Any]) -> dict[str, Any]:
        initial = {key: value for key, value in given.items() if key not in self._own_keys()}
        for one in self.words:
            initial |= {f"{one.key}_{code}": said for code, said in by_language(given.get(one.key)).items()}
        for when in self.whens:
            moment = given.get(when.key)
            local = timezone.localtime(moment).replace(second=0, microsecond=0) if moment else None
            initial |= {
                f"{when.key}_day": local.date() if local else None,
                f"{when.key}_time": local.time() if local else None,
            }
        return initial

    def _own_keys(self) -> set[str]:
        return {one.key for one in self.words} | {when.key for when in self.whens}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for when in self.whens:
            names = {f"{when.key}_day", f"{when.key}_time"}
            if len([name for name in names if given.get(name)]) == 1 and not names & set(self.errors):
                self.add_error(f"{when.key}_time", "Give both the day and the time, or neither.")
        return given

    # --- What was written, of a valid form ---

    def said(self, key: str) -> dict[str, str]:
        """The text in every language; lines end as they are stored, or an unchanged text would come back changed."""
        return {code: str(self.cleaned_data[f"{key}_{code}"]).replace("\r\n", "\n").strip() for code in codes()}

    def moment(self, key: str) -> datetime | None:
        day, clock = self.cleaned_data.get(f"{key}_day"), self.cleaned_data.get(f"{key}_time")
        return timezone.make_aware(datetime.combine(day, clock)) if day and clock else None

    def moment_given(self, key: str) -> datetime:
        """A moment that the form requires."""
        moment = self.moment(key)
        assert moment is not None
        return moment

    @property
    def seen(self) -> datetime | None:
        """The `updated_at` that the person saw."""
        return parse_datetime(self.cleaned_data["seen_at"]) if self.cleaned_data.get("seen_at") else None

    # --- For the templates ---

    def pair(self, key: str) -> Pair:
        """[(language code, its name, field), ...]: a phone shows each text's languages together."""
        return [(code, name, self[f"{key}_{code}"]) for code, name in settings.LANGUAGES]

    def pairs(self) -> list[Pair]:
        """Every text, in order."""
        return [self.pair(one.key) for one in self.words]

    def others(self) -> list[forms.BoundField]:
        """The fields that are neither texts nor moments."""
        own = {f"{one.key}_{code}" for one in self.words for code in codes()}
        own |= {f"{when.key}_{part}" for when in self.whens for part in ("day", "time")}
        return [field for field in self.visible_fields() if field.name not in own]

    def when(self, key: str) -> tuple[str, forms.BoundField, forms.BoundField]:
        label = next(when.label for when in self.whens if when.key == key)
        return label, self[f"{key}_day"], self[f"{key}_time"]


def _words_field(one: Words, code: str, language: str) -> forms.CharField:
    label = f"{one.label}, {language}"
    if one.rows == 1:
        return line(label, most=one.most, lang=code)
    return text(label, rows=one.rows, most=one.most, lang=code)


class RowForm(WordsForm):
    """One row of several: an empty one is left out, a removed one too."""

    def add_prefix(self, field_name: str) -> str:
        return f"{self.prefix}_{field_name}"

    def is_empty(self) -> bool:
        """Nothing in it was written, or it is to be removed."""
        given = {key: value for key, value in self.cleaned_data.items() if key not in ("seen_at", "remove", "reachable")}
        return bool(self.cleaned_data.get("remove")) or not any(given.values())


class Rows:
    """Forms of one kind in a list, with one more to fill in: without a script, keeping the draft adds the next.

    `count` is posted beside them, so that as many are read as were shown.
    """

    def __init__(
        self, kind: type[RowForm], prefix: str, *, start: Sequence[Mapping[str, Any]], data: Any = None, first: int = 1
    ) -> None:
        """`first`: the number of the first row, as blockers count them."""
        self.prefix = prefix
        shown = _count(data.get(f"{prefix}_count")) if data is not None else len(start) + 1
        self.forms = [
            kind(data, start=start[number] if number < len(start) else None, prefix=f"{prefix}_{number + first}")
            for number in range(shown)
        ]

    @property
    def count(self) -> int:
        return len(self.forms)

    def is_valid(self) -> bool:
        asked = [form.is_valid() for form in self.forms]  # each is asked, so that each shows what is wrong
        return all(asked)

    def has_changed(self) -> bool:
        return any(form.has_changed() for form in self.forms)

    def written(self) -> list[RowForm]:
        return [form for form in self.forms if not form.is_empty()]


def _count(text: str | None) -> int:
    return min(whole(text or "") or 0, 40)


# --- Services and incidents to choose from ---------------------------------------------------------


def components_field(label: str) -> RowsField:
    return RowsField(Component.objects.published(), label=label, required=False, widget=forms.CheckboxSelectMultiple)


def incident_field(label: str, rows: Any, *, required: bool = True) -> forms.ModelChoiceField[Incident]:
    return _IncidentChoice(rows, label=label, required=required, empty_label="none", widget=forms.Select(attrs=box()))


class _IncidentChoice(_ModelChoice):
    def label_from_instance(self, obj: Incident) -> str:
        local = timezone.localtime(obj.started_at)
        return f"{next(iter(by_language(obj.name).values())) or 'without a headline'}, {local.day} {local:%b %H:%M}"
