"""The switch that stops whatever would go out by itself."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Freeze(models.Model):
    """One stop of all automatic publishing; the one that is not lifted holds."""

    reason = models.CharField(max_length=200)
    frozen_at = models.DateTimeField()
    frozen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-id"]
        permissions = [("freeze_publishing", "Can stop all automatic publishing, and let it go on")]
        constraints = [models.UniqueConstraint(models.Value(1), condition=models.Q(lifted_at=None), name="one_freeze_holds")]

    def __str__(self) -> str:
        return f"frozen {self.frozen_at}"
