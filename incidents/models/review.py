"""The review (postmortem) of an incident: cause, measures, prevention, apology. Each version published is a row of its own."""

from __future__ import annotations

from typing import Any

from django.db import models
from i18nfield.fields import I18nTextField

from incidents.languages import by_language
from incidents.models.incident import Incident
from incidents.models.publishable import Document, PublishableQuerySet


class ReviewQuerySet(PublishableQuerySet["Review"]):
    pass


class Review(Document):
    """What an outage owes its customers afterwards. Its duration is never typed: the incident's times tell it.

    `prevention`: a list of {"what": {language: text}, "owner": {language: text}, "by": "2026-12-01"}. The last published version
    counts.
    """

    noun = "review"
    kind = "review"
    text_fields = ("cause", "measures", "apology", "compensation")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="reviews")
    cause_known = models.BooleanField(default=True, help_text="Not yet known: say so, and by when you will say more.")
    cause_due_at = models.DateTimeField(null=True, blank=True, help_text="If the cause is not yet known: when you will say more.")
    cause = I18nTextField(blank=True, default=dict, help_text="What happened and why, in words customers know.")
    measures = I18nTextField(blank=True, default=dict, help_text="What was done to end it.")
    prevention = models.JSONField(default=list, blank=True, help_text="What will keep it from coming back: what, who, by when.")
    apology = I18nTextField(blank=True, default=dict, help_text="To whom it hurt, for what.")
    compensation = I18nTextField(blank=True, default=dict, help_text="If there is any: who gets what, how, by when.")
    deliver_notifications = models.BooleanField("tell subscribers", default=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("publish_review", "Can publish a review"), ("sign_review", "Can sign a review")]

    def __str__(self) -> str:
        return f"review {self.public_id}"

    def facts(self) -> dict[str, Any]:
        return {
            "incident": self.incident.public_id,
            "cause_known": self.cause_known,
            "cause_due_at": self.cause_due_at,
            "prevention": [item.get("by", "") for item in self.prevention],
            "deliver_notifications": self.deliver_notifications,
        }

    def texts(self) -> dict[str, str]:
        texts = super().texts()
        for number, item in enumerate(self.prevention, 1):
            for part in ("what", "owner"):
                texts |= {f"prevention_{part}_{number}.{code}": text for code, text in by_language(item.get(part, {})).items()}
        return texts

    def without(self, field: str, mark: str) -> tuple[models.Model, dict[str, Any]]:
        subject, _, language = field.rpartition(".")
        if not subject.startswith("prevention_"):
            return super().without(field, mark)
        _, part, number = subject.split("_")
        items = list(self.prevention)
        items[int(number) - 1] = {**items[int(number) - 1], part: {**items[int(number) - 1][part], language: mark}}
        return self, {"prevention": items}
