"""Prove the public record."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidents.verification import verify


class Command(BaseCommand):
    help = "Prove the record's chain, texts and rows. Exit 1 names the first entry that does not hold."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", default="", metavar="HASH", help="a head hash printed earlier: it must stand in the chain")

    def handle(self, *args: Any, **options: Any) -> None:
        found = verify(expected_head=options["head"].strip().lower())
        if found.holds:
            self.stdout.write(f"The record holds: {found.entries} entries, head {found.head}")
            return
        where = f"Entry {found.bad_seq}: " if found.bad_seq is not None else ""
        raise CommandError(f"The record does not hold. {where}{found.problem}.")
