"""`manage.py import_cstate`: services and past incidents of a cState site, from its folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from statuspage.importing import cstate
from statuspage.importing.commands import ImportCommand, read_text
from statuspage.importing.found import Found, NotThatFormat

LARGEST = 1024 * 1024  # of one file


class Command(ImportCommand):
    help = "Take over a cState site: tells what would be made; --apply makes it. Twice changes nothing (docs/importing.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", help="the site's folder, with config.yml and content/issues/")

    def find(self, options: dict[str, Any], now: datetime) -> Found:
        folder = Path(options["folder"]).resolve()
        issues = sorted((folder / "content" / "issues").glob("*.md"))
        texts = {path.name: _read(path, folder) for path in issues}
        return cstate.read(_read(folder / "config.yml", folder), texts, now=now)


def _read(path: Path, folder: Path) -> str:
    """One file of the site itself: a link out of it would bring in words of this machine. Raises NotThatFormat."""
    if not path.resolve().is_relative_to(folder):
        raise NotThatFormat(f"{path.name} leads out of the folder: put the file itself there.")
    return read_text(str(path), LARGEST)
