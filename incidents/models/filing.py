"""What a person handed in to a supervisor, or told customers, because a deadline asked for it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from incidents.models.incident import Incident
from incidents.models.maintenance import ScheduledMaintenance


class Filing(models.Model):
    """One filing of an incident, or of planned work, under a rule's filing code. A person files and says when.

    For staff, and in no record entry. A mistake is taken back, with the reason in the audit log; the row stays.
    """

    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="filings")
    planned = models.ForeignKey(ScheduledMaintenance, null=True, blank=True, on_delete=models.PROTECT, related_name="filings")
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
            ),
            models.UniqueConstraint(
                fields=["planned", "code"], condition=models.Q(taken_back_at=None), name="one_filing_per_planned_and_code"
            ),
            models.CheckConstraint(
                condition=models.Q(incident=None) ^ models.Q(planned=None), name="a_filing_is_about_one_thing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} of {self.about.public_id}"

    @property
    def about(self) -> Incident | ScheduledMaintenance:
        about = self.incident or self.planned
        assert about is not None
        return about
