"""What a person was typing at the desk and has not kept yet, and what each form's one-time token came to."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from incidents.models import IncidentUpdate


class DeskDraft(models.Model):
    """A form as one person left it: the draft itself is as it was. Gone once they keep it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    update = models.ForeignKey(IncidentUpdate, on_delete=models.CASCADE, related_name="desk_drafts")
    fields = models.JSONField(help_text="{field: [value, …]} as the browser posted it.")
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["-saved_at"]
        constraints = [models.UniqueConstraint(fields=["person", "update"], name="one_desk_draft_per_person_and_update")]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.update_id}"


class FormToken(models.Model):
    """A form that may be posted once: what it made, for whoever posts it again."""

    token = models.CharField(max_length=40, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    update = models.ForeignKey(IncidentUpdate, on_delete=models.CASCADE, related_name="+")
    used_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.token
