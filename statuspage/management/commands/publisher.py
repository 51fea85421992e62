"""The process that keeps the page true: silence, unattended words, notifications, the snapshot and its freshness, each second."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core import checks
from django.core.management.base import BaseCommand

from statuspage import ticking

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the publisher: needs the database and the disk, no broker. Ends on SIGTERM or SIGINT."

    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # Said, never in the way: an impossible choice of a clock must not keep the page from being true.
        for found in checks.run_checks(tags=["choices"]):
            log.warning("%s", found)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        ticking.run_until(stop)
