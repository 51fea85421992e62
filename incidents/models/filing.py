"""What a person handed in to a supervisor, or told customers, because a deadline asked for it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from incidents.models.incident import Incident


class Filing(models.Model):
    """One filing of an incident under a rule's filing code. Nothing files by itself: a person says when they did.

    For staff, and in no record entry. A mistake is taken back, with the reason in the audit log; the row stays.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="filings")
    code = models.CharField(max_length=60, help_text="The filing code of the rule, for example ca-report.")
    filed_at = models.DateTimeField()
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=200, blank=True, help_text="Their receipt: a number, a name, a link.")
    text = models.TextField(blank=True, help_text="What was handed in.")
    taken_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["filed_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "code"], condition=models.Q(taken_back_at=None), name="one_filing_per_incident_and_code"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} of {self.incident_id}"
