"""Texts signed in calm time, so that the first word needs nobody's second thought."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.words import ComponentStatus, IncidentStatus


class Notice(models.Model):
    """A pre-signed text. Slots: {component}, {since}, {next}; there is none for a status word: one notice per state."""

    code = models.SlugField(max_length=40, unique=True, help_text="delayed, down, no-change, watching, resolved, ...")
    phase = models.CharField(
        max_length=16, choices=IncidentStatus, blank=True, help_text="The phase it puts an incident in; empty keeps the phase."
    )
    component_status = models.CharField(
        max_length=24, choices=ComponentStatus, blank=True, help_text="The state it states; empty keeps what is shown."
    )
    opens_for = models.JSONField(default=list, blank=True, help_text="Probe-confirmed states for which it is the first notice.")
    title = I18nCharField(help_text="The incident's name when this notice opens one.")
    body = I18nTextField()
    cadence_minutes = models.PositiveSmallIntegerField(
        default=30, help_text="Next update promised after so many minutes; 0: none."
    )
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    signature_hash = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class NoticeVersion(models.Model):
    """A notice as it was signed: appended at each signature, never edited. What went out in its words was this."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    covered = models.JSONField(help_text="All that the signature covers.")
    hash = models.CharField(max_length=64)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["notice", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["notice", "number"], name="one_version_per_notice_and_number"),
            models.UniqueConstraint(
                fields=["notice"], condition=models.Q(withdrawn_at=None), name="one_version_of_a_notice_in_force"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} version {self.number}"
