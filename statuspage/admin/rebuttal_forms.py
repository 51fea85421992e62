"""The form of an answer to a claim: fact first, the claim once, what is true and false, who confirms it, in fewer letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from django import forms

from incidents import rebuttals
from incidents.languages import by_language
from incidents.models import Incident
from incidents.rebuttals import HEADLINE_LENGTH, MEDIA, SHORT_FORMS, VERDICTS, Verdict
from statuspage.admin.document_forms import (
    RowForm,
    Rows,
    Words,
    WordsForm,
    choice,
    components_field,
    incident_field,
    line,
    text,
    yes_no,
)
from statuspage.admin.forms import DayField

_TEXTS = ("fact_headline", "what_is_true", "what_is_false", "why_it_spread", "spokesperson_role")
SHORT_NAMES = {"sms": "SMS", "ussd": "USSD line", "post": "Post", "card": "Card to forward", "script": "Call-centre script"}


class EvidenceRow(RowForm):
    words = (Words("what", "What it is", rows=2, most=500),)
    dated = DayField(label="From", required=False)
    verified_by = line("Verified by (for staff)", most=120)
    remove = yes_no("Leave it out")


class CorroborationRow(RowForm):
    words = (Words("said", "What they said", rows=2, most=1000),)
    body = line("Body", most=120)
    dated = DayField(label="On", required=False)
    link = line("Link", most=500)
    checked_on = DayField(label="Link checked on", required=False)
    reachable = forms.BooleanField(label="It could be reached", required=False, initial=True)
    remove = yes_no("Leave it out")
    field_order = ["body", "dated", "link", "checked_on", "reachable", "remove"]


class LawRow(RowForm):
    words = (Words("says", "What it forbids or requires", rows=2, most=1000),)
    act = line("Act", most=200)
    section = line("Section", most=60)
    link = line("Link", most=500)
    read_by = line("Lawyer who read it (for staff)", most=120)
    remove = yes_no("Leave it out")
    field_order = ["act", "section", "link", "read_by", "remove"]


class RebuttalForm(WordsForm):
    """`is_new`: the incident and the services it is about are chosen once."""

    words = (
        Words("fact_headline", f"The fact in one line, at most {HEADLINE_LENGTH} letters", rows=1, most=250),
        Words("claim_where", "Where it goes round", rows=1, most=200),
        Words("what_is_true", "What is true", rows=3),
        Words("what_is_false", "What is false", rows=3),
        Words("why_it_spread", "Why it spread", rows=2),
        Words("spokesperson_role", "Their role", rows=1, most=120),
        *(
            Words(
                f"short_forms_{name}", f"{SHORT_NAMES[name]}, at most {most} letters", rows=2 if most < 600 else 4, most=most * 3
            )
            for name, most in SHORT_FORMS.items()
        ),
    )
    claim_quote = text("As it goes round, word for word", rows=2)
    claim_language = line("Its language (a code)", most=12)
    claim_first_seen = DayField(label="First seen")
    verdict = forms.ChoiceField(
        choices=[(one.value, VERDICTS[one][0]["en"]) for one in Verdict],
        required=False,
        label="Verdict",
        widget=forms.RadioSelect,
    )
    spokesperson = line("Spokesperson", most=120)
    spoke_at = DayField(label="Spoke on", required=False)
    spoke_in = choice("Where", [("", "nowhere yet"), *((one, one.capitalize()) for one in MEDIA)], required=False)
    review_date = DayField(label="Look at it again on", required=False)

    def __init__(self, data: Any = None, *, start: Mapping[str, Any] | None = None, is_new: bool = False) -> None:
        given = dict(start or {})
        super().__init__(data, start=given)
        self.is_new = is_new
        if is_new:
            public = Incident.objects.published().order_by("-started_at")
            self.fields["incident"] = incident_field("Incident", public, required=False)
            self.fields["components"] = components_field("Services it is about")
        self.evidence = Rows(EvidenceRow, "evidence", start=given.get("evidence", []), data=data, first=0)
        self.corroborations = Rows(CorroborationRow, "corroborations", start=given.get("corroborations", []), data=data, first=0)
        self.legal_basis = Rows(LawRow, "legal_basis", start=given.get("legal_basis", []), data=data, first=0)
        for code in by_language({}):
            self.fields[f"fact_headline_{code}"].widget.attrs |= {"data-count": f"n_fact_{code}", "data-max": HEADLINE_LENGTH}

    def is_valid(self) -> bool:
        rows = [one.is_valid() for one in (self.evidence, self.corroborations, self.legal_basis)]
        own = super().is_valid()
        return own and all(rows)

    def has_changed(self) -> bool:
        return super().has_changed() or any(one.has_changed() for one in (self.evidence, self.corroborations, self.legal_basis))

    def short_pairs(self) -> list[Any]:
        return [self.pair(f"short_forms_{name}") for name in SHORT_FORMS]

    def answer(self) -> rebuttals.Rebuttal:
        """What was written, as the rules see it; of a valid form."""
        given = self.cleaned_data
        texts: dict[str, Any] = {name: self.said(name) for name in _TEXTS}
        short = {name: self.said(f"short_forms_{name}") for name in SHORT_FORMS}
        return rebuttals.Rebuttal(
            **texts,
            claim=rebuttals.Claim(
                quote=given["claim_quote"],
                language=given["claim_language"],
                where=self.said("claim_where"),
                first_seen=given["claim_first_seen"],
            ),
            verdict=Verdict(given["verdict"]) if given["verdict"] else None,
            evidence=tuple(
                rebuttals.Evidence(row.said("what"), row.cleaned_data["dated"], row.cleaned_data["verified_by"])
                for row in self.evidence.written()
            ),
            corroborations=tuple(_corroboration(row) for row in self.corroborations.written()),
            legal_basis=tuple(_law(row) for row in self.legal_basis.written()),
            spokesperson=given["spokesperson"],
            spoke_at=given["spoke_at"],
            spoke_in=given["spoke_in"],
            short_forms={name: said for name, said in short.items() if any(said.values())},
            review_date=given["review_date"],
        )


def _corroboration(row: RowForm) -> rebuttals.Corroboration:
    given = row.cleaned_data
    names = ("body", "dated", "link", "checked_on", "reachable")
    return rebuttals.Corroboration(said=row.said("said"), **{name: given[name] for name in names})


def _law(row: RowForm) -> rebuttals.LegalBasis:
    given = row.cleaned_data
    return rebuttals.LegalBasis(says=row.said("says"), **{name: given[name] for name in ("act", "section", "link", "read_by")})


def start_of(answer: rebuttals.Rebuttal) -> dict[str, Any]:
    """What the form of an answer begins with."""
    first_seen: date | None = answer.claim.first_seen
    return {
        **{name: dict(getattr(answer, name)) for name in _TEXTS},
        **{f"short_forms_{name}": dict(said) for name, said in answer.short_forms.items()},
        **{name: [asdict(item) for item in getattr(answer, name)] for name in ("evidence", "corroborations", "legal_basis")},
        "claim_quote": answer.claim.quote,
        "claim_language": answer.claim.language,
        "claim_where": dict(answer.claim.where),
        "claim_first_seen": first_seen,
        "verdict": answer.verdict.value if answer.verdict else "",
        "spokesperson": answer.spokesperson,
        "spoke_at": answer.spoke_at,
        "spoke_in": answer.spoke_in,
        "review_date": answer.review_date,
    }
