"""From a Delivery to what a transport carries; each text is rendered once, however many get it."""

from __future__ import annotations

from collections.abc import Sequence

from subscribers import addresses, items, links, rendering
from subscribers.items import Item
from subscribers.models import Delivery, Notification, Subscriber
from subscribers.rendering import Rendered
from subscribers.transports import TRANSPORTS
from subscribers.transports.base import Parcel
from subscribers.transports.email import feedback_id


class ItemGone(Exception):
    """What was to be told is no longer there."""


class Packer:
    """Keeps the items and rendered texts of one round of sending."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._rendered: dict[tuple[int, str, str], Rendered] = {}
        self._digests: dict[tuple[tuple[int, ...], str, str], Rendered] = {}

    def parcel_for(self, delivery: Delivery, subscriber: Subscriber) -> Parcel:
        """`subscriber` as read just now: its language and address may have changed.

        Raises addresses.AddressUnreadable or ItemGone.
        """
        item = self._item(delivery.notification)
        key = addresses.recipient_key(subscriber.address_hash)
        return self._parcel(
            subscriber,
            rendered=self._render(item, subscriber),
            message_id=f"{item.thread}.{item.public_id}.{key}",
            thread_id=f"{item.thread}.{key}",
            item=item,
            feedback=feedback_id(item.thread, FEEDBACK.get(item.kind, item.kind)),
        )

    def digest_for(self, deliveries: Sequence[Delivery], subscriber: Subscriber) -> Parcel:
        """All that waits for one subscriber in one mail, oldest first. Raises as parcel_for."""
        told = [self._item(delivery.notification) for delivery in deliveries]
        last = told[-1]
        wanted = (tuple(item.record_seq for item in told), subscriber.language, subscriber.channel)
        if wanted not in self._digests:
            self._digests[wanted] = rendering.render_digest(told, subscriber.language, subscriber.channel)
        key = addresses.recipient_key(subscriber.address_hash)
        return self._parcel(
            subscriber,
            rendered=self._digests[wanted],
            message_id=f"digest.{last.public_id}.{key}",
            thread_id=f"digest.{key}",
            item=last,
            feedback=feedback_id("digest", "digest"),
        )

    def _parcel(
        self, subscriber: Subscriber, *, rendered: Rendered, message_id: str, thread_id: str, item: Item, feedback: str
    ) -> Parcel:
        token = links.token_for(subscriber, links.UNSUBSCRIBE)
        unsubscribe_url = links.unsubscribe_url_of(token, subscriber.language)
        return Parcel(
            address=addresses.decrypt(subscriber.address_encrypted),
            rendered=rendered,
            fills={rendering.UNSUBSCRIBE_MARK: unsubscribe_url, rendering.MANAGE_MARK: links.manage_url(subscriber)},
            message_id=message_id,
            date=item.published_at,
            thread_id=thread_id,
            feedback_id=feedback,
            unsubscribe_url=unsubscribe_url,
            unsubscribe_token=token,
            subscriber_id=subscriber.pk,
            item=item,
            private=TRANSPORTS[subscriber.channel].private_of(subscriber),
        )

    def _item(self, notification: Notification) -> Item:
        if notification.pk not in self._items:
            document = items.document_of(notification.kind, notification.record_seq)
            if document is None:
                raise ItemGone(f"Record entry {notification.record_seq} has no words to tell.")
            self._items[notification.pk] = items.item_of(document)
        return self._items[notification.pk]

    def _render(self, item: Item, subscriber: Subscriber) -> Rendered:
        wanted = (item.record_seq, subscriber.language, subscriber.channel)
        if wanted not in self._rendered:
            own = TRANSPORTS[subscriber.channel].render(item, subscriber.language)
            self._rendered[wanted] = own or rendering.render(item, subscriber.language, subscriber.channel)
        return self._rendered[wanted]


FEEDBACK = {"incident_update": "update", "maintenance_update": "planned"}  # what complaints are counted by
