"""Write the public files now, for a first start, a restored database, or a look without a publisher."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from statuspage import restoring, snapshot


class Command(BaseCommand):
    help = "Write the public files from the record. They count as fresh while the publisher runs, or for a minute with --fresh."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="Everything anew, whatever the folder holds.")
        parser.add_argument("--fresh", action="store_true", help="Call them fresh for the next 60 seconds.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            if options["rebuild"]:
                if why := restoring.why_not_released():  # it would write over the only file that says what was lost
                    raise CommandError(why)
                snapshot.rebuild_all(now=now)
            else:
                snapshot.refresh(now=now, force=True)
            self._wait_for_the_archive()
            if options["fresh"]:
                snapshot.refresh(now=timezone.now(), force=True)
                snapshot.extend_freshness(now=timezone.now())
        except snapshot.SnapshotError as error:
            raise CommandError(str(error)) from error
        written = snapshot.current()
        if written is None:
            raise CommandError(f"Nothing whole lies in {snapshot.directory()}.")
        self.stdout.write(f"{snapshot.directory()}: the record up to entry {written.built_from}.")

    def _wait_for_the_archive(self) -> None:
        while (written := snapshot.current()) and written.waiting:
            self.stdout.write(f"{max(0, written.of - written.waiting)} of {written.of} pages of the archive are there.")
            snapshot.refresh(now=timezone.now())
