"""Write every encrypted address and secret anew under the first of HALI_ADDRESS_KEYS; afterwards the older keys can go."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscribers import rotation
from subscribers.addresses import AddressUnreadable


class Command(BaseCommand):
    help = "Write every address anew under the first of HALI_ADDRESS_KEYS. Killed in between: start it again."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rotation.rotate_all()
        except AddressUnreadable as error:
            raise CommandError(f"Nothing of that row was changed. {error}") from error
        self.stdout.write(f"{done} addresses and secrets are under the first key. The older keys can be taken out.")
