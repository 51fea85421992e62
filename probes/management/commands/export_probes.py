"""Print the probes as a file that load_probes takes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from probes.loading import export


class Command(BaseCommand):
    help = "Print every vantage and probe as YAML; `load_probes` takes it without a change. Secrets are in it by name only."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(export(), ending="")
