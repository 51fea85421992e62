"""Claims that circulate, for staff; and our public answers to them, version by version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.models.incident import Incident
from incidents.models.publishable import Document, PublishableQuerySet
from incidents.rebuttals import MEDIA, VERDICTS, State


class Claim(models.Model):
    """A claim as staff saw it, from the first sight of it: never public, in no record entry."""

    words = models.TextField(help_text="Word for word, as it circulates.")
    language = models.CharField(max_length=12)
    where = models.CharField(max_length=200, help_text="Where it was seen.")
    link = models.URLField(max_length=500, blank=True, default="")
    copies = models.JSONField(default=list, blank=True, help_text="Links to archived copies.")
    first_seen = models.DateField()
    reach = models.PositiveIntegerField(default=0, help_text="How many have seen it, at most.")
    harmful = models.BooleanField(default=False, help_text="People lose money or share a PIN by it.")
    asked_by_press = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=[(state.value, state.value) for state in State], default=State.LOGGED)
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="claims")
    logged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    logged_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"claim {self.pk}"


class RebuttalQuerySet(PublishableQuerySet["Rebuttal"]):
    pass


FOR_STAFF = {"verified_by", "read_by"}  # keys of its lists that no reader gets
_NO_WORDS = {"dated", "checked_on", "reachable"}


class Rebuttal(Document):
    """One version of an answer; all versions of one share `series`, the public id of the first. Earlier ones stay public."""

    noun = "rebuttal"
    kind = "rebuttal"
    text_fields = ("fact_headline", "what_is_true", "what_is_false", "why_it_spread", "claim_where", "spokesperson_role")
    read_with: ClassVar[tuple[str, ...]] = ("incident",)
    # Others' words and what the law says: the banned phrases are refused in our own words only.
    quoted_fields: ClassVar[tuple[str, ...]] = ("claim_quote", "evidence", "corroborations", "legal_basis", "spokesperson")
    single_fields: ClassVar[tuple[str, ...]] = ("claim_quote", "spokesperson")  # texts that have one language, or none
    nested_fields: ClassVar[tuple[str, ...]] = ("evidence", "corroborations", "legal_basis", "short_forms")

    series = models.CharField(max_length=12, editable=False)
    version = models.PositiveSmallIntegerField(default=1, editable=False)
    claim = models.ForeignKey(
        Claim, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="rebuttals", help_text="For staff."
    )
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="rebuttals")
    components = models.JSONField(default=list, blank=True, help_text="Public ids of the services it is about.")
    fact_headline = I18nCharField(help_text="The truth, in at most 90 characters; the claim has no place in it.")
    claim_quote = models.TextField(help_text="The claim word for word, without names or numbers of private people.")
    claim_language = models.CharField(max_length=12)
    claim_where = I18nCharField()
    claim_first_seen = models.DateField()
    verdict = models.CharField(max_length=12, choices=[(verdict.value, verdict.value) for verdict in VERDICTS], blank=True)
    what_is_true = I18nTextField()
    what_is_false = I18nTextField(blank=True, default=dict)
    why_it_spread = I18nTextField(blank=True, default=dict)
    evidence = models.JSONField(default=list, blank=True)
    corroborations = models.JSONField(default=list, blank=True)
    legal_basis = models.JSONField(default=list, blank=True)
    short_forms = models.JSONField(default=dict, blank=True)
    spokesperson = models.CharField(max_length=120, blank=True, default="")
    spokesperson_role = I18nCharField(blank=True, default=dict)
    spoke_at = models.DateField(null=True, blank=True)
    spoke_in = models.CharField(max_length=12, choices=[(medium, medium) for medium in MEDIA], blank=True, default="")
    review_date = models.DateField(null=True, blank=True)
    # Of a draft: the last step it took, with the words it took it with. Of a public one: whether it is being looked at again.
    state = models.CharField(
        max_length=12, choices=[(state.value, state.value) for state in State], default=State.DRAFTING, editable=False
    )
    state_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    review_started_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = RebuttalQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("publish_rebuttal", "Can publish an answer to a claim"),
            ("sign_rebuttal", "Can approve an answer to a claim"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["series", "version"], condition=~models.Q(publication="discarded"), name="one_row_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"rebuttal {self.series} v{self.version}"

    def facts(self) -> dict[str, Any]:
        return {
            "rebuttal": self.series,
            "version": self.version,
            "incident": self.incident.public_id if self.incident else None,
            "components": sorted(self.components),
            "verdict": self.verdict,
            "claim_language": self.claim_language,
            "claim_first_seen": self.claim_first_seen.isoformat(),
            "spoke_at": self.spoke_at.isoformat() if self.spoke_at else None,
            "spoke_in": self.spoke_in,
            "review_date": self.review_date.isoformat() if self.review_date else None,
            **{name: [_without_words(item) for item in getattr(self, name)] for name in ("evidence", "corroborations")},
        }

    def texts(self) -> dict[str, str]:
        """Those in every language, those in one, and every word inside the lists: corroborations.0.said.sw."""
        nested = {path: text for field in self.nested_fields for path, text in _words_in(getattr(self, field), field)}
        return {**super().texts(), **{field: getattr(self, field) for field in self.single_fields}, **nested}

    def without(self, field: str, mark: str) -> tuple[models.Model, dict[str, Any]]:
        name, _, path = field.partition(".")
        if name in self.single_fields:
            return self, {name: mark}
        if name not in self.nested_fields:
            return super().without(field, mark)
        changed = deepcopy(getattr(self, name))
        *way, last = path.split(".")
        inner = changed
        for step in way:
            inner = inner[int(step)] if isinstance(inner, list) else inner[step]
        inner[last] = mark
        return self, {name: changed}

    def may_say_maintenance(self) -> bool:
        """A wrong word about maintenance may be why the claim spread."""
        return True


def _without_words(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item[key] for key in sorted(_NO_WORDS & set(item))}


def _words_in(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in FOR_STAFF | _NO_WORDS:
                yield from _words_in(inner, f"{path}.{key}")
    elif isinstance(value, Sequence):
        for place, inner in enumerate(value):
            yield from _words_in(inner, f"{path}.{place}")
