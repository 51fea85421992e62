"""What the import commands share: files or an address in, a list of what would be made out, and only with --apply made."""

from __future__ import annotations

import json
from abc import abstractmethod
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents.drafts import TimelineError
from incidents.rights import NotPermitted
from statuspage.importing.found import Found, NotThatFormat
from statuspage.importing.making import Importing

LARGEST = 64 * 1024 * 1024
# What reading somebody else's file may raise where it holds, say, a number in place of a list: a refusal, not a fault of ours.
SHAPELESS = (TypeError, AttributeError, LookupError, OverflowError, RecursionError)


class ImportCommand(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        languages = [code for code, _ in settings.LANGUAGES]
        parser.add_argument("--author", required=True, help="in whose name drafts are written; another person signs them")
        parser.add_argument("--language", default=languages[0], choices=languages, help="the language of the texts there")
        parser.add_argument("--apply", action="store_true", help="make it; without this it is only told")

    @abstractmethod
    def find(self, options: dict[str, Any], now: datetime) -> Found:
        """Read the export. Raises NotThatFormat."""

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        author = User.objects.filter(username=options["author"], is_active=True).first()
        if author is None:
            raise CommandError(f"There is nobody called {options['author']}: give the name they sign in with.")
        try:
            found = self.find(options, now)
            lines = Importing(found, language=options["language"], author=author, now=now).run(dry=not options["apply"])
        except NotThatFormat as error:
            raise CommandError(f"Nothing was made. {error}") from error
        except SHAPELESS as error:
            shape = "A part of it has another shape than that page writes"
            raise CommandError(f"Nothing was made. {shape} ({type(error).__name__}: {_one_line(error)}).") from error
        except (TimelineError, NotPermitted) as error:
            raise CommandError(f"Nothing was made. {error}") from error
        for line in lines:
            self.stdout.write(line)
        count = {sign: sum(line.startswith(sign) for line in lines) for sign in "+=-"}
        told = f"{count['+']} to make, {count['=']} here already, {count['-']} left there."
        if options["apply"]:
            self.stdout.write(f"Done: {told} Incidents and plans are drafts: another person reads and signs them at the desk.")
        else:
            self.stdout.write(f"Nothing was made yet: {told} Run it again with --apply.")


def read_json(path: str) -> Any:
    """One file. Raises NotThatFormat."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise NotThatFormat(f"{path} is no JSON.") from None


def read_text(path: str, at_most: int = LARGEST) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(at_most + 1)
        if len(content) > at_most:
            raise NotThatFormat(f"{path} is larger than {at_most // 1024 // 1024} MB: give it in parts.")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotThatFormat(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'no UTF-8'}).") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or "no more is known"
