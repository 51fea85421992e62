"""ntfy, by the URL of a topic: JSON to its server, with the topic in the body (docs.ntfy.sh/publish, “Publish as JSON”)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext

from subscribers import posting
from subscribers.addresses import AddressError
from subscribers.posting import Answer
from subscribers.telling import Telling
from subscribers.transports.base import Parcel, TransportError
from subscribers.transports.chat import (
    BLUE,
    CONFIRM_MARK,
    GREEN,
    GREY,
    MANAGE_MARK,
    ChatSender,
    filled,
    headline_of,
    next_update,
    text_of,
)

TITLE, TEXT = 1000, 4000  # octets: 1 KB and 4,096 are the server's, and a longer text would become an attachment
SERVICES = 10
TOPIC_MARK = "@@topic@@"
_TOPIC = re.compile(r"/([A-Za-z0-9_-]{1,64})/?")
# Names of emojis that stand before the title.
_TAGS = {GREEN: "white_check_mark", BLUE: "construction", GREY: "loudspeaker"}
_TAG_ELSE = "warning"


class NtfySender(ChatSender):
    hosts = ("ntfy.sh",)
    example = "https://ntfy.sh/…"

    @classmethod
    def normalise(cls, typed: str) -> str:
        url = super().normalise(typed)
        parts = urlsplit(url)
        if parts.query or not _TOPIC.fullmatch(parts.path):
            raise AddressError(f"Copy the topic's URL, with nothing behind the topic: {cls.example}")
        return url.rstrip("/")

    @classmethod
    def said(cls, told: Telling, colour: int) -> Mapping[str, Any]:
        states = "\n".join(f"{name}: {state}" for name, state in told.affected[:SERVICES])
        foot = " · ".join(filter(None, [told.at, next_update(told)]))
        text = "\n\n".join(filter(None, [text_of(told, struck="", bold=""), states]))
        buttons = [_button(gettext("Read on the page"), told.url), _button(gettext("Your choices"), MANAGE_MARK)]
        return {
            "topic": TOPIC_MARK,
            "title": _cut(headline_of(told), TITLE),
            "message": f"{_cut(text, TEXT - len(foot.encode()) - 2)}\n\n{foot}",
            "tags": [_TAGS.get(colour, _TAG_ELSE)],
            "click": told.url,
            "actions": buttons,
        }

    @classmethod
    def asked(cls, title: str, text: str, button: str) -> Mapping[str, Any]:
        return {
            "topic": TOPIC_MARK,
            "title": _cut(title, TITLE),
            "message": _cut(text, TEXT),
            "click": CONFIRM_MARK,
            "actions": [_button(button, CONFIRM_MARK)],
        }

    def send(self, parcel: Parcel) -> str:
        parts = urlsplit(parcel.address)
        body = filled(parcel.rendered.text, {**parcel.fills, TOPIC_MARK: parts.path.strip("/")})
        self.require_taken(self._poster.post(f"{parts.scheme}://{parts.netloc}/", body, {}))
        return ""

    def require_taken(self, answer: Answer) -> None:
        """Its limits are those of our address, not of a topic; and a topic cannot be deleted, so nothing is ever gone."""
        if answer.status == 429:
            words = "The ntfy server takes no more from us for now (429)."
            raise TransportError(words, retry_after=answer.retry_after, throttled=True)
        posting.require_taken(answer, gone=())


def _button(label: str, url: str) -> dict[str, Any]:
    return {"action": "view", "label": label, "url": url}


def _cut(text: str, octets: int) -> str:
    """So many octets at most: letters may take several."""
    if len(text.encode()) <= octets:
        return text
    return text.encode()[: octets - len("…".encode())].decode(errors="ignore").rstrip() + "…"
