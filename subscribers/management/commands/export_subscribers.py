"""Write subscribers with their addresses as CSV to the standard output. The audit log says who did, and why."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents.rights import NotPermitted
from subscribers import csv_files
from subscribers.models import Subscriber


class Command(BaseCommand):
    help = "Write subscribers with their addresses as CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--by", required=True, metavar="USER", help="your account at the desk: it stands in the audit log")
        parser.add_argument("--reason", required=True, help="why you need the addresses")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            actor = User.objects.get(username=options["by"])
            rows = Subscriber.objects.all()
            lines = csv_files.give_out(rows=rows, actor=actor, reason=options["reason"], now=timezone.now())
        except User.DoesNotExist as error:
            raise CommandError("--by names no account of the desk.") from error
        except NotPermitted as error:
            raise CommandError(str(error)) from error
        for line in lines:
            self.stdout.write(line, ending="")
