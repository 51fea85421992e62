"""What customers use, and every change of its state."""

from __future__ import annotations

from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.public_ids import new_public_id
from incidents.words import ComponentStatus, StatusSource


class ComponentGroup(models.Model):
    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    code = models.SlugField(max_length=60, unique=True, help_text="Stable short name, for example sending-and-cash.")
    name = I18nCharField(help_text="In the customers' words, in every language.")
    position = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return str(self.name)


class ComponentQuerySet(models.QuerySet["Component"]):
    def published(self) -> ComponentQuerySet:
        """Components the public may see, in page order."""
        return self.filter(enabled=True).select_related("group").order_by("group__position", "position", "id")


class Component(models.Model):
    """One service in the customers' words. `status` is what the public sees; the parts it was made from stand beside it."""

    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    code = models.SlugField(max_length=60, unique=True, help_text="Stable short name, for example send-money.")
    group = models.ForeignKey(ComponentGroup, on_delete=models.PROTECT, related_name="components")
    name = I18nCharField(help_text="In the customers' words, in every language.")
    description = I18nTextField(blank=True, default=dict)
    position = models.PositiveSmallIntegerField(default=1)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    status = models.CharField(max_length=24, choices=ComponentStatus, default=ComponentStatus.OPERATIONAL, editable=False)
    status_source = models.CharField(max_length=12, choices=StatusSource, default=StatusSource.STATED, editable=False)
    status_since = models.DateTimeField(null=True, blank=True, editable=False)
    # What probes confirmed: empty when no enabled probe watches it, "unknown" while they are silent.
    observed_status = models.CharField(max_length=24, choices=ComponentStatus, blank=True, default="", editable=False)
    observed_since = models.DateTimeField(null=True, blank=True, editable=False)
    # The last state a person stated; what an unwatched component shows.
    stated_status = models.CharField(max_length=24, choices=ComponentStatus, default=ComponentStatus.OPERATIONAL, editable=False)

    objects = ComponentQuerySet.as_manager()

    class Meta:
        ordering = ["group__position", "position", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=ComponentStatus.values), name="component_status_known"),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_watched(self) -> bool:
        return bool(self.observed_status)


class StatusChange(models.Model):
    """One change of a component's public state: appended with its record entry, never edited."""

    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="status_changes")
    record_seq = models.PositiveBigIntegerField(unique=True)
    old_status = models.CharField(max_length=24, choices=ComponentStatus)
    new_status = models.CharField(max_length=24, choices=ComponentStatus)
    source = models.CharField(max_length=12, choices=StatusSource)
    at = models.DateTimeField(db_index=True)
    since = models.DateTimeField(help_text="When it began, where probes can tell: the first bad slot.")

    class Meta:
        ordering = ["record_seq"]

    def __str__(self) -> str:
        return f"{self.component_id}: {self.old_status} to {self.new_status}"
