"""Note the audit log's head now, as the beat does each night."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from statuspage import audit_heads


class Command(BaseCommand):
    help = "Note the head of the audit log in HALI_AUDIT_HEADS and mail it to HALI_AUDIT_HEADS_TO."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head = audit_heads.note(now=timezone.now())
        except (audit_heads.HeadNotNoted, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{head.events} events, head {head.head}")
