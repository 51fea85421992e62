"""`manage.py export_everything`: every row of ours as JSON lines, without secrets and addresses."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents import audit
from statuspage import exporting


class Command(BaseCommand):
    help = "Write every row of ours as JSON lines: no secret, no address (docs/importing.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="a new file, for its owner alone; left out: the terminal")
        parser.add_argument("--without-measurements", action="store_true", help="leave raw outcomes out; their rollups stay")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        audit.log(act="data.export", actor=None, actor_name="manage.py", now=now, details={"file": options["file"][-200:]})
        found = exporting.lines(now=now, measurements=not options["without_measurements"])
        if options["file"] == "-":
            for line in found:
                self.stdout.write(line)
            return
        count = 0
        try:
            handle = os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as out:
                for line in found:
                    out.write(f"{line}\n")
                    count += 1
        except FileExistsError:
            raise CommandError(f"{options['file']} is there already: give a new name.") from None
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written ({error.strerror}).") from error
        self.stdout.write(f"{count - 1} rows in {options['file']}.")
