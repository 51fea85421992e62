"""New words in place of published ones: a version more, with what was wrong; the earlier ones stay."""

from __future__ import annotations

from typing import Any

from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.languages import by_language
from incidents.models.announcement import Announcement
from incidents.models.incident import MORE_WORDS, IncidentUpdate, Redress
from incidents.models.maintenance import MaintenanceUpdate
from incidents.models.publishable import Document, PublishableQuerySet

# What can be corrected beside a body: the name of an incident or of planned work, what an update says more, an announcement's
# title, the words of a redress.
BESIDE = ("name", *MORE_WORDS, "title", "who", "how", "complain")
OF = ("update", "planned", "announcement", "redress")
Corrected = IncidentUpdate | MaintenanceUpdate | Announcement | Redress


def _one_of() -> models.Q:
    """Exactly one of what it may be of."""
    condition = models.Q()
    for kind in OF:
        condition |= models.Q(**{f"{one}__isnull": one != kind for one in OF})
    return condition


class CorrectionQuerySet(PublishableQuerySet["Correction"]):
    pass


class Correction(Document):
    """New words in place of those of an update, of a word on planned work, of an announcement or a redress: the earlier ones stay
    readable, folded, beside the reason. What it leaves empty stays as it was."""

    noun = "correction"
    kind = "correction"
    text_fields = ("body", "reason")

    update = models.ForeignKey(IncidentUpdate, null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    planned = models.ForeignKey(MaintenanceUpdate, null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    announcement = models.ForeignKey(Announcement, null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    redress = models.ForeignKey(Redress, null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
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
        constraints = [models.CheckConstraint(condition=_one_of(), name="a_correction_is_of_one_thing")]

    def __str__(self) -> str:
        return f"correction {self.public_id}"

    @property
    def of(self) -> Corrected:
        """What it corrects."""
        of = self.update or self.planned or self.announcement or self.redress
        assert of is not None
        return of

    def facts(self) -> dict[str, Any]:
        return {
            **self._about(),
            "deliver_notifications": self.deliver_notifications,
            **({"beside": sorted(self.beside)} if self.beside else {}),
        }

    def _about(self) -> dict[str, str]:
        of = self.of
        if isinstance(of, IncidentUpdate):
            return {"incident": of.incident.public_id, "update": of.public_id}
        if isinstance(of, MaintenanceUpdate):
            return {"maintenance": of.maintenance.public_id, "update": of.public_id}
        if isinstance(of, Redress):
            return {"incident": of.incident.public_id, "redress": of.public_id}
        return {"announcement": of.public_id}

    def may_say_maintenance(self) -> bool:
        return self.planned is not None

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
