"""Addresses that nothing may be sent to, by their keyed hash: it outlives unsubscribing and erasure."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from incidents import audit
from subscribers.models import Delivery, DeliveryState, Subscriber, SubscriberState, Suppressed, Suppression

STAYS_OUT = frozenset({"sms"})  # channels on which who opted out is not asked again, since they can write to us themselves
BOUNCED_FOR = timedelta(days=30)  # mailboxes are filled, emptied and given up: after that it may be tried anew
# What says less gives way: a bounce, which passes, to the will of who has the address, and that to what staff alone lifts.
_WEIGHT = {Suppressed.BOUNCED.value: 0, Suppressed.OPTED_OUT.value: 1}
_HEAVIEST = 2
SUSPENDED = "their address takes nothing from us any more"


def standing(now: datetime) -> QuerySet[Suppression]:
    return Suppression.objects.filter(Q(until=None) | Q(until__gt=now))


def is_barred(*, channel: str, address_hash: str, now: datetime, by_owner: bool = False) -> bool:
    """May not even be asked to confirm. Who opted out may: they lift it by confirming, and nobody else can.

    Not so a phone: after STOP no SMS comes, whoever types its number. A word from the phone itself begins again, and so does a
    newer proof that they agreed (`by_owner`).
    """
    found = standing(now).filter(channel=channel, address_hash=address_hash)
    if by_owner or channel not in STAYS_OUT:
        found = found.exclude(reason=Suppressed.OPTED_OUT)
    return found.exists()


def suppress(*, channel: str, address_hash: str, reason: Suppressed, now: datetime) -> None:
    """Send nothing there any more, at once: who has that address is suspended, and what waits for them is not sent."""
    until = now + BOUNCED_FOR if reason == Suppressed.BOUNCED else None
    with transaction.atomic():
        held = standing(now).select_for_update().filter(channel=channel, address_hash=address_hash).first()
        if held is None or _WEIGHT.get(held.reason, _HEAVIEST) <= _WEIGHT.get(reason, _HEAVIEST):
            Suppression.objects.update_or_create(
                channel=channel, address_hash=address_hash, defaults={"reason": reason, "since": now, "until": until}
            )
        here = Subscriber.objects.filter(
            channel=channel, address_hash=address_hash, state__in=[SubscriberState.PENDING, SubscriberState.ACTIVE]
        )
        for subscriber in here.select_for_update():
            Subscriber.objects.filter(pk=subscriber.pk).update(state=SubscriberState.SUSPENDED, confirm_due_at=None)
            Delivery.objects.to(subscriber).filter(state=DeliveryState.PENDING).update(
                state=DeliveryState.SUPERSEDED, last_error=SUSPENDED, lease_until=None
            )


def lift(*, suppression: Suppression, actor: User, now: datetime, reason: str = "") -> None:
    """Staff let it go; they have to ask anew all the same, nobody is subscribed by it."""
    with transaction.atomic():
        details = {"channel": suppression.channel, "was": suppression.reason, "reason": reason}
        audit.log(act="subscriber.lift_suppression", actor=actor, now=now, target=suppression.address_hash[:12], details=details)
        suppression.delete()


def forgive(*, subscriber: Subscriber) -> None:
    """They confirmed by themselves: what they had opted out of they opted into again."""
    Suppression.objects.filter(
        channel=subscriber.channel, address_hash=subscriber.address_hash, reason=Suppressed.OPTED_OUT
    ).delete()
