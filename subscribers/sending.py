"""One sender at work: confirmation mails and news over one open connection, outside any transaction."""

from __future__ import annotations

import time
from datetime import datetime

from subscribers import confirmations, leases
from subscribers.addresses import AddressUnreadable
from subscribers.models import Delivery, DeliveryState, Subscriber
from subscribers.outlets import Outlet
from subscribers.parcels import Packer
from subscribers.subscriptions import UNSUBSCRIBED
from subscribers.transports.base import Sender, TransportError, TransportUnreachable

BATCH = 50  # deliveries to a claim
CONFIRMATIONS = 20  # confirmation mails between two claims: who signs up in a crowd must not hold up the news
MARK_EACH = 20  # until then the outlet remembers what the server took


class Round:
    """One sender at work on one channel until nothing is due, the limit is reached or the time is over."""

    def __init__(self, sender: Sender, channel: str, outlet: Outlet, now: datetime, ends: float) -> None:
        self.sender, self.channel, self.outlet, self.now, self.ends = sender, channel, outlet, now, ends
        self.packer = Packer()
        self.sent = 0

    def run(self, limit: int) -> None:
        """Raises TransportUnreachable; `sent` counts what went out before."""
        taken = 0
        while taken < limit and not self._is_over():
            asked = confirmations.claim_due(now=self.now, limit=min(CONFIRMATIONS, limit - taken), channels=[self.channel])
            taken += len(asked)
            if not self._send_confirmations(asked):
                break
            claimed = (
                leases.claim_due(now=self.now, limit=min(BATCH, limit - taken), channel=self.channel) if taken < limit else []
            )
            taken += len(claimed)
            if not self._send_news(claimed) or not (asked or claimed):
                break

    def _is_over(self) -> bool:
        return time.monotonic() >= self.ends

    def _send_confirmations(self, asked: list[Subscriber]) -> bool:
        """False when the time is over. Raises TransportUnreachable."""
        for place, subscriber in enumerate(asked):
            if self._is_over():
                confirmations.give_back(asked[place:], now=self.now)
                return False
            try:
                self.sender.send(confirmations.parcel_for(subscriber))
            except TransportUnreachable:
                confirmations.give_back(asked[place:], now=self.now)
                raise
            except TransportError as error:
                confirmations.record_failure(subscriber, error, now=self.now)
            except AddressUnreadable as error:
                confirmations.record_failure(subscriber, TransportError(str(error)), now=self.now)
            else:
                confirmations.record_success(subscriber, now=self.now)
                self.sent += 1
        return True

    def _send_news(self, claimed: list[Delivery]) -> bool:
        """False when the time is over. What was sent is marked each 20 and at the end. Raises TransportUnreachable."""
        done: list[Delivery] = []
        self.outlet.begin(claimed)
        try:
            for place, delivery in enumerate(claimed):
                if self._is_over():
                    leases.give_back(claimed[place:])
                    return False
                try:
                    if self._send_one(delivery):
                        done.append(delivery)
                except TransportUnreachable:
                    leases.give_back(claimed[place:])
                    raise
                except TransportError as error:
                    leases.record_failure(delivery, error, now=self.now)
                except AddressUnreadable as error:
                    leases.record_failure(delivery, TransportError(str(error)), now=self.now)
                if len(done) >= MARK_EACH:
                    self._mark(done)
        finally:
            self._mark(done)
        return True

    def _send_one(self, delivery: Delivery) -> bool:
        """False for somebody who has left since: they hear nothing more."""
        subscriber = Subscriber.objects.active().filter(pk=delivery.subscriber_id).first()
        if subscriber is None:
            Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.PENDING).update(
                state=DeliveryState.SUPERSEDED, last_error=UNSUBSCRIBED, lease_until=None
            )
            return False
        self.sender.send(self.packer.parcel_for(delivery, subscriber))
        self.outlet.note(delivery)
        return True

    def _mark(self, done: list[Delivery]) -> None:
        leases.record_success(done, now=self.now)
        self.sent += len(done)
        done.clear()
