"""What is said of data and funds in an incident, who signed it in which role, and what staff know that it stands on."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from i18nfield.fields import I18nCharField, I18nTextField

from incidents.models.incident import Incident
from incidents.models.publishable import Document, PublishableQuerySet
from incidents.statements import Level, Role
from incidents.words import SecurityRelated


class StatementQuerySet(PublishableQuerySet["Statement"]):
    pass


class Statement(Document):
    """One statement: its level, its words, what it is about, as of when, until when. The newest of each ladder stands, unless it
    is withdrawn; withdrawn ones stay visible."""

    noun = "statement"
    kind = "statement"
    text_fields = ("scope", "body")
    read_with: ClassVar[tuple[str, ...]] = ("incident", "signatures")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="statements")
    level = models.CharField(max_length=8, choices=[(level.value, level.value) for level in Level])
    scope = I18nCharField(help_text="What it is about: which incident, which services, which data.")
    body = I18nTextField(help_text="The permitted words of its level, the slots filled.")
    as_of = models.DateTimeField(help_text="As of when it is true.")
    expires_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="It lapses unless one is signed anew.")
    security = models.CharField(
        max_length=8, choices=SecurityRelated, blank=True, default="", editable=False, help_text="What stood when it was signed."
    )

    objects = StatementQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("publish_statement", "Can publish a statement"),
            ("sign_statement", "Can sign a statement in a role"),
        ]

    def __str__(self) -> str:
        return f"statement {self.public_id} ({self.level})"

    @property
    def signed_in(self) -> list[str]:
        """Roles whose signature covers the words as they are."""
        if self.pk is None:
            return []
        return sorted(one.role for one in self.signatures.all() if one.hash == self.signature_hash)

    @property
    def withdrawal(self) -> Any:
        """The published withdrawal, if there is one."""
        return next((one for one in self.withdrawals.all() if one.is_published), None)

    def stated(self) -> dict[str, Any]:
        return {"incident": self.incident.public_id, "level": self.level, "as_of": self.as_of}

    def facts(self) -> dict[str, Any]:
        return {**self.stated(), "signed_in": self.signed_in, "expires_at": self.expires_at}

    def covered(self) -> dict[str, Any]:
        """Without what signing itself adds."""
        return {"kind": self.kind, "id": self.public_id, "facts": self.stated(), "texts": self.texts()}


class StatementSignature(models.Model):
    """One person's signature in one role. It counts while `hash` is that of the words."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="signatures")
    role = models.CharField(max_length=40, choices=[(role.value, role.value.replace("_", " ")) for role in Role])
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["statement", "role"], name="one_signature_per_role")]

    def __str__(self) -> str:
        return f"{self.role} on {self.statement_id}"


class StatementGround(models.Model):
    """What staff established about data and funds in an incident; for staff only. Empty words: not done yet."""

    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="ground")
    triage = models.TextField(blank=True, default="", help_text="What the security triage found.")
    log_review = models.TextField(blank=True, default="", help_text="Where the finished log review is filed.")
    reconciliation = models.TextField(blank=True, default="", help_text="Where the comparison of the books stands.")
    cause_is_an_attacker = models.BooleanField(default=False)
    duplicates_open = models.BooleanField(default=False, help_text="Double debits are not all returned.")
    cause_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    security_changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"ground of {self.incident_id}"


class Breach(models.Model):
    """A breach record: somebody may have seen personal data. For staff only; while it is open, only “we are checking” stands."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="breaches")
    reason = models.TextField(help_text="What was seen.")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    finding = models.TextField(blank=True, default="", help_text="What it turned out to be.")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"breach record {self.pk} of {self.incident_id}"


class PhraseTick(models.Model):
    """An engineer confirms one locked phrase in the words as they are: it counts while `hash` is that of the words."""

    target = models.CharField(max_length=12, help_text="The public id of what holds the phrase.")
    code = models.CharField(max_length=40)
    hash = models.CharField(max_length=64)
    engineer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    ground = models.TextField(help_text="For staff: where it was looked up.")

    class Meta:
        ordering = ["id"]
        permissions = [("tick_phrase", "Can confirm a locked phrase")]
        constraints = [models.UniqueConstraint(fields=["target", "code", "hash"], name="one_tick_per_phrase_and_words")]

    def __str__(self) -> str:
        return f"{self.code} in {self.target}"
