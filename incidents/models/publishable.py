"""What a person writes, another person signs, and the public then reads."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.db import models

from incidents.languages import by_language, in_all
from incidents.public_ids import new_public_id
from incidents.words import Publication, SignatureKind

Item = TypeVar("Item", bound="Publishable", covariant=True)


class PublishableQuerySet(models.QuerySet[Item]):
    def published(self) -> PublishableQuerySet[Item]:
        """Public ones, newest first."""
        return self.filter(publication=Publication.PUBLISHED).order_by("-published_at", "-id")

    def drafts(self) -> PublishableQuerySet[Item]:
        return self.filter(publication=Publication.DRAFT).order_by("id")


class Publishable(models.Model):
    """Draft, signed, published or discarded. A published row never changes: a correction is a new row."""

    noun: ClassVar[str]  # in the audit log: <noun>.add, <noun>.edit, <noun>.sign, ...

    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    publication = models.CharField(max_length=10, choices=Publication, default=Publication.DRAFT, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="+"
    )
    record_seq = models.PositiveBigIntegerField(null=True, blank=True, unique=True, editable=False)
    # What it says, as its last writer left it: a signature is given to exactly this (the hash of what `covered` answers).
    content_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    # The signature covers the hash of what `covered` answers; any change of that voids it.
    signature_kind = models.CharField(max_length=12, choices=SignatureKind, default=SignatureKind.NONE, editable=False)
    signature_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    signature_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="+"
    )
    signed_at = models.DateTimeField(null=True, blank=True, editable=False)
    waived = models.JSONField(
        default=list, blank=True, editable=False, help_text="Gates that are switched off here, and would have forbidden it."
    )

    class Meta:
        abstract = True

    @property
    def is_published(self) -> bool:
        return self.publication == Publication.PUBLISHED

    def passing(self) -> dict[str, Any]:
        """By what it went out, for its record entry: its signature, and the switched-off gates that would have forbidden it."""
        signature = {"kind": self.signature_kind, "hash": self.signature_hash}
        return {"signature": signature, **({"waived": self.waived} if self.waived else {})}

    def covered(self) -> dict[str, Any]:
        """All that readers get, in values the record can hold: what a signature covers."""
        raise NotImplementedError


class Document(Publishable):
    """Something said beside incident updates: each publication is one record entry of the class's `kind`."""

    kind: ClassVar[str]  # of its record entry
    text_fields: ClassVar[tuple[str, ...]]  # its fields in every language: free text and names, kept out of the entry's body
    quoted_fields: ClassVar[tuple[str, ...]] = ()  # fields of texts that are not our own words
    read_with: ClassVar[tuple[str, ...]] = ()  # what `facts` reads beside the row, to be fetched for many at once

    class Meta:
        abstract = True

    def facts(self) -> dict[str, Any]:
        """What its record entry says beside the texts: ids, closed words, times, numbers; no text and no name."""
        raise NotImplementedError

    def texts(self) -> dict[str, str]:
        """Every text by the name the record knows it under, for example body.sw."""
        return {f"{field}.{code}": text for field in self.text_fields for code, text in by_language(getattr(self, field)).items()}

    def holder_of(self, subject: str) -> tuple[models.Model, str]:
        """The row and its field that hold a text, by the text's name without its language."""
        return self, subject

    def without(self, field: str, mark: str) -> tuple[models.Model, dict[str, Any]]:
        """The row that holds a text, which `texts` names so, and its fields with `mark` in the text's place."""
        subject, _, language = field.rpartition(".")
        row, column = self.holder_of(subject)
        return row, {column: in_all({**by_language(getattr(row, column)), language: mark})}

    def may_say_maintenance(self) -> bool:
        """Does it speak of planned work that was published beforehand?"""
        return False

    def covered(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.public_id, "facts": self.facts(), "texts": self.texts()}
