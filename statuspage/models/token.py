"""What machines show to write through the API, and what they asked for once already."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from incidents.models import Component


class TokenQuerySet(models.QuerySet["Token"]):
    def valid(self, now: datetime) -> TokenQuerySet:
        """Taken, not revoked, not lapsed, of somebody who still works here."""
        return self.exclude(secret_hash="").filter(revoked_at=None, expires_at__gt=now, owner__is_active=True)


class Token(models.Model):
    """A machine that acts for a person, its owner: within their rights, within its scopes, and never as a second person.

    Of the secret only a hash is kept. `mark` is its first part, which finds the row; the owner alone takes it, once.
    """

    name = models.SlugField(max_length=60, unique=True, help_text="What uses it: nightly-books, deploy-pipeline.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tokens", help_text="Who answers for what it writes."
    )
    scopes = models.JSONField(default=list, help_text="What it is for.")
    components = models.ManyToManyField(
        Component, blank=True, related_name="+", help_text="The services it may speak of; none: all of them."
    )
    mark = models.CharField(max_length=12, unique=True, null=True, editable=False)  # noqa: DJ001  unique only where it is set
    secret_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    made_at = models.DateTimeField(editable=False)
    taken_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(help_text="At most a year from now.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name


class IdempotencyKey(models.Model):
    """What was asked under a key, and the answer that each repeat gets. Without a status it is still being done."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, address and body.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True, default="")
    asked_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="one_answer_per_idempotency_key")]

    def __str__(self) -> str:
        return self.key
