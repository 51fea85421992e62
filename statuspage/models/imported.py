"""What came from another status page: its id there, and what it is here. So a second import changes nothing."""

from __future__ import annotations

from django.db import models


class Imported(models.Model):
    """One thing of another page. `target` is the public id or code of what was made of it, or stood here already."""

    source = models.CharField(max_length=120, help_text="statuspage:hbt40cyvzkpg, cachet, cstate, uptime-kuma.")
    kind = models.CharField(max_length=12)
    external_id = models.CharField(max_length=200)
    target = models.CharField(max_length=60)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["source", "kind", "external_id"], name="one_target_per_external_id")]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.external_id}"
