"""What customers should know though nothing is broken: a warning of scams, a new number."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.models.publishable import Document, PublishableQuerySet
from incidents.words import Publication


class AnnouncementQuerySet(PublishableQuerySet["Announcement"]):
    def shown(self, now: datetime) -> AnnouncementQuerySet:
        """Those the page shows now, pinned ones first."""
        current = self.filter(publication=Publication.PUBLISHED, withdrawn_at=None, starts_at__lte=now)
        return current.filter(Q(ends_at=None) | Q(ends_at__gt=now)).order_by("-pinned", "-starts_at", "-id")


class Announcement(Document):
    """Shown from its start to its end; it stays in the record after that, and when it is withdrawn."""

    noun = "announcement"
    kind = "announcement"
    text_fields = ("title", "body")

    title = I18nCharField()
    body = I18nTextField()
    starts_at = models.DateTimeField(help_text="Shown from then on.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Shown until then; empty: until it is withdrawn.")
    pinned = models.BooleanField(default=False, help_text="Above everything but incidents.")
    deliver_notifications = models.BooleanField("tell subscribers", default=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("publish_announcement", "Can publish an announcement"), ("sign_announcement", "Can sign an announcement")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=models.F("starts_at")), name="announcement_ends_after_it_began"
            ),
        ]

    def __str__(self) -> str:
        return str(self.title)

    def may_say_maintenance(self) -> bool:
        """Its own kind asks whether any work is announced."""
        return True

    def facts(self) -> dict[str, Any]:
        return {
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "pinned": self.pinned,
            "deliver_notifications": self.deliver_notifications,
        }
