"""An incident, its updates, and what each update says of each component."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.languages import by_language
from incidents.models.component import Component
from incidents.models.notice import Notice
from incidents.models.publishable import Document, Publishable, PublishableQuerySet
from incidents.public_ids import new_public_id
from incidents.words import (
    Attribution,
    ComponentStatus,
    DetectedBy,
    Impact,
    IncidentStatus,
    Publication,
    SecurityRelated,
    ShareSource,
)

REOPEN_WITHIN = timedelta(hours=24)


class IncidentQuerySet(models.QuerySet["Incident"]):
    def published(self) -> IncidentQuerySet:
        """Incidents of which at least one word is public."""
        return self.filter(publication=Publication.PUBLISHED)

    def unresolved(self) -> IncidentQuerySet:
        """Published or not, still going on; what was merged goes on elsewhere, and what was written down later never went on."""
        going_on = self.exclude(publication=Publication.DISCARDED).filter(status__in=IncidentStatus.going_on())
        return going_on.standing().filter(backfilled=False)

    def standing(self) -> IncidentQuerySet:
        """Neither merged into another one nor withdrawn."""
        # Said so, SQLite does not look through all that was never merged: without statistics it takes NULL for a rare value.
        return self.exclude(merged_into__isnull=False).filter(withdrawn_at=None)


class Incident(models.Model):
    """Trouble that customers notice, from the first sign to the last word.

    `status`, `impact` and the times are those of the last *published* update; a draft incident has none public.
    """

    public_id = models.CharField(max_length=12, unique=True, default=new_public_id, editable=False)
    name = I18nCharField(help_text="What customers notice, with its start. Constant: mail threads hang on it.")
    publication = models.CharField(max_length=10, choices=Publication, default=Publication.DRAFT, editable=False)
    status = models.CharField(max_length=16, choices=IncidentStatus, default=IncidentStatus.INVESTIGATING, editable=False)
    impact = models.CharField(max_length=10, choices=Impact, default=Impact.NONE, editable=False)
    impact_computed = models.CharField(max_length=10, choices=Impact, default=Impact.NONE, editable=False)
    impact_override = models.CharField(max_length=10, choices=Impact, blank=True, default="", editable=False)
    started_at = models.DateTimeField(help_text="First customer impact, as far as known.")
    detected_at = models.DateTimeField(null=True, blank=True, help_text="When a probe or a person first saw it.")
    detected_by = models.CharField(max_length=8, choices=DetectedBy, blank=True, default="", editable=False)
    aware_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When a person of ours first knew.")
    executive_informed_at = models.DateTimeField(null=True, blank=True, editable=False)
    classified_major_at = models.DateTimeField(null=True, blank=True, editable=False)
    identified_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the cause was known.")
    mitigated_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When customers noticed it no more.")
    # Two that the record knows by itself: what a person says instead stands beside it, and both are shown.
    first_public_update_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Our first public word, where it was not the one here."
    )
    review_published_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its review was first public, where it was not here."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    monitoring_at = models.DateTimeField(null=True, blank=True, editable=False)
    resolved_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="For staff: nothing is owed any more.")
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="+"
    )
    next_update_by = models.DateTimeField(null=True, blank=True, editable=False)
    reopened_at = models.DateTimeField(null=True, blank=True, editable=False)
    follows = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        editable=False,
        related_name="followed_by",
        help_text="It came back.",
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="duplicates"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Its link says that it was withdrawn.")
    backfilled = models.BooleanField(default=False, editable=False, help_text="Written down after it was over.")
    security_related = models.CharField(
        max_length=8, choices=SecurityRelated, default=SecurityRelated.UNKNOWN, editable=False, help_text="For staff."
    )
    evidence = models.JSONField(default=dict, blank=True, editable=False, help_text="What the probes saw; for staff only.")
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(fields=["started_at"], name="incident_started"),
            models.Index(fields=["status"], name="incident_status"),
            models.Index(fields=["resolved_at"], name="incident_resolved"),
        ]
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
        gone = self.publication == Publication.DISCARDED or self.merged_into_id or self.withdrawn_at or self.backfilled
        return not gone and self.status not in IncidentStatus.closed()

    @property
    def first_word_at(self) -> datetime | None:
        """When the public first heard of it: as set by hand, else as recorded."""
        return self.first_public_update_at or self.published_at

    def may_reopen(self, now: datetime) -> bool:
        """Within a day of the last word the same link goes on; later a new incident follows the old one."""
        if self.status not in IncidentStatus.closed() or self.merged_into_id or self.withdrawn_at or self.backfilled:
            return False
        return self.resolved_at is not None and now - self.resolved_at <= REOPEN_WITHIN


MORE_WORDS = ("what_to_do", "who_affected", "still_works")


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
    # What an update may state beside its words; an empty field leaves what was said before.
    what_to_do = I18nTextField(blank=True, default=dict, help_text="What customers should do now.")
    who_affected = I18nTextField(blank=True, default=dict, help_text="Everyone, some, a place, a bank, a kind of phone.")
    still_works = I18nTextField(blank=True, default=dict, help_text="What still works.")
    attribution = models.CharField(max_length=20, choices=Attribution, blank=True, default="")
    channels = models.JSONField(default=list, blank=True, help_text="Of app, ussd, sim, api, agent, bank; empty: all.")
    areas = models.JSONField(default=list, blank=True, help_text="County codes 1 to 47; empty: countrywide.")
    share_affected = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Transactions affected, in thousandths, from data."
    )
    share_source = models.CharField(
        max_length=10,
        choices=ShareSource,
        blank=True,
        default="",
        db_default="",
        help_text="What measured the share; empty: a person says it.",
    )
    next_update_by = models.DateTimeField(null=True, blank=True, help_text="The promise. Required until resolved.")
    deliver_notifications = models.BooleanField("tell subscribers", default=True)
    notice = models.ForeignKey(Notice, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="updates")
    automatic = models.BooleanField(default=False, editable=False, help_text="Published unattended.")
    holding = models.JSONField(
        default=list, blank=True, editable=False, help_text="Languages whose words are still to come: incidents.holding."
    )
    display_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Why a person overrode a blocker (probes that disagree), typed by them; internal.
    reason = models.TextField(blank=True, default="", help_text="Only for staff: why you publish although probes disagree.")

    objects = IncidentUpdateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("publish_incidentupdate", "Can publish an incident update"),
            ("sign_incidentupdate", "Can sign an incident update"),
            ("sign_security_update", "Can sign an update about a matter of security"),
            ("translate_words", "Can write a draft's words in the other languages"),
        ]
        indexes = [models.Index(fields=["display_at"], name="update_display")]
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
            "affected": [
                [*stated]
                for stated in self.affected.order_by("component__public_id").values_list("component__public_id", "new_status")
            ],
            "next_update_by": self.next_update_by,
            "deliver_notifications": self.deliver_notifications,
            **self.scope(),
            **self.more_words(),
        }

    def scope(self) -> dict[str, Any]:
        """The closed words and numbers it states beside the states; what it does not state is left out."""
        stated = {
            "attribution": self.attribution,
            "channels": sorted(self.channels),
            "areas": sorted(self.areas),
            "share_affected": self.share_affected,
            "share_source": self.share_source,
        }
        return {field: value for field, value in stated.items() if value not in ("", [], None)}

    def more_words(self) -> dict[str, dict[str, str]]:
        """The texts it has beside its body, {field: {language: text}}; empty ones are left out."""
        texts = {field: by_language(getattr(self, field)) for field in MORE_WORDS}
        return {field: text for field, text in texts.items() if any(text.values())}


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


class InternalNote(models.Model):
    """What staff tell each other about an incident: never public, in no record entry."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"note {self.pk} on {self.incident_id}"


