"""Who is on duty, and how they are called."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models


class DutyRole(models.TextChoices):
    AUTHOR = "author", "Author"
    APPROVER = "approver", "Approver"
    ENGINEER = "engineer", "Engineer"


class DutyShiftQuerySet(models.QuerySet["DutyShift"]):
    def at(self, moment: datetime) -> DutyShiftQuerySet:
        """Who is on duty then, whoever came first first."""
        return self.filter(starts_at__lte=moment, ends_at__gt=moment).order_by("starts_at", "id")


class DutyShift(models.Model):
    """One person on duty in one role, from and to."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=DutyRole)
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("to", db_index=True)

    objects = DutyShiftQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="a_shift_ends_after_it_began",
                violation_error_message="The shift ends before it begins: change From or To.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.role}"


class AlertKind(models.TextChoices):
    DRAFT = "draft", "Draft opened"
    UNATTENDED = "unattended", "Published by itself"
    SIGNATURE = "signature", "Signature waiting"
    TRANSLATION = "translation", "Words still to come"
    SET_TIME = "set_time", "Not out at its time"
    PROMISE = "promise", "Promise due"
    STATEMENT = "statement", "Statement lapsing"
    AGENT = "agent", "Agent silent"
    PROBE = "probe", "Probe misconfigured"
    SNAPSHOT = "snapshot", "Snapshot old"


class StaffAlert(models.Model):
    """Something that needs a person. Open until the cause is gone or somebody acknowledged it."""

    kind = models.CharField(max_length=12, choices=AlertKind)
    key = models.CharField(max_length=160, unique=True, help_text="Names its cause and moment: raised once.")
    severity = models.CharField(max_length=8, choices=[("critical", "critical"), ("warning", "warning")])
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=300, blank=True)
    path = models.CharField(max_length=200, help_text="Where at the desk it is dealt with.")
    raised_at = models.DateTimeField()
    stage = models.PositiveSmallIntegerField(default=0, help_text="How many of its calls were made.")
    resolved_at = models.DateTimeField(null=True, blank=True, help_text="When the cause was gone.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["kind"], condition=models.Q(resolved_at=None), name="open_alerts"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None and self.acknowledged_at is None


class AlertSending(models.Model):
    """One telling of an alert by one way: mail or push to a person, or a webhook."""

    alert = models.ForeignKey(StaffAlert, on_delete=models.CASCADE, related_name="sendings")
    channel = models.CharField(max_length=10, choices=[(way, way) for way in ("mail", "push", "webhook", "pagerduty")])
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    event = models.CharField(
        max_length=12, default="trigger", help_text="trigger, again, acknowledge or resolve; people hear the first two."
    )
    due_at = models.DateTimeField(null=True, blank=True, help_text="Empty once it was sent or given up.")
    attempt = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "person", "event"], name="an_alert_is_told_once_a_person"),
            models.UniqueConstraint(
                fields=["alert", "channel", "event"], condition=models.Q(person=None), name="an_alert_is_told_once_a_way"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="sendings_due")]

    def __str__(self) -> str:
        return f"{self.channel} of {self.alert_id}"
