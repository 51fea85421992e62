"""The last time each part of the copy was seen doing its work: written by doing it, not by being asked."""

from __future__ import annotations

from django.db import models


class Heartbeat(models.Model):
    name = models.CharField(max_length=40, primary_key=True, help_text="publisher, queue:core, queue:notify")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
