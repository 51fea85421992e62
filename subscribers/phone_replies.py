"""What phones and their gateway tell us: words texted to our number, opt-outs, and what became of an SMS. Each is idempotent."""

from __future__ import annotations

from datetime import datetime

from subscribers import addresses, bounces, farewells, subscriptions, suppression
from subscribers.models import Delivery, DeliveryState, Subscriber, SubscriberState, Suppressed
from subscribers.transports.base import Failed
from subscribers.transports.sms import SmsSender

CHANNEL = "sms"
STOP = frozenset({"stop", "acha", "ondoa", "unsubscribe"})
YES = frozenset({"yes", "ndiyo", "ndio"})
START = {"start": "en", "anza": "sw"}
_FAILED = frozenset({"failed", "rejected"})
_NOT_DELIVERED = "the network did not deliver it"
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


class NotYet(Exception):
    """It may be of an SMS that a sender has not written down yet: the gateway is to tell it again."""


def take_report(*, reference: str, status: str, reason: str, now: datetime) -> bool:
    """What became of an SMS; False for one that is not ours. The last word of it counts, however often it is told.

    What the network carried to nobody is dead, as if refused at once: staff see it and may send it again. Raises NotYet.
    """
    word = status.casefold()
    delivery = Delivery.objects.filter(channel=CHANNEL, reference=reference).exclude(reference="").first()
    if delivery is None:
        if reference and word in _FAILED and Delivery.objects.filter(channel=CHANNEL, lease_until__isnull=False).exists():
            raise NotYet
        return False
    row = Delivery.objects.filter(pk=delivery.pk)  # not one that is being sent again: the report is of the time before
    if word in _FAILED:
        words = f"{_NOT_DELIVERED} ({reason[:60] or 'no reason'})"
        ended = row.filter(state__in=[DeliveryState.SENT, DeliveryState.DEAD]).exclude(last_error=words)
        if ended.update(state=DeliveryState.DEAD, last_error=words) and reason.casefold() in _GONE:
            bounces.refused(subscriber_id=delivery.subscriber_id, outcome=Failed(words, gone=True), now=now)
    elif word == "success":
        row.filter(state=DeliveryState.DEAD, last_error__startswith=_NOT_DELIVERED).update(
            state=DeliveryState.SENT, last_error=""
        )
    return True
