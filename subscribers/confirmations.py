"""The mail that asks whether they asked: claimed under a lease, tried again while the link holds.

Who has confirmed and is asked for again gets the way to their own page instead: nobody else may change what they chose.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime

from django.db import transaction
from django.db.models import F

from subscribers import addresses, links, rendering
from subscribers.models import Subscriber, SubscriberState
from subscribers.retries import FOR_PEOPLE, LEASE, retry_at
from subscribers.subscriptions import link_ends
from subscribers.transports import TRANSPORTS
from subscribers.transports.base import Parcel, TransportError

log = logging.getLogger(__name__)


def claim_due(*, now: datetime, limit: int, channels: list[str]) -> list[Subscriber]:
    """Take confirmation mails that are due; nobody else gets them before the lease ends."""
    with transaction.atomic():
        due = list(
            Subscriber.objects.select_for_update(skip_locked=True)
            .asked(now)
            .filter(channel__in=channels)
            .order_by("confirm_due_at")[:limit]
        )
        if not due:
            return []
        hopeless = [row.pk for row in due if row.confirm_attempt >= FOR_PEOPLE.attempts or now >= link_ends(row)]
        Subscriber.objects.filter(pk__in=hopeless).update(confirm_due_at=None)  # they may ask again
        claimed = [row for row in due if row.pk not in hopeless]
        Subscriber.objects.filter(pk__in=[row.pk for row in claimed]).update(
            confirm_due_at=now + LEASE, confirm_attempt=F("confirm_attempt") + 1
        )
    for row in claimed:
        row.confirm_due_at, row.confirm_attempt = now + LEASE, row.confirm_attempt + 1
    return claimed


def parcel_for(subscriber: Subscriber) -> Parcel:
    """Raises addresses.AddressUnreadable."""
    key = addresses.recipient_key(subscriber.address_hash)
    sender, language, is_known = TRANSPORTS[subscriber.channel], subscriber.language, subscriber.state == SubscriberState.ACTIVE
    kind, url = ("again", links.manage_url(subscriber)) if is_known else ("confirm", links.confirm_url(subscriber))
    words = sender.render_known(language) if is_known else sender.render_confirmation(language)
    asked_at = subscriber.asked_again_at or subscriber.created_at
    return Parcel(
        address=addresses.decrypt(subscriber.address_encrypted),
        rendered=words or rendering.render_asked("known" if is_known else "confirm", language, subscriber.channel),
        fills={rendering.CONFIRM_MARK: url, rendering.CODE_MARK: links.confirm_code(subscriber)},
        message_id=f"{kind}.{int(asked_at.timestamp())}.{subscriber.confirm_mails_sent + 1}.{key}",
        date=asked_at,
        subscriber_id=subscriber.pk,
        private=sender.private_of(subscriber.pk),
    )


def record_success(subscriber: Subscriber, *, now: datetime) -> None:
    Subscriber.objects.filter(pk=subscriber.pk, confirm_attempt=subscriber.confirm_attempt).update(
        confirm_due_at=None, confirm_sent_at=now, confirm_error="", confirm_mails_sent=F("confirm_mails_sent") + 1
    )


def record_failure(subscriber: Subscriber, error: TransportError, *, now: datetime) -> None:
    """Due again later; after a permanent refusal never, unless they ask again."""
    again = None if error.permanent else retry_at(attempt=subscriber.confirm_attempt, now=now, chance=random.random())  # noqa: S311
    log.info(
        "The confirmation mail of %s did not go out (attempt %d): %s", subscriber.public_id, subscriber.confirm_attempt, error
    )
    Subscriber.objects.filter(pk=subscriber.pk, confirm_attempt=subscriber.confirm_attempt, confirm_due_at__isnull=False).update(
        confirm_due_at=again, confirm_error=str(error)[:300]
    )


def give_back(subscribers: list[Subscriber], *, now: datetime) -> None:
    """What was claimed and not tried is due again, as if it had not been claimed."""
    for row in subscribers:
        Subscriber.objects.filter(pk=row.pk, confirm_attempt=row.confirm_attempt, confirm_due_at__isnull=False).update(
            confirm_due_at=now, confirm_attempt=row.confirm_attempt - 1
        )
