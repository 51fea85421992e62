"""New words in place of published ones: a version more, with what was wrong; the earlier ones stay."""

from __future__ import annotations

from typing import Any

from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.languages import by_language
from incidents.models.incident import MORE_WORDS, IncidentUpdate
from incidents.models.publishable import Document, PublishableQuerySet

BESIDE = ("name", *MORE_WORDS)  # what can be corrected beside an update's body: its incident's name, what it says more


class CorrectionQuerySet(PublishableQuerySet["Correction"]):
    pass


class Correction(Document):
    """New words in place of a published update's, or of its incident's name: the earlier ones stay readable, folded, beside the
    reason. What it leaves empty stays as it was."""

    noun = "correction"
    kind = "correction"
    text_fields = ("body", "reason")

    update = models.ForeignKey(IncidentUpdate, on_delete=models.PROTECT, related_name="corrections")
    body = I18nTextField(blank=True, default=dict, help_text="The whole text as it should have been.")
    beside = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="{field: {language: text}} of what else is corrected: BESIDE."
    )
    reason = I18nCharField(help_text="Public: what was wrong.")
    deliver_notifications = models.BooleanField("tell subscribers", default=False)

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("publish_correction", "Can publish a correction"), ("sign_correction", "Can sign a correction")]

    def __str__(self) -> str:
        return f"correction {self.public_id}"

    def facts(self) -> dict[str, Any]:
        return {
            "incident": self.update.incident.public_id,
            "update": self.update.public_id,
            "deliver_notifications": self.deliver_notifications,
            **({"beside": sorted(self.beside)} if self.beside else {}),
        }

    def words(self) -> dict[str, dict[str, str]]:
        """What it puts in place, {field: {language: text}}: the body and what stands beside it."""
        beside = self.beside if isinstance(self.beside, dict) else {}
        found = {"body": by_language(self.body)} | {field: by_language(beside.get(field)) for field in BESIDE}
        return {field: text for field, text in found.items() if any(text.values())}

    def texts(self) -> dict[str, str]:
        more = {field: text for field, text in self.words().items() if field != "body"}
        return super().texts() | {f"{field}.{code}": text for field, words in more.items() for code, text in words.items()}

    def without(self, field: str, mark: str) -> tuple[models.Model, dict[str, Any]]:
        subject, _, language = field.rpartition(".")
        if subject not in self.beside:
            return super().without(field, mark)
        return self, {"beside": {**self.beside, subject: {**self.beside[subject], language: mark}}}
