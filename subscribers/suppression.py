"""Addresses that nothing may be sent to, by their keyed hash: it outlives unsubscribing and erasure."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from incidents import audit
from subscribers import unconfirmed
from subscribers.models import Delivery, DeliveryState, Subscriber, SubscriberState, Suppressed, Suppression

STAYS_OUT = frozenset({"sms"})  # channels on which who sent STOP is not asked again, since they can write to us themselves
BOUNCED_FOR = timedelta(days=30)  # mailboxes are filled, emptied and given up: after that it may be tried anew
# What says less gives way: a bounce, which passes, to the will of who has the address, and that to what staff alone lifts.
_WEIGHT = {Suppressed.BOUNCED.value: 0, Suppressed.LEFT.value: 1, Suppressed.OPTED_OUT.value: 2}
_HEAVIEST = 3
THEIR_WILL = (Suppressed.LEFT, Suppressed.OPTED_OUT)  # what they began they end; it has no date
SUSPENDED = "their address takes nothing from us any more"


def standing(now: datetime) -> QuerySet[Suppression]:
    return Suppression.objects.filter(Q(until=None) | Q(until__gt=now) | Q(reason__in=THEIR_WILL))


def is_barred(*, channel: str, address_hash: str, now: datetime, by_owner: bool = False) -> bool:
    """May not even be asked to confirm. Who left may: they lift it by confirming, and nobody else can.

    Not so a phone that sent STOP: no SMS comes, whoever types its number. A word from the phone itself begins again, and so does
    a newer proof that they agreed (`by_owner`). Where mail bounced nobody is asked until that has passed, whoever left.
    """
    found = standing(now).filter(channel=channel, address_hash=address_hash)
    may_ask = THEIR_WILL if by_owner or channel not in STAYS_OUT else (Suppressed.LEFT,)
    return found.exclude(Q(until=None) | Q(until__lte=now), reason__in=may_ask).exists()


def suppress(*, channel: str, address_hash: str, reason: Suppressed, now: datetime) -> None:
    """Send nothing there any more, at once: who has that address is suspended, and what waits for them is not sent.

    An asking that nobody confirmed ends with it: nobody can confirm it any more, so nothing of it is kept.
    """
    with transaction.atomic():
        _enter(channel, address_hash, reason, now)
        here = Subscriber.objects.filter(
            channel=channel, address_hash=address_hash, state__in=[SubscriberState.PENDING, SubscriberState.ACTIVE]
        )
        for subscriber in here.select_for_update():
            if subscriber.state == SubscriberState.PENDING:
                unconfirmed.end(subscriber)
                continue
            Subscriber.objects.filter(pk=subscriber.pk).update(state=SubscriberState.SUSPENDED, confirm_due_at=None)
            Delivery.objects.to(subscriber).filter(state=DeliveryState.PENDING).update(
                state=DeliveryState.SUPERSEDED, last_error=SUSPENDED, lease_until=None
            )


def _enter(channel: str, address_hash: str, reason: Suppressed, now: datetime) -> None:
    """What says more stays, or takes the place; the end of a bounce stands beside the will of who has the address."""
    until = now + BOUNCED_FOR if reason == Suppressed.BOUNCED else None
    held = standing(now).select_for_update().filter(channel=channel, address_hash=address_hash).first()
    if held is None or _WEIGHT.get(held.reason, _HEAVIEST) <= _WEIGHT.get(reason, _HEAVIEST):
        if held and reason in THEIR_WILL:
            until = held.until
        Suppression.objects.update_or_create(
            channel=channel, address_hash=address_hash, defaults={"reason": reason, "since": now, "until": until}
        )
    elif held.reason in THEIR_WILL and until:
        Suppression.objects.filter(pk=held.pk).update(until=until)


def lift(*, suppression: Suppression, actor: User, now: datetime, named: str, reason: str) -> None:
    """Staff let it go; they have to ask anew all the same, nobody is subscribed by it. `named`: the address's name in the log."""
    with transaction.atomic():
        details = {"channel": suppression.channel, "was": suppression.reason, "reason": reason}
        audit.log(act="subscriber.lift_suppression", actor=actor, now=now, target=named, details=details)
        suppression.delete()


def forgive(*, subscriber: Subscriber) -> None:
    """They confirmed by themselves: what they had left they opted into again."""
    Suppression.objects.filter(channel=subscriber.channel, address_hash=subscriber.address_hash, reason__in=THEIR_WILL).delete()
