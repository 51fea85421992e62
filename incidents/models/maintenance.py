"""Planned work: its window, every public word about it, and what it may do to each component."""

from __future__ import annotations

from typing import Any

from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents import planned_words
from incidents.languages import by_language
from incidents.maintenance import AT_WORK, OVER, Act, Phase
from incidents.models.component import Component
from incidents.models.incident import Incident
from incidents.models.publishable import Document, PublishableQuerySet
from incidents.public_ids import new_public_id
from incidents.words import ComponentStatus, Publication

PHASES = [(phase.value, phase.value.replace("_", " ")) for phase in Phase]
ACTS = [(act.value, act.value.replace("_", " ")) for act in Act]


class ScheduledMaintenanceQuerySet(models.QuerySet["ScheduledMaintenance"]):
    def published(self) -> ScheduledMaintenanceQuerySet:
        """Announced work, the latest start first."""
        return self.filter(publication=Publication.PUBLISHED).order_by("-starts_at", "-id")

    def live(self) -> ScheduledMaintenanceQuerySet:
        """Announced, and neither completed nor cancelled."""
        return self.published().exclude(phase__in=OVER)

    def in_force(self) -> ScheduledMaintenanceQuerySet:
        """At work inside the announced time: what explains the states it expects."""
        return self.published().filter(phase__in=AT_WORK, overrun_at=None)

    def series(self) -> ScheduledMaintenanceQuerySet:
        """The first ones of recurring work that goes on."""
        return self.published().exclude(recurrence="").filter(first=None, series_ended_at=None)


