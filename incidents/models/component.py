"""What customers use, and every change of its state."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Coalesce
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.places import COUNTIES
from incidents.public_ids import new_public_id
from incidents.words import Channel, ComponentStatus, Need, StatusSource


def known_channels(value: list[str]) -> None:
    """Refuses what is no channel of ours."""
    if unknown := sorted(set(value) - set(Channel.values)):
        raise ValidationError(f"{', '.join(unknown)}: use {', '.join(Channel.values)}.")


def known_areas(value: list[int]) -> None:
    """Refuses what is no county's code."""
    if not set(value) <= set(COUNTIES):
        raise ValidationError("Use county codes from 1 to 47.")


class ComponentGroup(models.Model):
    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    code = models.SlugField(max_length=60, unique=True, help_text="Stable short name, for example sending-and-cash.")
    name = I18nCharField(help_text="In the customers' words, in every language.")
    position = models.PositiveSmallIntegerField(default=1)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children", help_text="Two levels, no more."
    )
    has_heading = models.BooleanField(default=True, help_text="Without one its services stand by themselves, in no group.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(parent=models.F("id")), name="group_is_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class ComponentQuerySet(models.QuerySet["Component"]):
    def published(self) -> ComponentQuerySet:
        """Components the public may see, in page order."""
        return (
            self.filter(enabled=True, internal=False)
            .select_related("group__parent")
            .order_by(Coalesce("group__parent__position", "group__position"), "group__position", "position", "id")
        )


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

    internal = models.BooleanField(
        default=False, help_text="A part behind the services (core, SMS centre): for staff and proposals, never public."
    )
    critical = models.BooleanField(default=False, help_text="When this one does not work, the whole page says major outage.")
    only_show_if_degraded = models.BooleanField(default=False, help_text="Shown only while something is wrong with it.")
    showcase = models.BooleanField(default=True, help_text="Show its history of days.")
    start_date = models.DateField(null=True, blank=True, help_text="Its history begins here; empty: the day it was made.")
    owner = models.CharField(
        max_length=80, blank=True, default="", help_text="Whose it is, where it is not ours: a bank, a biller."
    )
    channels = models.JSONField(
        default=list,
        blank=True,
        validators=[known_channels],
        help_text="Where customers reach it (app, ussd, sim, api, agent, bank).",
    )
    areas = models.JSONField(
        default=list, blank=True, validators=[known_areas], help_text="County codes 1 to 47; empty: countrywide."
    )
    needs = models.ManyToManyField(
        "self", through="Dependency", symmetrical=False, related_name="needed_by", through_fields=("component", "needs")
    )

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


class Dependency(models.Model):
    """`component` needs `needs`. Proposals follow these; people confirm."""

    component = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="dependencies")
    needs = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="dependents")
    kind = models.CharField(max_length=4, choices=Need, default=Need.HARD)

    class Meta:
        ordering = ["component_id", "needs_id"]
        constraints = [
            models.UniqueConstraint(fields=["component", "needs"], name="one_dependency_per_pair"),
            models.CheckConstraint(condition=~models.Q(component=models.F("needs")), name="nothing_needs_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} needs {self.needs_id} ({self.kind})"


class OverrideQuerySet(models.QuerySet["Override"]):
    def standing(self) -> OverrideQuerySet:
        return self.filter(ended_at=None)


class Override(models.Model):
    """A state a person set by hand, with a reason and an end: it stands over what probes confirm, under incidents."""

    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="overrides")
    status = models.CharField(max_length=24, choices=ComponentStatus)
    reason = models.TextField(help_text="For staff.")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: it expired.",
    )

    objects = OverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["component"], condition=models.Q(ended_at=None), name="one_standing_override_per_component"
            ),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("set_at")), name="override_ends_after_it_began"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id}: {self.status} until {self.expires_at}"


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
