"""Make the probes what a file says. docs/probes-as-code.md tells the form."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from probes import file_notes
from probes.definitions import Problem, parse
from probes.loading import NotLoaded, Prune, load


class Command(BaseCommand):
    help = (
        "Make vantages, probes and their schedules what a YAML file says: all of it or nothing, and nothing the second time. "
        "What the file does not name is left alone, unless --prune says otherwise. Exit status: 0 done, 1 the file has errors."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file, or - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
        parser.add_argument(
            "--prune",
            choices=[one.value for one in Prune],
            help="what becomes of probes that the file does not name: disable switches them off, remove deletes them and their "
            "outcomes. Vantages that a file with a list of them does not name are switched off.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name, dry_run = options["file"], options["dry_run"]
        file, problems = parse(_text(name))
        changes, notes = [], []
        if file is not None:
            notes = file_notes.notes(file) if dry_run else []
            prune = Prune(options["prune"]) if options["prune"] else None
            try:
                changes = load(file=file, now=timezone.now(), prune=prune, dry_run=dry_run)
            except NotLoaded as refused:
                problems = list(refused.problems)
        if problems:
            raise CommandError(_told(name, problems))
        for change in changes:
            self.stdout.write(str(change))
        for note in notes:
            self.stdout.write(note)
        if not changes:
            self.stdout.write("Nothing to change.")
        elif dry_run:
            self.stdout.write(f"Dry run: nothing was changed; {len(changes)} to change.")
        else:
            self.stdout.write(f"Loaded: {len(changes)} changed.")


def _text(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode()
    except OSError as error:
        raise CommandError(f"{name}: cannot be read ({error.strerror}): give the path of a YAML file.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CommandError(f"{name}:{line}: this is not UTF-8: save the file as UTF-8.") from None


def _told(name: str, problems: list[Problem]) -> str:
    lines = [problem.told(name) for problem in sorted(problems, key=lambda one: one.line or 0)]
    return "\n".join(lines)
