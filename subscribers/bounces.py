"""What follows when mail comes back: a hard bounce twice suspends, a complaint at once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import constant_time_compare

from subscribers import addresses, links, subscriptions, suppression
from subscribers.bounce_reports import Kind, Report
from subscribers.models import BounceReport, Delivery, DeliveryState, Subscriber, SubscriberState, Suppressed
from subscribers.transports.base import Failed

log = logging.getLogger(__name__)

HARD_BOUNCES = 2
REPORTS_KEPT = timedelta(days=60)
COMES_BACK_WITHIN = timedelta(days=5)  # relays try so long; what was taken and is older has stayed there


def refused(*, subscriber_id: int, outcome: Failed, now: datetime) -> None:
    """A mail server (or a provider) refused them for good in the session itself."""
    subscriber = Subscriber.objects.filter(pk=subscriber_id).first()
    if subscriber and outcome.gone:
        _suppress(subscriber, Suppressed.REFUSED, now)
    elif subscriber and outcome.bounced:
        bounced(subscriber=subscriber, now=now)


def bounced(*, subscriber: Subscriber, now: datetime) -> None:
    """There is no such mailbox: the second time nothing is sent there any more. A mail that stayed begins the count anew."""
    with transaction.atomic():
        held = Subscriber.objects.select_for_update().filter(pk=subscriber.pk).first()
        if held is None:
            return  # erased meanwhile
        held.hard_bounces = 1 if _has_stayed(held, now) else held.hard_bounces + 1
        held.bounced_at = now
        held.save(update_fields=["hard_bounces", "bounced_at"])
        if held.hard_bounces >= HARD_BOUNCES:
            _suppress(held, Suppressed.BOUNCED, now)


def _has_stayed(subscriber: Subscriber, now: datetime) -> bool:
    """Since the last bounce a mail was taken that had the time to come back, and did not. That a relay takes one says nothing."""
    if subscriber.bounced_at is None:
        return False
    taken = Delivery.objects.to(subscriber).filter(state=DeliveryState.SENT, sent_at__gt=subscriber.bounced_at)
    return taken.filter(sent_at__lte=now - COMES_BACK_WITHIN).exists()


def complained(*, subscriber: Subscriber, now: datetime) -> None:
    """They pressed “this is spam”: nothing is sent there any more, at once."""
    _suppress(subscriber, Suppressed.COMPLAINED, now)


def _suppress(subscriber: Subscriber, reason: Suppressed, now: datetime) -> None:
    log.info("Nothing is sent to %s any more: %s.", subscriber.public_id, reason)
    suppression.suppress(channel=subscriber.channel, address_hash=subscriber.address_hash, reason=reason, now=now)


def apply(report: Report, *, key: str, now: datetime) -> bool:
    """Do what a report asks for; False when it is about nobody we know, or was done before. Soft bounces change nothing.

    `key` names the report: providers send the same one again and again.
    """
    subscriber = _whom(report)
    if subscriber is None:
        return False
    with transaction.atomic():
        _, is_new = BounceReport.objects.get_or_create(key=key, defaults={"kind": report.kind, "at": now})
        if is_new:
            _follow(subscriber, report, now)
    return is_new


def _follow(subscriber: Subscriber, report: Report, now: datetime) -> None:
    if report.kind == Kind.LEAVE:
        subscriptions.unsubscribe(subscriber=subscriber, now=now)
    elif subscriber.state in (SubscriberState.ACTIVE, SubscriberState.PENDING):
        if report.kind == Kind.HARD:
            bounced(subscriber=subscriber, now=now)
        elif report.kind == Kind.COMPLAINT:
            complained(subscriber=subscriber, now=now)


def forget_old(*, now: datetime) -> int:
    """Reports that nobody will send again."""
    return BounceReport.objects.filter(at__lte=now - REPORTS_KEPT).delete()[0]


def _whom(report: Report) -> Subscriber | None:
    if report.token:
        return subscriptions.find(report.token, links.UNSUBSCRIBE)
    if not report.address:
        return None
    try:
        found = addresses.hash_of(report.address)
    except addresses.AddressError:
        return None
    if report.key is not None and not constant_time_compare(report.key, addresses.recipient_key(found)):
        return None  # anybody may send such a mail; only ours ends with this key
    return Subscriber.objects.filter(channel="email", address_hash=found).first()
