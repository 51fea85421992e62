"""A webhook that takes nothing for days is ended, and whoever it belongs to is told: on its own page, and by mail.

The mail goes to the contact its owner named, if that address hears from us by mail anyway: nobody else is written to.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from subscribers import addresses, links, rendering, suppression
from subscribers.models import Delivery, DeliveryState, Endpoint, Subscriber, SubscriberState
from subscribers.retries import NEWS_IN_VAIN, is_given_up
from subscribers.rows import Claimed
from subscribers.transports.base import Parcel, Retry, Sent, TransportUnreachable
from subscribers.transports.email import EmailSender, feedback_id

log = logging.getLogger(__name__)

CHANNEL = "webhook"
ENDED = "their webhook took nothing for days"
TRY_AGAIN = timedelta(hours=1)
WORTH_SAYING = timedelta(days=3)
AT_ONCE = 50


# --- Ending and beginning again ------------------------------------------------------------------


def look_at(failed: Collection[Claimed], *, now: datetime) -> int:
    """After deliveries to webhooks failed: end those that have taken nothing for days. Answers how many ended."""
    owners = Subscriber.objects.active().filter(pk__in={one.subscriber_id for one in failed}, channel=CHANNEL)
    return sum(_look_at(one, now) for one in owners)


def _look_at(subscriber: Subscriber, now: datetime) -> bool:
    in_vain = _in_vain(subscriber)
    since = in_vain.values_list("wanted_at", flat=True).first()
    if not is_given_up(in_vain=in_vain.count(), since=since, now=now) or _fails_for_all(subscriber, in_vain):
        return False
    with transaction.atomic():
        active = Subscriber.objects.active().filter(pk=subscriber.pk)
        if not active.update(state=SubscriberState.SUSPENDED):
            return False  # they left, or another sender was faster
        Endpoint.objects.filter(subscriber=subscriber).update(ended_at=now)
        Endpoint.objects.filter(subscriber=subscriber).exclude(contact_hash="").update(tell_at=now)
        Delivery.objects.to(subscriber).filter(state=DeliveryState.PENDING).update(
            state=DeliveryState.SUPERSEDED, last_error=ENDED, lease_until=None
        )
    log.info("Nothing is sent to %s any more: its webhook has taken nothing since %s.", subscriber.public_id, since)
    return True


def _in_vain(subscriber: Subscriber) -> QuerySet[Delivery]:
    """What it did not take, in a row, the oldest first: given up, or failed so far and tried again later."""
    told = Delivery.objects.to(subscriber)
    taken = told.filter(state=DeliveryState.SENT).aggregate(at=Max("sent_at"))["at"]
    since = max(moment for moment in (taken, subscriber.confirmed_at, subscriber.created_at) if moment)
    failed = Q(state=DeliveryState.DEAD) | (Q(state=DeliveryState.PENDING, attempt__gt=0) & ~Q(last_error=""))
    return told.filter(failed, wanted_at__gt=since).order_by("wanted_at")


def _fails_for_all(subscriber: Subscriber, in_vain: QuerySet[Delivery]) -> bool:
    """Other webhooks were to get it as well, and none of them took any of it: our own way out may be what is broken."""
    last = list(in_vain.reverse().values_list("notification_id", flat=True)[:NEWS_IN_VAIN])
    webhooks = Subscriber.objects.filter(channel=CHANNEL).exclude(pk=subscriber.pk)
    others = Delivery.objects.filter(notification_id__in=last, subscriber__in=webhooks)
    return others.exists() and not others.filter(state=DeliveryState.SENT).exists()


def has_ended(subscriber: Subscriber) -> bool:
    """By us, for taking nothing, and by nobody else: its owner may begin again."""
    return (
        subscriber.state == SubscriberState.SUSPENDED
        and Endpoint.objects.filter(subscriber=subscriber, ended_at__isnull=False).exists()
    )


def begin_again(*, subscriber: Subscriber, now: datetime) -> bool:
    """Its owner says that it takes posts again; what was published meanwhile is not told any more. False: it had not ended."""
    barred = suppression.is_barred(channel=CHANNEL, address_hash=subscriber.address_hash, now=now)
    with transaction.atomic():
        ended = Subscriber.objects.filter(pk=subscriber.pk, state=SubscriberState.SUSPENDED, endpoint__ended_at__isnull=False)
        if barred or not ended.update(state=SubscriberState.ACTIVE, confirmed_at=now):
            return False
        Endpoint.objects.filter(subscriber=subscriber).update(ended_at=None, tell_at=None)
    subscriber.refresh_from_db()
    return True


# --- Whom to tell --------------------------------------------------------------------------------


def to_tell(now: datetime) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(tell_at__lte=now)


def tell(*, now: datetime) -> int:
    """Mail the owners that wait; answers how many mails were taken. What fails is tried again for three days."""
    waiting = _claimed(now)
    parcels = {one.pk: parcel for one in waiting if (parcel := _parcel(one, now))}
    nobody = [one.pk for one in waiting if one.pk not in parcels]
    sender = EmailSender()
    try:
        if parcels:
            sender.open()
        outcomes = list(sender.send_all(list(parcels.values())))
    except TransportUnreachable as error:
        log.error("Owners of ended webhooks are not told yet. %s", error)
        outcomes = []
    finally:
        sender.close()
    over = [pk for pk, outcome in zip(parcels, outcomes, strict=False) if not isinstance(outcome, Retry)]
    Endpoint.objects.filter(pk__in=[*nobody, *over]).update(tell_at=None)
    return sum(isinstance(outcome, Sent) for outcome in outcomes)


def _claimed(now: datetime) -> list[Endpoint]:
    with transaction.atomic():
        rows = list(to_tell(now).select_for_update(skip_locked=True, of=("self",)).select_related("subscriber")[:AT_ONCE])
        Endpoint.objects.filter(pk__in=[row.pk for row in rows]).update(tell_at=now + TRY_AGAIN)
    return rows


def _parcel(endpoint: Endpoint, now: datetime) -> Parcel | None:
    """None where nobody is to be told (any more)."""
    contact = Subscriber.objects.active().filter(channel="email", address_hash=endpoint.contact_hash).first()
    if contact is None or endpoint.ended_at is None or now - endpoint.ended_at >= WORTH_SAYING:
        return None
    try:
        address = addresses.decrypt(contact.address_encrypted)
    except addresses.AddressUnreadable as error:
        log.error("The owner of an ended webhook is not told. %s", error)
        return None
    key = addresses.recipient_key(contact.address_hash)
    return Parcel(
        address=address,
        rendered=rendering.render_ended(contact.language, host=endpoint.subscriber.domain),
        fills={rendering.MANAGE_MARK: links.manage_url(endpoint.subscriber)},
        message_id=f"ended.{endpoint.subscriber.public_id}.{int(endpoint.ended_at.timestamp())}.{key}",
        date=endpoint.ended_at,
        feedback_id=feedback_id("webhook", "ended"),
        unsubscribe_url=links.unsubscribe_url(contact),
        unsubscribe_token=links.token_for(contact, links.UNSUBSCRIBE),
        subscriber_id=contact.pk,
    )
