"""What phones and their gateway tell us: words texted to our number, opt-outs, and what became of an SMS. Each is idempotent."""

from __future__ import annotations

from datetime import datetime

from subscribers import addresses, bounces, farewells, subscriptions, suppression
from subscribers.models import Delivery, Subscriber, SubscriberState, Suppressed
from subscribers.transports.base import Failed
from subscribers.transports.sms import SmsSender

CHANNEL = "sms"
STOP = frozenset({"stop", "acha", "ondoa", "unsubscribe"})
YES = frozenset({"yes", "ndiyo", "ndio"})
START = {"start": "en", "anza": "sw"}
_FAILED = frozenset({"failed", "rejected"})
# Why a network carried it to nobody, where it will not carry the next one either.
_GONE = frozenset({"userinblacklist", "useraccountsuspended", "userisinactive", "userdoesnotexist", "donotdisturbrejection"})


def take_text(*, number: str, text: str, now: datetime) -> str:
    """What a word texted to our number led to: stopped, confirmed, started, or "" for nothing. Raises addresses.AddressError."""
    word = next(iter(text.strip().casefold().split()), "").strip(".!,'\"")
    if word in STOP:
        ended = opt_out(number=number, now=now)
        if ended:
            farewells.ask(number=SmsSender.normalise(number), language=ended.language, now=now)
        return "stopped"
    if word in YES:
        return "confirmed" if subscriptions.confirm_by_reply(address=number, now=now) else ""
    if word in START:
        return "started" if _start(number, START[word], now) else ""
    return ""


def opt_out(*, number: str, now: datetime) -> Subscriber | None:
    """Nothing more to that number, at once, whoever types it into our form. Only its owner, by START, brings it back.

    Answers whose subscription ended by it; None where none ran.
    """
    address_hash = addresses.hash_on(CHANNEL, SmsSender.normalise(number))
    subscriber = Subscriber.objects.filter(channel=CHANNEL, address_hash=address_hash).first()
    ended = subscriber if subscriber and subscriber.state == SubscriberState.ACTIVE else None
    if subscriber:
        subscriptions.unsubscribe(subscriber=subscriber, now=now)
    suppression.suppress(channel=CHANNEL, address_hash=address_hash, reason=Suppressed.OPTED_OUT, now=now)
    return ended


def _start(number: str, language: str, now: datetime) -> bool:
    """Who texts START has shown by it that the number is theirs: they ask and confirm in one."""
    farewells.take_back(number=number)
    source = {"wording": f"sms-start {language}", "by": "sms"}
    return subscriptions.start(address=number, channel=CHANNEL, language=language, source=source, now=now) is not None


def take_report(*, reference: str, status: str, reason: str, now: datetime) -> bool:
    """What became of an SMS; False for one that is not ours. The last word of it counts, however often it is told."""
    delivery = Delivery.objects.filter(channel=CHANNEL, reference=reference).exclude(reference="").first()
    if delivery is None:
        return False
    if status.casefold() in _FAILED:
        words = f"the network did not deliver it ({reason[:60] or 'no reason'})"
        fresh = Delivery.objects.filter(pk=delivery.pk).exclude(last_error=words).update(last_error=words)
        if fresh and reason.casefold() in _GONE:
            bounces.refused(subscriber_id=delivery.subscriber_id, outcome=Failed(words, gone=True), now=now)
    return True
