"""Take in people who agreed elsewhere, from a CSV file with the proof of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents.rights import NotPermitted
from subscribers import csv_files


class Command(BaseCommand):
    help = f"Subscribe everybody in a CSV file, or nobody. Columns: {', '.join(csv_files.COLUMNS)}."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, metavar="USER", help="your account at the desk: it stands in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            actor = User.objects.get(username=options["by"])
            with options["file"].open(encoding="utf-8", newline="") as file:
                done = csv_files.take_in(file=file, actor=actor, now=timezone.now())
        except User.DoesNotExist as error:
            raise CommandError("--by names no account of the desk.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The file cannot be read as UTF-8: {error.__class__.__name__}.") from error
        except NotPermitted as error:
            raise CommandError(str(error)) from error
        except csv_files.BadFile as error:
            raise CommandError(f"Nothing was taken in.\n{error}") from error
        self.stdout.write(f"{done.added} added; {done.known} known already or left since; {done.barred} on the suppression list.")
