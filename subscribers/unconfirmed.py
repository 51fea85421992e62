"""Askings that nobody confirmed, ended: who never agreed is forgotten, who had agreed before is again what they were."""

from __future__ import annotations

from typing import Any

from subscribers.models import Subscriber, SubscriberState

EARLIER = "earlier"  # in a consent that nobody confirmed yet: the one before it


def proof(subscriber: Subscriber) -> dict[str, Any]:
    """On what they agreed before they asked (or somebody did) and left this unconfirmed; {} for who never did."""
    consent: dict[str, Any] = subscriber.consent
    if subscriber.state == SubscriberState.PENDING:
        return dict(consent.get(EARLIER, {}))
    if EARLIER in consent:  # suspended while they were asked
        return dict(consent[EARLIER])
    return dict(consent) if subscriber.confirmed_at or subscriber.unsubscribed_at else {}


def end(subscriber: Subscriber) -> None:
    """Of one who is pending, their row locked: gone, or put back. That they left stays known, and no address with it."""
    if not (subscriber.confirmed_at or subscriber.unsubscribed_at):
        subscriber.delete()
        return
    subscriber.consent = proof(subscriber)
    subscriber.confirm_token_hash, subscriber.confirm_due_at = "", None
    if subscriber.unsubscribed_at:
        subscriber.state, subscriber.address_encrypted = SubscriberState.UNSUBSCRIBED, ""
    else:
        subscriber.state = SubscriberState.SUSPENDED
    subscriber.save(update_fields=["state", "address_encrypted", "consent", "confirm_token_hash", "confirm_due_at"])
