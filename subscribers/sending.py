"""One sender at work: confirmation mails and news over kept connections, outside any transaction."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction

from subscribers import bounces, confirmations, ended_webhooks, leases, paces, rows
from subscribers.addresses import AddressUnreadable
from subscribers.lanes import Errand, Lanes, Report
from subscribers.models import Subscriber
from subscribers.outlets import Outlet
from subscribers.parcels import ItemGone, Packer
from subscribers.rows import Claimed, Reader
from subscribers.subscriptions import UNSUBSCRIBED
from subscribers.transports.base import Failed, Retry, Sender, Sent, TransportError, error_of

BATCH = 800  # deliveries to a claim
CONFIRMATIONS = 20  # confirmation mails between two claims: who signs up in a crowd must not hold up the news
LOW = 300  # so few parcels at hand: claim more
HELD_AT_MOST = 500  # parcels of one domain at hand
TROUBLED_HELD = 50  # the same of one that takes long to answer, refuses much, or was not heard of yet
AT_HAND = 2000  # parcels at hand, all in all
MARK_EACH = 800  # until then the outlet remembers what the server took
MARK_AFTER = 0.5  # seconds
LOOK_AGAIN = 0.2  # seconds until the next claim where the last one found nothing,
LOOK_SHARE = 20  # or this many times what that one took: past a long list of a domain that has enough, it takes long
PLACES_HOLD = 5.0  # seconds until claims look from the start again: what was put back, or is due late, lies before them
ASK_AGAIN = 1.0  # seconds until confirmation mails are looked for again where none was due
AHEAD = timedelta(seconds=2)  # what falls due so soon is waited for, over the open connection


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Claimed and not packed yet: most of a domain that is slow, or refuses, is put back and never packed."""

    deliveries: tuple[Claimed, ...]
    reader: Reader
    asked: None = None


AtHand = deque[Errand | Held]


