"""From a Delivery to what a transport carries; each text is rendered once, however many get it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from incidents.languages import codes
from subscribers import addresses, items, links, rendering
from subscribers.items import Item
from subscribers.models import Notification
from subscribers.rendering import Rendered
from subscribers.rows import Claimed, Reader
from subscribers.transports import TRANSPORTS
from subscribers.transports.base import Parcel
from subscribers.transports.email import feedback_id


class ItemGone(Exception):
    """What was to be told is no longer there."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the parcels of one text, language and channel have in common."""

    item: Item
    rendered: Rendered
    message: str  # begins the Message-ID; the recipient's key follows
    thread: str
    feedback: str
    unsubscribe: str  # begins the link; the token follows
    manage: str


class Packer:
    """Keeps the items and rendered texts of one round of sending."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._told: dict[tuple[int, str, str], _Told] = {}
        self._digests: dict[tuple[tuple[int, ...], str, str], _Told] = {}

    def prepare(self, notification: Notification, channel: str) -> None:
        """Render what is about to be due: its first parcel must not wait for that."""
        with suppress(ItemGone):
            for language in codes():
                self._told_of(notification, language, channel)

    def parcel_for(self, delivery: Claimed, subscriber: Reader) -> Parcel:
        """`subscriber` as read just now: its language and address may have changed.

        Raises addresses.AddressUnreadable or ItemGone.
        """
        return _parcel(self._told_of(delivery.notification, subscriber.language, subscriber.channel), subscriber)

    def _told_of(self, notification: Notification, language: str, channel: str) -> _Told:
        wanted = (notification.pk, language, channel)
        told = self._told.get(wanted)
        if told is None:
            item = self._item(notification)
            own = TRANSPORTS[channel].render(item, language)
            told = self._told[wanted] = _told(
                item,
                own or rendering.render(item, language, channel),
                message=f"{item.thread}.{item.public_id}.",
                thread=f"{item.thread}.",
                feedback=feedback_id(item.thread, FEEDBACK.get(item.kind, item.kind)),
                language=language,
            )
        return told

    def digest_for(self, deliveries: Sequence[Claimed], subscriber: Reader) -> Parcel:
        """All that waits for one subscriber in one mail, oldest first. Raises as parcel_for."""
        items_ = [self._item(delivery.notification) for delivery in deliveries]
        wanted = (tuple(item.record_seq for item in items_), subscriber.language, subscriber.channel)
        if wanted not in self._digests:
            self._digests[wanted] = _told(
                items_[-1],
                rendering.render_digest(items_, subscriber.language, subscriber.channel),
                message=f"digest.{items_[-1].public_id}.",
                thread="digest.",
                feedback=feedback_id("digest", "digest"),
                language=subscriber.language,
            )
        return _parcel(self._digests[wanted], subscriber)

    def _item(self, notification: Notification) -> Item:
        if notification.pk not in self._items:
            document = items.document_of(notification.kind, notification.record_seq)
            if document is None:
                raise ItemGone(f"Record entry {notification.record_seq} has no words to tell.")
            self._items[notification.pk] = items.item_of(document)
        return self._items[notification.pk]


def _told(item: Item, rendered: Rendered, *, message: str, thread: str, feedback: str, language: str) -> _Told:
    unsubscribe, manage = links.unsubscribe_url_of("", language), links.manage_url_of("", language)
    return _Told(item, rendered, message, thread, feedback, unsubscribe, manage)


def _parcel(told: _Told, subscriber: Reader) -> Parcel:
    """What is the recipient's own, and nothing else, is made here: it is made for each."""
    token = links.token_for(subscriber, links.UNSUBSCRIBE)
    key = addresses.recipient_key(subscriber.address_hash)
    unsubscribe_url = told.unsubscribe + token
    manage_url = told.manage + links.token_for(subscriber, links.MANAGE)
    return Parcel(
        address=addresses.decrypt(subscriber.address_encrypted),
        rendered=told.rendered,
        fills={rendering.UNSUBSCRIBE_MARK: unsubscribe_url, rendering.MANAGE_MARK: manage_url},
        message_id=told.message + key,
        date=told.item.published_at,
        thread_id=told.thread + key,
        feedback_id=told.feedback,
        unsubscribe_url=unsubscribe_url,
        unsubscribe_token=token,
        subscriber_id=subscriber.pk,
        item=told.item,
        private=TRANSPORTS[subscriber.channel].private_of(subscriber.pk),
    )


FEEDBACK = {"incident_update": "update", "maintenance_update": "planned"}  # what complaints are counted by
