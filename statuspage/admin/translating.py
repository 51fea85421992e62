"""A draft's words in the other languages: what a translator writes beside the first language, and nothing else of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents import drafts, rights, signing
from incidents.languages import by_language
from incidents.models import IncidentUpdate
from incidents.models.incident import MORE_WORDS
from incidents.words import Publication
from statuspage import keeping
from statuspage.admin import composing
from statuspage.admin.addresses import draft_url, sign_url, translate_url
from statuspage.admin.base import require
from statuspage.admin.composer import CHANGE, VIEW, as_posted, find_update
from statuspage.admin.views import DeskView
from statuspage.templatetags.desk import headline

TEXTS = {
    "name": ("Headline", 250),
    "body": ("Text", 4000),
    **{key: (key.replace("_", " ").capitalize(), 500) for key in MORE_WORDS},
}


class TranslationForm(forms.Form):
    """A field for each text that the first language has, in each of the others."""

    seen_at = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, update: IncidentUpdate, **options: Any) -> None:
        super().__init__(*args, **options)
        self.update = update
        for code, language in settings.LANGUAGES[1:]:
            for key in self.keys():
                label, most = TEXTS[key]
                widget = forms.Textarea(attrs={"class": "d-in", "rows": 5 if key == "body" else 2, "lang": code})
                field = forms.CharField(label=f"{label}, {language}", required=False, max_length=most, widget=widget)
                self.fields[f"{key}_{code}"] = field

    @classmethod
    def of(cls, update: IncidentUpdate) -> TranslationForm:
        texts = {f"{key}_{code}": text for key in TEXTS for code, text in _texts(update, key).items()}
        return cls(initial={"seen_at": update.updated_at.isoformat(), **texts}, update=update)

    def keys(self) -> list[str]:
        """What it has words of. A public incident's headline stays."""
        first = settings.LANGUAGES[0][0]
        return [
            key
            for key in TEXTS
            if _texts(self.update, key)[first] and (key != "name" or self.update.incident.publication == Publication.DRAFT)
        ]

    def rows(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """(label, the words in the first language, the fields beside them)."""
        first = settings.LANGUAGES[0][0]
        others = [code for code, _ in settings.LANGUAGES[1:]]
        return [
            (TEXTS[key][0], _texts(self.update, key)[first], [self[f"{key}_{code}"] for code in others]) for key in self.keys()
        ]

    def written(self) -> dict[str, Any]:
        """The arguments of drafts.edit_update."""
        put: dict[str, dict[str, str]] = {}
        for key in self.keys():
            mine = {code: self.cleaned_data[f"{key}_{code}"].replace("\r\n", "\n") for code, _ in settings.LANGUAGES[1:]}
            put[key] = {**_texts(self.update, key), **mine}
        more = {key: text for key, text in put.items() if key in MORE_WORDS}
        return {"name": put.get("name"), "body": put.get("body"), "more": more}


def _texts(update: IncidentUpdate, key: str) -> dict[str, str]:
    return by_language(update.incident.name if key == "name" else getattr(update, key))


class TranslateView(DeskView):
    permission = VIEW
    template = "translate.html"

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        self._require()
        update = find_update(update_id)
        if update.publication != Publication.DRAFT:
            return redirect(draft_url(update))
        kept = keeping.form_of(person=self.actor, update=update)
        is_ours = kept is not None and any(key.startswith("body_") for key in kept.fields)
        form = TranslationForm(as_posted(kept), update=update) if kept and is_ours else TranslationForm.of(update)
        return self._page(update, form)

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        """act: save or ask."""
        self._require()
        update, now = find_update(update_id), timezone.now()
        form = TranslationForm(request.POST, update=update)
        if not form.is_valid():
            return self._page(update, form, status=422)
        seen = parse_datetime(form.cleaned_data["seen_at"])
        try:
            update = drafts.edit_update(update=update, actor=self.actor, now=now, seen_at=seen, **form.written())
        except drafts.TimelineError as refusal:
            again = request.POST.copy()
            again["seen_at"] = find_update(update_id).updated_at.isoformat()
            return self._page(find_update(update_id), TranslationForm(again, update=update), str(refusal), status=409)
        keeping.drop_form(person=self.actor, update=update)
        if request.POST.get("act") == "ask":
            signing.request(item=update, actor=self.actor, now=now)
            messages.success(request, "It waits for a signature. The approvers see it on their dashboard.")
            return redirect(sign_url(update))
        messages.success(request, "The words are kept. Nothing is public yet.")
        return redirect(translate_url(update))

    def _require(self) -> None:
        if not self.actor.has_perm(rights.TRANSLATE):
            require(self.request, CHANGE)

    def _page(self, update: IncidentUpdate, form: TranslationForm, refusal: str = "", *, status: int = 200) -> HttpResponse:
        return self.page(
            status=status,
            title=f"Translate: {headline(update.incident)}",
            update=update,
            incident=update.incident,
            form=form,
            refusal=refusal,
            first=settings.LANGUAGES[0],
            others=[name for _, name in settings.LANGUAGES[1:]],
            older=composing.older_languages(update),
            signature=composing.signature_words(update),
        )
