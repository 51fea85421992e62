"""One signed test event to a webhook, when its owner presses for it: at once, so that they read what their program answered.

It runs while a reader waits, so there is one at a time on all web workers: nobody holds more than one of them by a slow host.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext, override

from subscribers import addresses, endpoints, links, posting
from subscribers.models import Subscriber
from subscribers.transports.base import TransportError

TYPE = "test"
ONE = "webhook-trial"
LONGEST = timedelta(milliseconds=posting.TOTAL_MS) + timedelta(seconds=5)  # then whoever held the place is gone
RESTS = timedelta(seconds=10)  # of one webhook, between two


class TooSoon(Exception):
    """Another one is on its way, or this one was tried a moment ago."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the webhook answered; None: it could not be reached, or may not be posted to."""

    status: int | None

    @property
    def was_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send(*, subscriber: Subscriber, now: datetime) -> Tried:
    """Raises TooSoon. Nothing is kept of it, and it ends no webhook."""
    signing = endpoints.signing_of(subscriber.pk)
    if signing is None:
        return Tried(None)
    body = json.dumps(body_of(subscriber, now), ensure_ascii=False, separators=(",", ":")).encode()
    message_id = f"msg_test_{int(now.timestamp())}_{addresses.recipient_key(subscriber.address_hash)}"
    headers = endpoints.headers_of(signing, message_id=message_id, timestamp=int(time.time()), body=body)
    with _place_for(subscriber):
        poster = posting.Poster()
        try:
            return Tried(poster.post(addresses.decrypt(subscriber.address_encrypted), body, headers).status)
        except TransportError:
            return Tried(None)
        finally:
            poster.close()


def body_of(subscriber: Subscriber, now: datetime) -> dict[str, object]:
    """In our form whichever they chose, since Statuspage has none for this."""
    with override(subscriber.language):
        text = gettext("Its owner pressed for this. It says nothing about any service.")
    return {
        "type": TYPE,
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"text": text},
        "meta": {
            "page": settings.BASE_URL,
            "manage": links.manage_url(subscriber),
            "unsubscribe": links.unsubscribe_url(subscriber),
        },
    }


@contextmanager
def _place_for(subscriber: Subscriber) -> Iterator[None]:
    if not cache.add(f"{ONE}:{subscriber.public_id}", 1, int(RESTS.total_seconds())):
        raise TooSoon
    if not cache.add(ONE, 1, int(LONGEST.total_seconds())):
        raise TooSoon
    try:
        yield
    finally:
        cache.delete(ONE)
