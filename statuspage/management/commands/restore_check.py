"""After a restore: does the database hold all that readers have seen? And what to do when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents import record
from incidents.models import RecordEntry
from statuspage import restoring, snapshot


class Command(BaseCommand):
    help = (
        "Compare the record with the file that this host's page keeps of it. Where the database is older: list what it "
        "lacks; with --go-on-without, let publishing go on, and say in the record what was lost and why."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, help="another copy of record.jsonl, of a host or a reader")
        parser.add_argument("--go-on-without", metavar="REASON", help="what is lost is lost; the reason stands in the record")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"] or snapshot.directory() / restoring.FILE
        if not path.is_file():
            raise CommandError(f"{path} is not there: give --file, a record.jsonl that another host or a reader kept.")
        if not RecordEntry.objects.exists():
            raise CommandError(
                "The database holds no entry of the record at all: restore a copy into it first (docs/operations.md)."
            )
        try:
            gap = restoring.find_gap(path)
        except (OSError, ValueError) as error:
            raise CommandError(f"{error}: give --file, another copy of record.jsonl.") from error
        if gap is None:
            if why := restoring.why_not_released():
                raise CommandError(f"The database holds all of {path}, and still: {why}")
            record.release()
            self.stdout.write("The database holds all that readers have seen: publishing may go on.")
            return
        if gap.is_given_up:
            self.stdout.write(f"The record goes on without entries {gap.ends + 1} to {gap.seen} of this file: it says so itself.")
            return
        for line in gap.lost:
            self.stdout.write(f"  {restoring.describe(line)}")
        if options["go_on_without"]:
            kept = restoring.go_on_without(gap, path=path, reason=options["go_on_without"], now=timezone.now())
            self.stdout.write(f"Publishing may go on. What was lost lies in {kept}: say it again at the desk.")
            return
        record.hold(restoring.why_held(gap.seen))
        raise CommandError(
            f"The database ends at entry {gap.ends}, readers have seen {gap.seen}: publishing is held. Restore a newer "
            "copy, or say --go-on-without 'reason'."
        )
