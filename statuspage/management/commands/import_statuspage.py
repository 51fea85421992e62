"""`manage.py import_statuspage`: services, past incidents and planned work of an Atlassian Statuspage page, from its v2 JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from statuspage.importing import fetching, statuspage_v2
from statuspage.importing.commands import ImportCommand, read_json
from statuspage.importing.found import Found


class Command(ImportCommand):
    help = "Take over a Statuspage page: tells what would be made; --apply makes it. Twice changes nothing (docs/importing.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("files", nargs="*", help="summary.json, components.json, incidents.json, scheduled-maintenances.json")
        parser.add_argument("--url", default="", help="or the page's address, to ask it")
        parser.add_argument("--quarters", type=int, default=0, help="with --url: so many quarters of its history beyond that")

    def find(self, options: dict[str, Any], now: datetime) -> Found:
        if bool(options["url"]) == bool(options["files"]):
            raise CommandError("Give files of the page's v2 API, or --url with its address.")
        if options["url"]:
            payloads = fetching.fetch(options["url"], quarters=min(max(options["quarters"], 0), 100))
        else:
            payloads = [read_json(path) for path in options["files"]]
        return statuspage_v2.read(payloads, now=now)
