"""What the chat channels have in common: a JSON body to a secret URL, made once per item and language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext, override

from incidents.models import IncidentUpdate, MaintenanceUpdate
from incidents.words import Impact, IncidentStatus
from subscribers import destinations, posting
from subscribers.addresses import AddressError
from subscribers.items import Item
from subscribers.rendering import CONFIRM_MARK, MANAGE_MARK, UNSUBSCRIBE_MARK, Rendered
from subscribers.telling import Telling, tell
from subscribers.transports.base import Parcel, Sender

GREEN, BLUE, GREY = 0x26935C, 0x3498DB, 0x6B7280
COLOURS = {Impact.MINOR.value: 0xFCCF2C, Impact.MAJOR.value: 0xE8740F, Impact.CRITICAL.value: 0xE74C3C}


class ChatSender(Sender):
    """A channel gives `hosts`, `example`, `said` and `asked`, and where it differs `wait_in` and `require_taken`."""

    connections = 4
    hosts: ClassVar[tuple[str, ...]]  # of the URLs it hands out; one that begins with a dot takes in what is below
    paths: ClassVar[str] = "/"
    example: ClassVar[str]

    def __init__(self) -> None:
        self._poster = posting.Poster()

    @classmethod
    def normalise(cls, typed: str) -> str:
        found = destinations.parse(typed)
        is_theirs = any(found.host == host or (host.startswith(".") and found.host.endswith(host)) for host in cls.hosts)
        if settings.WEBHOOK_TEST or (is_theirs and urlsplit(found.url).path.startswith(cls.paths)):
            return found.url
        raise AddressError(f"Copy the webhook's URL as it was given to you: {cls.example}")

    @classmethod
    def domain_of(cls, normal: str) -> str:
        return urlsplit(normal).hostname or ""

    @classmethod
    def render(cls, item: Item, language: str) -> Rendered:
        told = tell(item, language)
        with override(told.language):
            return _rendered(told.subject, cls.said(told, colour_of(item)))

    @classmethod
    def render_confirmation(cls, language: str) -> Rendered:
        with override(language):
            title = gettext("Send %(provider)s status updates here?") % {"provider": settings.PROVIDER_NAME}
            text = gettext("Open this link and press the button. If nobody here asked for it, do nothing: nothing more comes.")
            return _rendered(title, cls.asked(title, text, gettext("Confirm")))

    @classmethod
    def render_known(cls, language: str) -> Rendered:
        with override(language):
            title = gettext("%(provider)s status updates come here already") % {"provider": settings.PROVIDER_NAME}
            text = gettext("Somebody asked for them again. This link shows and changes what comes here.")
            return _rendered(title, cls.asked(title, text, gettext("Your choices")))

    @classmethod
    def said(cls, told: Telling, colour: int) -> Mapping[str, Any]:
        """The body of an item, with marks for the reader's own links. In the reader's language."""
        raise NotImplementedError

    @classmethod
    def asked(cls, title: str, text: str, button: str) -> Mapping[str, Any]:
        """The body that asks, with the mark of its link."""
        raise NotImplementedError

    def send(self, parcel: Parcel) -> str:
        body = filled(parcel.rendered.text, parcel.fills)
        answer = self._poster.post(self.url_of(parcel.address), body, {})
        self.require_taken(answer)
        return ""

    @classmethod
    def url_of(cls, address: str) -> str:
        return address

    def require_taken(self, answer: posting.Answer) -> None:
        """Raises TransportError. These URLs are secrets of a place that was deleted when it says 404 or 410."""
        posting.require_taken(answer, gone=(404, 410))

    def close(self) -> None:
        self._poster.close()


def _rendered(subject: str, body: Mapping[str, Any]) -> Rendered:
    return Rendered(subject=subject, text=json.dumps(body, ensure_ascii=False, separators=(",", ":")), html="")


def filled(text: str, fills: Mapping[str, str]) -> bytes:
    """The body with the reader's own links: they hold nothing that JSON would escape."""
    for mark, value in fills.items():
        text = text.replace(mark, value)
    return text.encode()


def colour_of(item: Item) -> int:
    """Of a word about an incident, or planned work; grey for all else."""
    if isinstance(item.document, IncidentUpdate):
        is_over = item.document.status in IncidentStatus.closed()
        return GREEN if is_over else COLOURS.get(item.impact, GREEN)
    return BLUE if isinstance(item.document, MaintenanceUpdate) else GREY


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def headline_of(told: Telling) -> str:
    return f"{told.headline}: {told.about}" if told.about and told.about != told.headline else told.headline


def text_of(told: Telling, *, struck: str, bold: str) -> str:
    """The sections as paragraphs; `struck` and `bold` are the chat's signs around words."""
    paragraphs = []
    for section in told.sections:
        text = f"{struck}{section.text}{struck}" if section.struck else section.text
        paragraphs.append(f"{bold}{section.heading}{bold}\n{text}" if section.heading else text)
    return "\n\n".join(paragraphs)


def next_update(told: Telling) -> str:
    return gettext("Next update by %(time)s") % {"time": told.next_update_by} if told.next_update_by else ""


__all__ = ["CONFIRM_MARK", "MANAGE_MARK", "UNSUBSCRIBE_MARK", "ChatSender", "cut", "headline_of", "next_update", "text_of"]
