"""Every act of staff: append-only, for the people who check the people. A trigger of the database refuses all else."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=150, help_text="As it was then; “probes”, “publisher” or a command for machines.")
    act = models.CharField(max_length=60, db_index=True)
    target = models.CharField(max_length=120, blank=True, db_index=True)
    details = models.JSONField(default=dict, blank=True)
    address = models.CharField(
        max_length=45, blank=True, default="", help_text="From where; empty for what was not done at the desk."
    )
    factor = models.CharField(
        max_length=20, blank=True, default="", help_text="The second factor of the sign-in; “none” where there was none."
    )

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.actor_name} {self.act} {self.target}"
