"""What was sent to one subscriber, in their words: for their own page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from subscribers import items
from subscribers.models import Delivery, DeliveryState, Subscriber
from subscribers.telling import in_words, tell

SHOWN = 20


@dataclass(frozen=True, slots=True)
class SentItem:
    at: str
    moment: datetime
    headline: str
    about: str
    url: str


def sent_to(subscriber: Subscriber, language: str) -> list[SentItem]:
    """The last 20 that went out, the newest first; what was taken out of the record since is left out."""
    rows = (
        Delivery.objects.to(subscriber)
        .filter(state=DeliveryState.SENT)
        .select_related("notification")
        .order_by("-sent_at", "-id")
    )
    found = []
    for row in rows[:SHOWN]:
        document = items.document_of(row.notification.kind, row.notification.record_seq)
        if document is None or row.sent_at is None:
            continue
        told = tell(items.item_of(document), language)
        found.append(SentItem(in_words(row.sent_at, language), row.sent_at, told.headline, told.about, told.url))
    return found
