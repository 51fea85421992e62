"""Enrol a vantage: print its agent's key once, the broker's rule for it, and how to start it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug

from probes import vantages

LONGEST_NAME = 40


class Command(BaseCommand):
    help = (
        "Make a vantage, or give one its key, and print what its agent needs: the key (once; the database keeps only what checks "
        "it), the broker's rule for its user, and the command that starts it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="letters, digits, - and _; its queue and its agent go by it")
        parser.add_argument("--label", default="", help="its name in words, for staff")
        parser.add_argument("--renew", action="store_true", help="a new key; the one before stops working at once")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        try:
            validate_slug(name)
        except ValidationError:
            name = ""
        if not name or len(name) > LONGEST_NAME:
            raise CommandError(f"Give a name of at most {LONGEST_NAME} letters, digits, - and _, for example nairobi.")
        try:
            key = vantages.enrol(name=name, label=options["label"], renew=options["renew"])
        except vantages.HasKey:
            raise CommandError(
                f"{name} has a key already: add --renew for a new one; the old one stops working at once."
            ) from None
        except vantages.IsPassive:
            raise CommandError(f"{name} is where pushes are kept: it has no agent. Choose another name.") from None
        self.stdout.write(_told(name, key))


def _told(name: str, key: str) -> str:
    return f"""Vantage {name}. Its key, shown this once:

  HALI_AGENT_KEY={key}

At the broker (Redis 7 or Valkey), with a password of yours in place of <password>:

  {vantages.acl_line(name)}

On the agent's machine, beside HALI_AGENT_KEY:

  HALI_AGENT={name} REDIS_URL=rediss://agent-{name}:<password>@<broker>:6379/0 \\
    python -m statuspage.worker --name agent --queues probes.{name} --pool threads --concurrency 64

Then choose at the desk which probes run there (Schedules)."""
