"""Write the public record for a stranger to verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidents import record_export


class Command(BaseCommand):
    help = "Write the record as JSON lines, one an entry: verifiable with SHA-256 and docs/record.md alone."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, metavar="FILE", help="where to write; without it, standard output")
        parser.add_argument("--after", type=int, default=0, metavar="SEQ", help="only entries after this number")

    def handle(self, *args: Any, **options: Any) -> None:
        found = record_export.lines(after=options["after"])
        if options["output"] is None:
            for line in found:
                self.stdout.write(line)
            return
        written = 0
        try:
            with options["output"].open("w", encoding="utf-8", newline="\n") as file:
                for line in found:
                    file.write(f"{line}\n")
                    written += 1
        except OSError as error:
            raise CommandError(f"Cannot write {options['output']}: {error.strerror}.") from error
        self.stdout.write(f"{written} entries in {options['output']}.")