class MissedPromise(models.Model):
    """A promised time that passed without a word: appended with its record entry."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="missed_promises")
    promised_by = models.DateTimeField()
    record_seq = models.PositiveBigIntegerField(unique=True)

    class Meta:
        ordering = ["record_seq"]
        constraints = [models.UniqueConstraint(fields=["incident", "promised_by"], name="a_promise_is_missed_once")]

    def __str__(self) -> str:
        return f"{self.incident_id}: {self.promised_by}"


class RedressQuerySet(PublishableQuerySet["Redress"]):
    pass


class Redress(Document):
    """Who may have been charged twice or late, by when that is made good, where to complain."""

    noun = "redress"
    kind = "redress"
    text_fields = ("who", "how", "complain")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="redress")
    who = I18nTextField(help_text="Who may have been charged twice or late.")
    how = I18nTextField(help_text="How it is made good.")
    complain = I18nTextField(help_text="Where to complain if it is not.")
    good_by = models.DateField(help_text="By when it is made good.")

    objects = RedressQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("publish_redress", "Can publish what is made good"), ("sign_redress", "Can sign what is made good")]

    def __str__(self) -> str:
        return f"redress {self.public_id}"

    def facts(self) -> dict[str, Any]:
        return {"incident": self.incident.public_id, "good_by": self.good_by.isoformat()}


class AfterSignature(models.Model):
    """The second person's signature that words published alone still owe; late, the record says so."""

    update = models.OneToOneField(IncidentUpdate, on_delete=models.PROTECT, related_name="after_signature")
    broken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(help_text="For staff: why nobody else could sign.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Empty until it is published.")
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    missed_seq = models.PositiveBigIntegerField(null=True, blank=True, unique=True)

    class Meta:
        ordering = ["id"]
        permissions = [("break_glass", "Can publish alone with a typed reason")]

    def __str__(self) -> str:
        return f"after-signature of {self.update_id}"