class Round:
    """One sender at work on one channel until nothing is due, the limit is reached or the time is over."""

    def __init__(
        self, first: Sender, make: Callable[[], Sender], channel: str, outlet: Outlet, now: datetime, ends: float
    ) -> None:
        self.channel, self.outlet, self.ends = channel, outlet, ends
        self._now, self._started = now, time.monotonic()
        self._lanes = Lanes(first, make, outlet)
        self._packer = Packer()
        self._at_hand: dict[str, AtHand] = defaultdict(deque)
        self._done: list[Claimed] = []
        self._failed: list[tuple[Claimed, TransportError]] = []
        self._refused: list[tuple[int, Failed]] = []  # whose address takes nothing, and what was said
        self._marked_at = self._started
        self._next_look = self._next_asking = 0.0
        self._full: set[str] = set()  # domains that the last look that found nothing left out
        self._places: dict[tuple[frozenset[str], bool], leases.Place] = {}  # by what is left out: all before is theirs
        self._places_end = 0.0
        self._left = 0
        self._end: Exception | None = None  # no way out, or a fault of ours: why the round ends before its work does
        self.sent = 0

    @property
    def now(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._started)

    def run(self, limit: int) -> None:
        """Raises TransportUnreachable; `sent` counts what went out before. What is claimed and not tried is given back."""
        self._left = limit
        try:
            while self._end is None and not self._is_over():
                self._claim()
                self._hand_out()
                if not self._lanes.at_work and not self._waiting() and not self._is_soon():
                    break
                self._collect(wait=0.05)
        finally:
            try:
                self._put_back(errand for errands in self._at_hand.values() for errand in errands)
                self._at_hand.clear()
                while self._lanes.at_work:
                    self._collect(wait=1.0)
            finally:
                self._lanes.end()  # whatever failed: a lane must not outlive its round
            self._mark()
        if self._end is not None:
            raise self._end

    def _is_over(self) -> bool:
        return time.monotonic() >= self.ends

    def _waiting(self) -> int:
        return sum(map(len, self._at_hand.values()))

    def _is_soon(self) -> bool:
        """Something falls due in a moment, and there is time to wait for it."""
        coming = leases.soon(now=self.now, within=AHEAD).filter(channel=self.channel).order_by("due_at", "pk")
        first = coming.select_related("notification").first() if self._left > 0 else None
        if first is None:
            return False
        self._packer.prepare(first.notification, self.channel)
        self._next_look = 0.0
        time.sleep(0.05)
        return True

    # --- Claiming --------------------------------------------------------------------------------

    def _claim(self) -> None:
        """Bring parcels to hand where few are left that may go now."""
        troubled = {domain for domain in self._at_hand if self._lanes.is_slow(domain) or self._lanes.is_refusing(domain)}
        most = {
            domain: TROUBLED_HELD if domain in troubled or not self._lanes.has_answered(domain) else HELD_AT_MOST
            for domain in self._at_hand
        }
        full = [domain for domain, errands in self._at_hand.items() if len(errands) >= most[domain]]
        ready = sum(len(errands) for domain, errands in self._at_hand.items() if domain not in {*full, *troubled})
        if self._left <= 0 or ready >= LOW or self._waiting() >= AT_HAND:
            return
        if time.monotonic() < self._next_look and self._full.issubset(full):
            return  # nothing was there a moment ago, in these domains or more
        began = time.monotonic()
        asked = self._asked()
        self._left -= len(asked)
        news = self._claimed(full, digest=False)
        digests = self._claimed(full, digest=True) if len(news) < BATCH else []
        if not (asked or news or digests):
            self._full, looked = set(full), time.monotonic()
            self._next_look = looked + max(LOOK_AGAIN, LOOK_SHARE * (looked - began))
            return
        for subscriber in asked:
            self._pack_confirmation(subscriber)
        self._hold([[one] for one in news])
        self._hold([list(some) for _, some in groupby(sorted(digests, key=_by_reader), key=lambda one: one.subscriber_id)])

    def _asked(self) -> list[Subscriber]:
        """Who is to be asked whether they asked. Where nobody was, the question itself waits a second."""
        if self._left <= 0 or time.monotonic() < self._next_asking:
            return []
        asked = confirmations.claim_due(now=self.now, limit=min(CONFIRMATIONS, self._left), channels=[self.channel])
        self._next_asking = 0.0 if asked else time.monotonic() + ASK_AGAIN
        return asked

    def _claimed(self, full: Sequence[str], *, digest: bool) -> list[Claimed]:
        if self._left <= 0:
            return []
        if time.monotonic() > self._places_end:
            self._places, self._places_end = {}, time.monotonic() + PLACES_HOLD
        left_out = frozenset(full), digest
        after = self._places.pop(left_out, None)
        claimed = self._claim_after(after, full, digest)
        if not claimed and after:
            claimed = self._claim_after(None, full, digest)
        place = leases.reached(claimed, self.channel)
        if full and place and not digest:  # a digest's later news lies far behind the first of other readers
            self._places[left_out] = place
        self._left -= len(claimed)
        return claimed

    def _claim_after(self, after: leases.Place | None, full: Sequence[str], digest: bool) -> list[Claimed]:
        return leases.claim_due(
            now=self.now,
            limit=min(BATCH, self._left),
            channel=self.channel,
            without=full,
            digest=digest,
            after=after,
            note=self.outlet.begin,
        )

    def _pack_confirmation(self, subscriber: Subscriber) -> None:
        try:
            parcel = confirmations.parcel_for(subscriber)
        except AddressUnreadable as error:
            confirmations.record_failure(subscriber, TransportError(str(error)), now=self.now)
            return
        self._at_hand[subscriber.domain].append(Errand(parcel, asked=subscriber))

    def _hold(self, groups: Sequence[list[Claimed]]) -> None:
        """Each group becomes one parcel; who has left since hears nothing more."""
        if not groups:
            return
        readers = rows.readers(some[0].subscriber_id for some in groups)
        gone = [delivery for some in groups if some[0].subscriber_id not in readers for delivery in some]
        if gone:
            leases.drop(gone, why=UNSUBSCRIBED)
        for some in groups:
            reader = readers.get(some[0].subscriber_id)
            if reader is not None:
                self._at_hand[reader.domain].append(Held(tuple(some), reader))

    def _packed(self, held: Errand | Held) -> Errand | None:
        """None for what cannot be packed: that is written down."""
        if isinstance(held, Errand):
            return held
        some, reader = held.deliveries, held.reader
        try:
            one = some[0]
            parcel = self._packer.digest_for(some, reader) if one.digest else self._packer.parcel_for(one, reader)
        except (AddressUnreadable, ItemGone) as error:
            problem = TransportError(str(error), permanent=isinstance(error, ItemGone))
            leases.record_failures([(delivery, problem) for delivery in some], now=self.now)
            return None
        return Errand(parcel, some)

    # --- Handing out and collecting --------------------------------------------------------------

    def _hand_out(self) -> None:
        """Feed the lanes, one domain after the other."""
        gave = True
        while gave:
            gave = False
            waiting = self._waiting()
            for domain in list(self._at_hand):
                errands = self._at_hand.pop(domain)
                alone = self._is_alone(domain)
                if lane := self._lanes.free_for(domain, alone=alone, waiting=waiting):
                    together = min(len(errands), self._lanes.together(domain, alone=alone))
                    packed = [self._packed(errands.popleft()) for _ in range(together)]
                    if some := [errand for errand in packed if errand]:
                        lane.give(domain, some)
                    gave = True
                if errands:
                    self._at_hand[domain] = errands  # behind the others

    def _is_alone(self, domain: str) -> bool:
        """Nobody else waits; for a domain that refuses, nobody who would go out sooner without it."""
        if self._lanes.is_refusing(domain) and not self._lanes.is_slow(domain):
            others = {*self._at_hand, *self._lanes.domains_at_work} - {domain}
            return all(self._lanes.has_been_slow(other) for other in others)
        return not self._at_hand

    def _collect(self, *, wait: float) -> None:
        """Write down what the lanes have done."""
        report = self._lanes.take_report(wait=wait)
        while report is not None:
            self._settle(report)
            report = self._lanes.take_report(wait=0)
        ended = len(self._done) + len(self._failed)
        if ended >= MARK_EACH or (ended and time.monotonic() - self._marked_at > MARK_AFTER):
            self._mark()
            self._drop_stopped()

    def _drop_stopped(self) -> None:
        """What staff stopped meanwhile goes no further than the lanes that have it."""
        stopped = set(leases.stopped())
        if not stopped:
            return
        for domain, errands in list(self._at_hand.items()):
            kept = deque(errand for errand in errands if not any(one.notification.pk in stopped for one in errand.deliveries))
            self._put_back(errand for errand in errands if errand not in kept)
            if kept:
                self._at_hand[domain] = kept
            else:
                del self._at_hand[domain]

    def _settle(self, report: Report) -> None:
        throttled = ""
        for errand, outcome in zip(report.errands, report.outcomes, strict=False):
            if isinstance(outcome, Sent):
                self._note_sent(errand, outcome)
                continue
            if isinstance(outcome, Retry) and outcome.throttled:
                throttled = outcome.reason
            error = error_of(outcome)
            self._failed += [(delivery, error) for delivery in errand.deliveries]
            if errand.deliveries and isinstance(outcome, Failed) and (outcome.gone or outcome.bounced):
                self._refused.append((errand.parcel.subscriber_id, outcome))
            if errand.asked:
                confirmations.record_failure(errand.asked, error, now=self.now)
        untried = report.errands[len(report.outcomes) :]
        self._put_back(untried)
        if throttled:
            self._put_back(self._at_hand.pop(report.domain, ()))
            self._mark()  # they rest with the others of their domain
            paces.slow_down(self.channel, report.domain, now=self.now, why=throttled)
        self._end = self._end or report.error

    def _note_sent(self, errand: Errand, outcome: Sent) -> None:
        if errand.asked:
            confirmations.record_success(errand.asked, now=self.now)
            self.sent += 1
        for delivery in errand.deliveries:
            delivery.reference = outcome.reference[:80]
        self._done += errand.deliveries

    def _follow_failures(self, failed: Sequence[Claimed]) -> None:
        refused, self._refused = self._refused, []
        for subscriber_id, outcome in refused:  # behind the rows: all else of that reader is not sent any more
            bounces.refused(subscriber_id=subscriber_id, outcome=outcome, now=self.now)
        if failed and self.channel == ended_webhooks.CHANNEL:
            ended_webhooks.look_at(failed, now=self.now)

    def _put_back(self, errands: Iterable[Errand | Held]) -> None:
        listed = list(errands)
        leases.give_back([delivery for errand in listed for delivery in errand.deliveries])
        confirmations.give_back([errand.asked for errand in listed if errand.asked], now=self.now)

    def _mark(self) -> None:
        """All ends in one write: one for each turn, or one more for failures, would keep quick domains waiting for the disk."""
        self._marked_at = time.monotonic()
        if not self._done and not self._failed:
            return
        with transaction.atomic():
            leases.record_failures(self._failed, now=self.now)
            leases.record_success(self._done, now=self.now)
        done, self._done = self._done, []
        failed, self._failed = self._failed, []
        self.sent += len(done)
        if done:
            paces.speed_up(self.channel, {delivery.domain for delivery in done})
        self._follow_failures([delivery for delivery, _ in failed])


def _by_reader(delivery: Claimed) -> tuple[int, int]:
    return delivery.subscriber_id, delivery.notification.record_seq
