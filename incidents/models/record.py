"""The public record: append-only, chained by hash, able to forget."""

from __future__ import annotations

from django.db import models

GENESIS = "0" * 64


class RecordHead(models.Model):
    """The single row that orders writers: locked first, in every transaction that appends."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)
    held = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text="Why nothing may be added, in one line; empty: it may."
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_record_head")]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"


class RecordEntry(models.Model):
    """`body` holds the exact canonical bytes (RFC 8785) that `hash` is the SHA-256 of."""

    seq = models.PositiveBigIntegerField(primary_key=True)
    kind = models.CharField(max_length=40, db_index=True)
    at = models.DateTimeField()
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)
    body = models.TextField()

    class Meta:
        ordering = ["seq"]
        permissions = [("redact_recordentry", "Can have a text removed for ever")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class RecordText(models.Model):
    """A free text or name an entry speaks of: the entry holds only sha256(salt || text), so the text can be removed."""

    entry = models.ForeignKey(RecordEntry, on_delete=models.PROTECT, related_name="texts")
    field = models.CharField(max_length=80, help_text="For example body.sw")
    salt = models.CharField(max_length=64, blank=True)
    text = models.TextField(blank=True)
    redacted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "field"], name="one_text_per_entry_and_field")]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.field}"
