"""Webhooks: signed JSON (Standard Webhooks 1.0.0), in our richer form or in the one that Statuspage's subscribers know."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext, override

from incidents.languages import codes
from incidents.models import IncidentUpdate, MaintenanceUpdate, StatusChange
from subscribers import destinations, endpoints, posting
from subscribers.items import Item
from subscribers.models import Payload
from subscribers.rendering import CONFIRM_MARK, MANAGE_MARK, UNSUBSCRIBE_MARK, Rendered
from subscribers.telling import Telling, tell
from subscribers.transports import statuspage_bodies
from subscribers.transports.base import Parcel, Sender, TransportError
from subscribers.transports.chat import filled

LONGEST_SECTION = 1500  # characters: a body stays below the 20 kB that receivers are told to expect


class WebhookSender(Sender):
    """A Rendered of this channel holds our form in `text`, and in `html` the one of Statuspage where the item has one."""

    connections = 8  # to many hosts, some of which take their time

    def __init__(self) -> None:
        self._poster = posting.Poster()

    @classmethod
    def normalise(cls, typed: str) -> str:
        return destinations.parse(typed).url

    @classmethod
    def domain_of(cls, normal: str) -> str:
        return urlsplit(normal).hostname or ""

    @classmethod
    def private_of(cls, subscriber_id: int) -> endpoints.Signing | None:
        return endpoints.signing_of(subscriber_id)

    @classmethod
    def render(cls, item: Item, language: str) -> Rendered:
        told = tell(item, language)
        theirs = statuspage_bodies.body_of(item, told.language)
        return Rendered(subject=told.subject, text=_encoded(our_body(item)), html=_encoded(theirs) if theirs else "")

    @classmethod
    def render_confirmation(cls, language: str) -> Rendered:
        with override(language):
            how = gettext("POST to confirm_url, or open it and press the button. Otherwise do nothing.")
        data = {"confirm_url": CONFIRM_MARK, "how": how}
        body = {"type": "subscription.confirm", "data": data, "meta": {"page": settings.BASE_URL}}
        return Rendered(subject="subscription.confirm", text=_encoded(body), html="")

    @classmethod
    def render_known(cls, language: str) -> Rendered:
        with override(language):
            how = gettext("Asked for again. Open manage_url to see and change what comes.")
        data = {"manage_url": CONFIRM_MARK, "how": how}
        body = {"type": "subscription.manage", "data": data, "meta": {"page": settings.BASE_URL}}
        return Rendered(subject="subscription.manage", text=_encoded(body), html="")

    def send(self, parcel: Parcel) -> str:
        signing = parcel.private
        if not isinstance(signing, endpoints.Signing):
            raise TransportError("This webhook has no secret to sign with.", permanent=True)
        is_theirs = signing.payload == Payload.STATUSPAGE and parcel.rendered.html
        body = filled(parcel.rendered.html if is_theirs else parcel.rendered.text, parcel.fills)
        message_id = f"msg_{parcel.message_id.replace('.', '_')}"
        headers = endpoints.headers_of(signing, message_id=message_id, timestamp=int(time.time()), body=body)
        posting.require_taken(self._poster.post(parcel.address, body, headers))
        return message_id

    def close(self) -> None:
        self._poster.close()


def our_body(item: Item) -> Mapping[str, Any]:
    """In every language at once, with the words as readers get them, and with what links it to the public record."""
    told = {language: tell(item, language) for language in codes()}
    first = told[codes()[0]]
    data: dict[str, Any] = {
        "id": item.public_id,
        "thread": item.thread,
        "kind": item.kind,
        "impact": item.impact or None,
        "status": getattr(item.document, "status", None) or None,
        "record_entry": item.record_seq,
        "url": first.url,
        "affected": _affected(item),
        "text": {language: _words(one) for language, one in told.items()},
    }
    if isinstance(item.document, IncidentUpdate):
        data["next_update_by"] = _iso(item.document.next_update_by)
    if isinstance(item.document, MaintenanceUpdate):
        work = item.document.maintenance
        data |= {"starts_at": _iso(work.starts_at), "ends_at": _iso(work.ends_at)}
    return {
        "type": f"{item.kind.replace('_', '.')}.published",
        "timestamp": _iso(item.published_at),
        "data": data,
        "meta": {"page": settings.BASE_URL, "manage": MANAGE_MARK, "unsubscribe": UNSUBSCRIBE_MARK},
    }


def _affected(item: Item) -> list[dict[str, str]]:
    """The components that this word states, with the states as the record has them."""
    if isinstance(item.document, StatusChange):
        component = item.document.component
        return [{"id": component.public_id, "code": component.code, "status": item.document.new_status}]
    if not isinstance(item.document, IncidentUpdate | MaintenanceUpdate):
        return []
    rows = item.document.affected.select_related("component").order_by("pk")
    return [{"id": row.component.public_id, "code": row.component.code, "status": row.new_status} for row in rows]


def _words(told: Telling) -> dict[str, Any]:
    sections = [
        {"heading": section.heading, "text": section.text[:LONGEST_SECTION], "holds": not section.struck}
        for section in told.sections
    ]
    return {"about": told.about, "headline": told.headline, "sections": sections, "url": told.url}


def _iso(moment: Any) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _encoded(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
