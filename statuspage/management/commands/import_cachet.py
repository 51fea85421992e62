"""`manage.py import_cachet`: services and past incidents of a Cachet 2 page, from answers of its API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import CommandError, CommandParser

from statuspage.importing import cachet
from statuspage.importing.commands import ImportCommand, read_json
from statuspage.importing.found import Found


class Command(ImportCommand):
    help = "Take over a Cachet page: tells what would be made; --apply makes it. Twice changes nothing (docs/importing.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("files", nargs="+", help="answers of /api/v1/components, …/components/groups and …/incidents")
        parser.add_argument("--zone", default="UTC", help="the zone of its times: APP_TIMEZONE there")

    def find(self, options: dict[str, Any], now: datetime) -> Found:
        try:
            zone = ZoneInfo(options["zone"])
        except (ZoneInfoNotFoundError, ValueError):
            raise CommandError(f"There is no zone {options['zone']}: give a name as Africa/Nairobi.") from None
        return cachet.read([read_json(path) for path in options["files"]], now=now, zone=zone)
