"""On another host than the publisher's: turn the page in the object store stale when nobody renews it."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from statuspage import mirror
from statuspage.s3 import Bucket


class Command(BaseCommand):
    help = (
        "Watch the manifest in HALI_PUBLISH_TO; when it is 60 s old, put every page's stale form in place. Needs "
        "HALI_PUBLISH_TO, HALI_PUBLISH_KEY and a SECRET_KEY of its own; no database, no broker."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PUBLISH_TO is None:
            raise CommandError("HALI_PUBLISH_TO is not set: give the store that the publisher pushes to.")
        bucket = Bucket(settings.PUBLISH_TO, settings.PUBLISH_KEY)
        while True:
            try:
                if mirror.guard(bucket, now=time.time()):
                    self.stdout.write("Nobody renewed the page for a minute: its stale form is served.")
                    self.stdout.flush()  # the journal hears of it now, not when a buffer is full
            except OSError as error:
                if options["once"]:
                    raise CommandError(f"{error}.") from error
                self.stderr.write(f"{error}: trying again.")
            if options["once"]:
                return
            time.sleep(5)
