"""One SMS that says that STOP has worked. At most once: its row is gone before it is sent, and one that is lost does no harm."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from subscribers import addresses
from subscribers.models import Farewell
from subscribers.transports.base import Parcel, Sent, TransportUnreachable
from subscribers.transports.sms import SmsSender

log = logging.getLogger(__name__)

CHANNEL = "sms"
WORTH_SAYING = timedelta(hours=1)  # after STOP; later it would only be one more SMS
AT_ONCE = 50


def ask(*, number: str, language: str, now: datetime) -> None:
    """`number` in its normal form."""
    Farewell.objects.get_or_create(
        channel=CHANNEL,
        address_hash=addresses.hash_on(CHANNEL, number),
        defaults={"address_encrypted": addresses.encrypt(number), "language": language, "asked_at": now},
    )


def take_back(*, number: str) -> None:
    """They began again before it was said."""
    Farewell.objects.filter(channel=CHANNEL, address_hash=addresses.hash_on(CHANNEL, SmsSender.normalise(number))).delete()


def send(*, now: datetime) -> int:
    """Send what waits; answers how many the provider took."""
    sender = SmsSender()
    try:
        sender.open()
        outcomes = list(sender.send_all(_claimed(now)))
    except TransportUnreachable as error:
        log.error("Who sent STOP is not told that it worked. %s", error)
        return 0
    finally:
        sender.close()
    return sum(isinstance(outcome, Sent) for outcome in outcomes)


def _claimed(now: datetime) -> list[Parcel]:
    with transaction.atomic():
        rows = list(Farewell.objects.select_for_update(skip_locked=True).filter(channel=CHANNEL).order_by("pk")[:AT_ONCE])
        Farewell.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return [_parcel(row) for row in rows if row.asked_at > now - WORTH_SAYING]


def _parcel(row: Farewell) -> Parcel:
    words = SmsSender.render_farewell(row.language)
    number = addresses.decrypt(row.address_encrypted)
    return Parcel(address=number, rendered=words, fills={}, message_id="", date=row.asked_at)