class ScheduledMaintenance(models.Model):
    """One window of planned work. All beside the name is what its published updates made of it; a draft has no times yet."""

    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    name = I18nCharField(help_text="What is done, in the customers' words. Constant: mail threads hang on it.")
    publication = models.CharField(max_length=10, choices=Publication, default=Publication.DRAFT, editable=False)
    phase = models.CharField(max_length=12, choices=PHASES, default=Phase.SCHEDULED.value, editable=False)
    plan = models.ForeignKey(
        "MaintenanceUpdate",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        editable=False,
        related_name="plan_of",
        help_text="The update that announced the times and components that hold.",
    )
    starts_at = models.DateTimeField(null=True, blank=True, editable=False)
    ends_at = models.DateTimeField(null=True, blank=True, editable=False)
    announced_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When these times became public.")
    automatic_start = models.BooleanField(default=True)
    automatic_end = models.BooleanField(default=True, help_text="Without it a person says that it is done.")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    verifying_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Completed or cancelled.")
    overrun_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When it was found to run late.")
    overrun_incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="overrun_of"
    )
    recurrence = models.CharField(
        max_length=120,
        blank=True,
        default="",
        help_text="FREQ=WEEKLY;BYDAY=SU (RFC 5545). The same words announce each next one: name no day in them.",
    )
    first = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="later", help_text="Of its series."
    )
    occurrence_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Its start by the rule; a new date does not change it."
    )
    series_ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ScheduledMaintenanceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(publication="published")
                | models.Q(published_at__isnull=False, plan__isnull=False, announced_at__lt=models.F("starts_at")),
                name="maintenance_was_announced_beforehand",
            ),
            models.CheckConstraint(
                condition=models.Q(starts_at=None) | models.Q(ends_at__gt=models.F("starts_at")),
                name="maintenance_ends_after_it_began",
            ),
            models.UniqueConstraint(fields=["first", "occurrence_at"], name="one_maintenance_per_occurrence"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class MaintenanceUpdateQuerySet(PublishableQuerySet["MaintenanceUpdate"]):
    pass


class MaintenanceUpdate(Document):
    """One public word about planned work. With times it announces them; without, it says how the work goes."""

    noun = "maintenance_update"
    kind = "maintenance_update"
    text_fields = ("body",)

    maintenance = models.ForeignKey(ScheduledMaintenance, on_delete=models.PROTECT, related_name="updates")
    status = models.CharField("phase", max_length=12, choices=PHASES, default=Phase.SCHEDULED.value)
    body = I18nTextField()
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    deliver_notifications = models.BooleanField("tell subscribers", default=True)
    act = models.CharField(max_length=12, choices=ACTS, blank=True, default="", editable=False, help_text="What fell due.")
    due_key = models.CharField(max_length=80, null=True, blank=True, editable=False)  # noqa: DJ001  unique only where it is set

    objects = MaintenanceUpdateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("publish_maintenanceupdate", "Can publish a word about planned work"),
            ("sign_maintenanceupdate", "Can sign a word about planned work"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["maintenance", "due_key"], name="what_falls_due_is_done_once"),
            models.CheckConstraint(
                condition=models.Q(starts_at=None, ends_at=None) | models.Q(starts_at__isnull=False, ends_at__isnull=False),
                name="maintenance_update_announces_both_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.public_id}"

    @property
    def announces(self) -> bool:
        return self.starts_at is not None

    def facts(self) -> dict[str, Any]:
        return {
            "maintenance": self.maintenance.public_id,
            "status": self.status,
            "deliver_notifications": self.deliver_notifications,
            **({"act": self.act} if self.act else {}),
            **self._announced(),
            "affected": [
                {"component": item.component.public_id, "old": item.old_status, "new": item.new_status, **item.expectation()}
                for item in self.named()
            ],
        }

    def _announced(self) -> dict[str, Any]:
        if not self.announces:
            return {}
        maintenance = self.maintenance
        return {
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "automatic_start": maintenance.automatic_start,
            "automatic_end": maintenance.automatic_end,
            **({"recurrence": maintenance.recurrence} if maintenance.recurrence else {}),
            **({"series": maintenance.first.public_id} if maintenance.first else {}),
        }

    def named(self) -> list[MaintenanceComponent]:
        return sorted(self.affected.select_related("component"), key=lambda item: item.component.public_id)

    def texts(self) -> dict[str, str]:
        texts = {f"name.{code}": text for code, text in by_language(self.maintenance.name).items()} | super().texts()
        for item in self.named():
            texts |= {f"affected.{item.component.public_id}.{code}": text for code, text in by_language(item.name).items()}
        return {field: text for field, text in texts.items() if text}

    def covered(self) -> dict[str, Any]:
        """What is announced, and with it the words that will come by themselves; not the states of the moment it goes out."""
        return {
            "maintenance": self.maintenance.public_id,
            "name": by_language(self.maintenance.name),
            "status": self.status,
            "body": by_language(self.body),
            "affected": [[item.component.public_id, item.expected] for item in self.named()],
            "deliver_notifications": self.deliver_notifications,
            **self._announced(),
            **({"follow_by_themselves": planned_words.everything()} if self.announces else {}),
        }

    def may_say_maintenance(self) -> bool:
        """It is what announces the work."""
        return True

    def holder_of(self, subject: str) -> tuple[models.Model, str]:
        if subject == "name":
            return self.maintenance, "name"
        if subject.startswith("affected."):
            return self.affected.get(component__public_id=subject.removeprefix("affected.")), "name"
        return super().holder_of(subject)


class MaintenanceComponent(models.Model):
    """A component that an update of planned work names. `expected`: the worst it may show inside the window."""

    update = models.ForeignKey(MaintenanceUpdate, on_delete=models.CASCADE, related_name="affected")
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="planned")
    expected = models.CharField(max_length=24, choices=ComponentStatus, blank=True, default="")
    old_status = models.CharField(max_length=24, choices=ComponentStatus, default=ComponentStatus.OPERATIONAL, editable=False)
    new_status = models.CharField(max_length=24, choices=ComponentStatus, default=ComponentStatus.OPERATIONAL, editable=False)
    name = I18nCharField(blank=True, default=dict, editable=False)

    class Meta:
        ordering = ["component__group__position", "component__position", "id"]
        constraints = [models.UniqueConstraint(fields=["update", "component"], name="one_row_per_planned_component")]

    def __str__(self) -> str:
        return f"{self.component_id}: {self.expected}"

    def expectation(self) -> dict[str, str]:
        return {"expected": self.expected} if self.expected else {}
