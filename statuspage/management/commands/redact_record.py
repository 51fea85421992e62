"""Remove one text from the public record for ever."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents import record


class Command(BaseCommand):
    help = "Remove one text of one entry (two persons). The chain still verifies; every face shows that it was removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("seq", type=int, help="the entry's number")
        parser.add_argument("field", help="the text's name, for example body.en")
        parser.add_argument("--requested-by", required=True, metavar="USER")
        parser.add_argument("--approved-by", required=True, metavar="USER")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            entry = record.redact(
                seq=options["seq"],
                field=options["field"],
                requested_by=User.objects.get(username=options["requested_by"]),
                approved_by=User.objects.get(username=options["approved_by"]),
                now=timezone.now(),
            )
        except User.DoesNotExist as error:
            raise CommandError("Name two accounts of the desk.") from error
        except record.RecordError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Removed; the record says so in entry {entry.seq}.")
