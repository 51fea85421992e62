"""What was public and no longer holds: it stays visible, with the reason and the time."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from i18nfield.fields import I18nTextField

from incidents.models.publishable import Document, PublishableQuerySet
from incidents.models.rebuttal import Rebuttal
from incidents.models.statement import Statement
from incidents.statements import Cause


class WithdrawalQuerySet(PublishableQuerySet["Withdrawal"]):
    pass


class Withdrawal(Document):
    """Takes back one statement or one rebuttal (its last version, and with it all). The note is public."""

    noun = "withdrawal"
    kind = "withdrawal"
    text_fields = ("note",)
    read_with: ClassVar[tuple[str, ...]] = ("statement__incident", "rebuttal__incident")

    statement = models.ForeignKey(Statement, null=True, blank=True, on_delete=models.PROTECT, related_name="withdrawals")
    rebuttal = models.ForeignKey(Rebuttal, null=True, blank=True, on_delete=models.PROTECT, related_name="withdrawals")
    cause = models.CharField(max_length=20, choices=[(cause.value, cause.value) for cause in Cause], default=Cause.BY_HAND)
    note = I18nTextField(help_text="Public: why it no longer holds.")

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("publish_withdrawal", "Can publish a withdrawal"), ("sign_withdrawal", "Can sign a withdrawal")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(statement=None) ^ models.Q(rebuttal=None), name="a_withdrawal_takes_back_one_thing"
            ),
            models.UniqueConstraint(
                fields=["statement"], condition=models.Q(publication="published"), name="a_statement_is_withdrawn_once"
            ),
            models.UniqueConstraint(
                fields=["rebuttal"], condition=models.Q(publication="published"), name="a_rebuttal_is_withdrawn_once"
            ),
        ]

    def __str__(self) -> str:
        return f"withdrawal {self.public_id}"

    def facts(self) -> dict[str, Any]:
        if self.statement:
            about = {"statement": self.statement.public_id, "incident": self.statement.incident.public_id}
        else:
            assert self.rebuttal is not None
            incident = self.rebuttal.incident
            about = {"rebuttal": self.rebuttal.series, **({"incident": incident.public_id} if incident else {})}
        return {**about, "cause": self.cause}
