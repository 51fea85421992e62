"""An incident, its updates, and what each update says of each component."""

from __future__ import annotations

from typing import Any

from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.languages import by_language
from incidents.models.component import Component
from incidents.models.notice import Notice
from incidents.models.publishable import Publishable, PublishableQuerySet
from incidents.public_ids import new_public_id
from incidents.words import ComponentStatus, Impact, IncidentStatus, Publication


class IncidentQuerySet(models.QuerySet["Incident"]):
    def published(self) -> IncidentQuerySet:
        """Incidents of which at least one word is public."""
        return self.filter(publication=Publication.PUBLISHED)

    def unresolved(self) -> IncidentQuerySet:
        """Published or not, still going on."""
        return self.exclude(publication=Publication.DISCARDED).exclude(status__in=IncidentStatus.closed())


class Incident(models.Model):
    """Trouble that customers notice, from the first sign to the last word.

    `status`, `impact` and the times are those of the last *published* update; a draft incident has none public.
    """

    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    name = I18nCharField(help_text="What customers notice, with its start. Constant: mail threads hang on it.")
    publication = models.CharField(max_length=10, choices=Publication, default=Publication.DRAFT, editable=False)
    status = models.CharField(max_length=16, choices=IncidentStatus, default=IncidentStatus.INVESTIGATING, editable=False)
    impact = models.CharField(max_length=10, choices=Impact, default=Impact.NONE, editable=False)
    started_at = models.DateTimeField(help_text="First customer impact, as far as known.")
    detected_at = models.DateTimeField(null=True, blank=True, help_text="When a probe or a person first saw it.")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    monitoring_at = models.DateTimeField(null=True, blank=True, editable=False)
    resolved_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_update_by = models.DateTimeField(null=True, blank=True, editable=False)
    evidence = models.JSONField(default=dict, blank=True, editable=False, help_text="What the probes saw; for staff only.")
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(publication="published", published_at__isnull=False) | ~models.Q(publication="published"),
                name="published_incident_has_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_open(self) -> bool:
        return self.publication != Publication.DISCARDED and self.status not in IncidentStatus.closed()


class IncidentUpdateQuerySet(PublishableQuerySet["IncidentUpdate"]):
    def published(self) -> IncidentUpdateQuerySet:
        """Public words, newest first."""
        return self.filter(publication=Publication.PUBLISHED).order_by("-display_at", "-id")


class IncidentUpdate(Publishable):
    """One public word about an incident. Published rows never change; a correction is a new row."""

    noun = "update"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="updates")
    status = models.CharField(
        "phase", max_length=16, choices=IncidentStatus, help_text="The phase this update puts the incident in."
    )
    body = I18nTextField(help_text="What you will notice; what to do; what we are doing. In every language.")
    next_update_by = models.DateTimeField(null=True, blank=True, help_text="The promise. Required until resolved.")
    deliver_notifications = models.BooleanField("tell subscribers", default=True)
    notice = models.ForeignKey(Notice, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="updates")
    automatic = models.BooleanField(default=False, editable=False, help_text="Published unattended.")
    display_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Why a person overrode a blocker (probes that disagree), typed by them; internal.
    reason = models.TextField(blank=True, default="", help_text="Only for staff: why you publish although probes disagree.")

    objects = IncidentUpdateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("publish_incidentupdate", "Can publish an incident update"),
            ("sign_incidentupdate", "Can sign an incident update"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(publication="published")
                | models.Q(published_at__isnull=False, display_at__isnull=False, record_seq__isnull=False),
                name="published_update_is_recorded",
            ),
            models.CheckConstraint(
                condition=models.Q(signature_kind="none") | ~models.Q(signature_hash=""), name="signature_has_hash"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.public_id}"

    def covered(self) -> dict[str, Any]:
        """Texts, phase, states, promise, and whether subscribers hear of it."""
        return {
            "incident": self.incident.public_id,
            "name": by_language(self.incident.name),
            "status": self.status,
            "body": by_language(self.body),
            "affected": [[item.component.public_id, item.new_status] for item in self.affected.order_by("component__public_id")],
            "next_update_by": self.next_update_by,
            "deliver_notifications": self.deliver_notifications,
        }


class AffectedComponent(models.Model):
    """The state an update states for one component. The name is frozen when the update is published."""

    update = models.ForeignKey(IncidentUpdate, on_delete=models.CASCADE, related_name="affected")
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="affected")
    old_status = models.CharField(max_length=24, choices=ComponentStatus, default=ComponentStatus.OPERATIONAL, editable=False)
    new_status = models.CharField("state", max_length=24, choices=ComponentStatus)
    name = I18nCharField(blank=True, default=dict, editable=False)
    # What probes said, where a person stated better with a typed reason: the word holds while they say nothing worse than that.
    overruled = models.CharField(max_length=24, choices=ComponentStatus, blank=True, default="", editable=False)

    class Meta:
        ordering = ["component__group__position", "component__position", "id"]
        constraints = [models.UniqueConstraint(fields=["update", "component"], name="one_state_per_update_and_component")]

    def __str__(self) -> str:
        return f"{self.component_id}: {self.new_status}"
