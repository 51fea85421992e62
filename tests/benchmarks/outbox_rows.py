"""Readers and a public word in the database of a bench or of a fault: `python -m tests.benchmarks.outbox_rows COUNT [HOLD]`."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta

import django

LANGUAGES = ("en", "sw")


def make_readers(count: int, *, domain: str = "customer.example", start: int = 0) -> None:
    """So many confirmed readers of the whole page, every other one in Kiswahili."""
    from django.utils import timezone

    from subscribers import addresses
    from subscribers.models import Subscriber, Subscription

    then = timezone.now() - timedelta(days=1)
    for at in range(start, start + count, 2000):
        rows = []
        for number in range(at, min(at + 2000, start + count)):
            address = f"reader{number}@{domain}"
            rows.append(
                Subscriber(
                    public_id=f"r{number}x{domain}"[:32],
                    address_encrypted=addresses.encrypt(address),
                    address_hash=addresses.hash_of(address),
                    domain=domain,
                    language=LANGUAGES[number % 2],
                    state="active",
                    created_at=then,
                    confirmed_at=then,
                )
            )
        made = Subscriber.objects.bulk_create(rows)
        Subscription.objects.bulk_create(Subscription(subscriber=one) for one in made)


def draft_word() -> int:
    """A draft about a service of its own, signed by a second person; its row id."""
    from incidents import drafts, signing
    from incidents.models import Notice
    from tests.factories import ComponentFactory, UserFactory
    from tests.incidents.helpers import signed_notice

    now, notice = _now(), Notice.objects.filter(code="down").first() or signed_notice("down", cadence_minutes=20)
    draft = drafts.open_draft(component=ComponentFactory(), status="partial_outage", since=now, now=now, notice=notice)
    words = {"en": "Payments are late. Do not pay again.", "sw": "Malipo yanachelewa. Usilipe tena."}
    draft = drafts.edit_update(update=draft, actor=UserFactory(), now=now, body=words)
    return int(signing.sign(item=draft, signer=UserFactory(), now=now).pk)


def publish_word(update_id: int) -> None:
    from statuspage import publishing
    from tests.factories import UserFactory

    publishing.publish_update(update_id=update_id, actor=UserFactory(), now=_now())


def _now() -> datetime:
    from django.utils import timezone

    return timezone.now()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    make_readers(int(sys.argv[1]))
    publish_word(draft_word())
