"""`manage.py import_cstate`: services and past incidents of a cState site, from its folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from statuspage.importing import cstate
from statuspage.importing.commands import ImportCommand, read_text
from statuspage.importing.found import Found


class Command(ImportCommand):
    help = "Take over a cState site: tells what would be made; --apply makes it. Twice changes nothing (docs/importing.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", help="the site's folder, with config.yml and content/issues/")

    def find(self, options: dict[str, Any], now: datetime) -> Found:
        folder = Path(options["folder"])
        issues = {path.name: read_text(str(path)) for path in sorted((folder / "content" / "issues").glob("*.md"))}
        return cstate.read(read_text(str(folder / "config.yml")), issues, now=now)
