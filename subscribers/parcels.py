"""From a Delivery to what a transport carries; each text is rendered once, however many get it."""

from __future__ import annotations

from incidents.models import IncidentUpdate
from subscribers import addresses, links, rendering
from subscribers.models import Delivery, Subscriber
from subscribers.rendering import Rendered
from subscribers.transports.base import Parcel
from subscribers.transports.email import feedback_id


class Packer:
    """Keeps the rendered texts of one round of sending."""

    def __init__(self) -> None:
        self._rendered: dict[tuple[int, str, str], Rendered] = {}

    def parcel_for(self, delivery: Delivery, subscriber: Subscriber) -> Parcel:
        """`subscriber` as read just now: its language and address may have changed. Raises addresses.AddressUnreadable."""
        update = delivery.notification.update
        assert update is not None
        incident = update.incident.public_id
        key = addresses.recipient_key(subscriber.address_hash)
        unsubscribe_url = links.unsubscribe_url(subscriber)
        return Parcel(
            address=addresses.decrypt(subscriber.address_encrypted),
            rendered=self._render(update, subscriber),
            fills={rendering.UNSUBSCRIBE_MARK: unsubscribe_url, rendering.MANAGE_MARK: links.manage_url(subscriber)},
            message_id=f"{incident}.{update.public_id}.{key}",
            date=update.published_at or update.created_at,
            thread_id=f"{incident}.{key}",
            feedback_id=feedback_id(incident, "update"),
            unsubscribe_url=unsubscribe_url,
            unsubscribe_token=links.token_for(subscriber, links.UNSUBSCRIBE),
        )

    def _render(self, update: IncidentUpdate, subscriber: Subscriber) -> Rendered:
        wanted = (update.pk, subscriber.language, subscriber.channel)
        if wanted not in self._rendered:
            self._rendered[wanted] = rendering.render(update, subscriber.language, subscriber.channel)
        return self._rendered[wanted]
