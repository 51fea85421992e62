"""One address, as staff types it for whoever asks: what we hold of it, and acts on it. Each is logged, without the address.

Nothing here answers for an address that was not typed in full, so nobody reads a list of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit
from subscribers import addresses, endpoints, subscriptions, suppression, wishes
from subscribers.models import Payload, StaffNote, Subscriber, SubscriberState, Suppressed, Suppression
from subscribers.transports import TRANSPORTS

NAMED = 12  # digits of the hash that name an address in the log


class NotDone(Exception):
    """It cannot be done to this address; the message says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """What we hold of an address: who has it, if anybody, and why nothing is sent to it, if so. `is_barred`: not even the
    question whether they want to hear from us."""

    channel: str
    address_hash: str
    subscriber: Subscriber | None
    suppression: Suppression | None
    is_barred: bool

    @property
    def hears(self) -> bool:
        return self.subscriber is not None and self.subscriber.state == SubscriberState.ACTIVE

    @property
    def is_asked(self) -> bool:
        return self.subscriber is not None and self.subscriber.state == SubscriberState.PENDING

    @property
    def waits_for_a_message(self) -> bool:
        return self.subscriber is not None and self.subscriber.confirm_due_at is not None

    @property
    def named(self) -> str:
        """Its name in the log."""
        return self.subscriber.public_id if self.subscriber else self.address_hash[:NAMED]


def find(*, channel: str, address: str, now: datetime) -> Held:
    """Raises addresses.AddressError."""
    address_hash = addresses.hash_on(channel, TRANSPORTS[channel].normalise(address))
    return Held(
        channel,
        address_hash,
        Subscriber.objects.filter(channel=channel, address_hash=address_hash).first(),
        suppression.standing(now).filter(channel=channel, address_hash=address_hash).first(),
        suppression.is_barred(channel=channel, address_hash=address_hash, now=now),
    )


def look_up(*, channel: str, address: str, actor: User, now: datetime) -> Held:
    """The same, for a person to read: that they looked is written down. Raises addresses.AddressError."""
    held = find(channel=channel, address=address, now=now)
    details = {"channel": channel, "found": held.subscriber is not None}
    audit.log(act="subscriber.look_up", actor=actor, now=now, target=held.named, details=details)
    return held


def suppress(*, held: Held, reason: str, actor: User, now: datetime) -> None:
    """Nothing is sent there any more, until staff lifts it; nobody can subscribe with it. Raises NotDone without a reason."""
    with transaction.atomic():
        details = {"channel": held.channel, "reason": _given(reason)}
        audit.log(act="subscriber.suppress", actor=actor, now=now, target=held.named, details=details)
        suppression.suppress(channel=held.channel, address_hash=held.address_hash, reason=Suppressed.BY_STAFF, now=now)


def lift(*, held: Held, reason: str, actor: User, now: datetime) -> None:
    """It may be written to again, by whoever subscribes with it and confirms. Raises NotDone."""
    why = _given(reason)
    if held.suppression is None:
        raise NotDone("Nothing keeps mails from this address any more.")
    suppression.lift(suppression=held.suppression, actor=actor, now=now, named=held.named, reason=why)


def ask(*, held: Held, address: str, language: str, actor: User, now: datetime) -> None:
    """Ask them to confirm, as the page's form does: until they do, they hear nothing. Who hears already is sent the way to their
    own page; who was asked and has not answered keeps what they chose, language too. Raises NotDone, or floods.TooMany."""
    if held.is_barred:
        raise NotDone("Nothing may be sent there: not even the question. Lift that first.")
    wanted, payload = wishes.THE_PAGE, Payload.HALI.value
    if held.subscriber and (held.hears or held.is_asked):
        wanted, payload = wishes.of(held.subscriber), endpoints.payload_of(held.subscriber)
        language = held.subscriber.language
    source = {"wording": f"desk {language}", "by": "desk", "asked_by": actor.get_username()}
    with transaction.atomic():
        details = {"channel": held.channel, "language": language}
        audit.log(act="subscriber.ask", actor=actor, now=now, target=held.named, details=details)
        subscriptions.subscribe(
            address=address,
            channel=held.channel,
            language=language,
            source=source,
            wanted=wanted,
            payload=payload,
            now=now,
        )
        if not find(channel=held.channel, address=address, now=now).waits_for_a_message:
            raise NotDone("They had such a message a moment ago, or two within two days: no further one is sent now.")


def note(*, held: Held, words: str, actor: User, now: datetime) -> None:
    """Write down something about who has it; they read it in the copy of what we hold. Raises NotDone."""
    if held.subscriber is None or held.subscriber.state == SubscriberState.UNSUBSCRIBED:
        raise NotDone("Nobody has it now: there is nobody to note anything about.")
    if not words.strip():
        raise NotDone("Write the note.")
    with transaction.atomic():
        audit.log(act="subscriber.note", actor=actor, now=now, target=held.named)  # its words go with them, a line of the log not
        StaffNote.objects.create(subscriber=held.subscriber, words=words.strip()[:500], at=now, by=actor)


def _given(reason: str) -> str:
    if not reason.strip():
        raise NotDone("Say why.")
    return reason.strip()[:300]
