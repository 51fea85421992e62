"""`manage.py import_uptime_kuma`: services, and probes that are switched off, from an Uptime Kuma backup."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from statuspage.importing import uptime_kuma
from statuspage.importing.commands import ImportCommand, read_json
from statuspage.importing.found import Found


class Command(ImportCommand):
    help = "Take over an Uptime Kuma backup: tells what would be made; --apply makes it, once (docs/importing.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", help="the backup, a JSON file")

    def find(self, options: dict[str, Any], now: datetime) -> Found:
        return uptime_kuma.read(read_json(options["file"]))
