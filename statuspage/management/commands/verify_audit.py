"""Prove the audit log by the heads that were noted of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from statuspage import audit_heads


class Command(BaseCommand):
    help = "Prove that the audit log still says what it said at each noted head. Exit 1 names the first that does not hold."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--heads", default="", metavar="FILE", help="heads kept elsewhere; else those of HALI_AUDIT_HEADS")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["heads"] or settings.AUDIT_HEADS)
        try:
            heads = audit_heads.noted(path)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        if not heads:
            raise CommandError(f"{path} holds no head: `manage.py note_audit_head` notes one.")
        if wrong := audit_heads.first_wrong(heads):
            raise CommandError(f"The audit log does not hold: an event up to {wrong.last_id} is not what it was at {wrong.at}.")
        self.stdout.write(f"The audit log holds: {len(heads)} heads, the last of {heads[-1].at} over {heads[-1].events} events.")
