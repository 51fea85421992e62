"""When a signed draft goes out by itself."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from incidents.models.incident import IncidentUpdate


class SetTimeQuerySet(models.QuerySet["SetTime"]):
    def standing(self) -> SetTimeQuerySet:
        """Neither kept, taken back nor given up yet, the next one first."""
        return self.filter(ended_at=None).order_by("at", "id")


class SetTime(models.Model):
    """One moment a person set for a signed draft; one stands a draft. Rows stay for those who ask later."""

    update = models.ForeignKey(IncidentUpdate, on_delete=models.PROTECT, related_name="set_times")
    at = models.DateTimeField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    seen = models.JSONField(help_text="What probes said of its services, and the incident's last public word, as it was set.")
    ended_at = models.DateTimeField(null=True, blank=True)
    refused = models.CharField(max_length=400, blank=True, default="", help_text="Why it did not go out; a person is called.")

    objects = SetTimeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["update"], condition=models.Q(ended_at=None), name="one_set_time_of_a_draft"),
        ]

    def __str__(self) -> str:
        return f"{self.update_id} at {self.at}"
