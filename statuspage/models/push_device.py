"""Browsers that ring when their person is called."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PushDevice(models.Model):
    """One browser of one person, as its push service knows it. It goes when that service says that it is no more."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_devices")
    endpoint = models.CharField(max_length=1000, unique=True)
    p256dh = models.CharField(max_length=120, help_text="The browser's public key, as it gave it.")
    auth = models.CharField(max_length=40, help_text="The browser's secret, as it gave it.")
    name = models.CharField(max_length=120, blank=True)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name or f"device {self.pk}"
