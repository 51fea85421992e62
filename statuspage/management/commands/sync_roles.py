"""`manage.py sync_roles`: the desk's roles as statuspage.roles says; run it after migrate."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from statuspage import roles


class Command(BaseCommand):
    help = "Give each role of the desk exactly its permissions. Run it after migrate."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            synced = roles.sync()
        except roles.UnknownPermission as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Roles: {', '.join(synced)}.")
