"""Pure: entries -> Atom, RSS and JSON Feed. /history has one entry an incident, /updates and /feed.json one an update.

`published` is the first word's time and stays; `updated` moves. A stale feed differs in its subtitle alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext, gettext_noop, override

from incidents.facts import ComponentFacts
from statuspage import inert, state_words
from statuspage.entries import Entry
from statuspage.page import FEED_LENGTH, Identity
from statuspage.page_lately import Lately

_TITLES = {"history": gettext_noop("%(name)s status: problems"), "updates": gettext_noop("%(name)s status: every update")}
_TITLES |= {"feed": _TITLES["updates"], "cap": gettext_noop("%(name)s status: warnings as CAP")}


@dataclass(frozen=True, slots=True)
class Channel:
    """A feed's head. `base` is the start of its addresses: /, /sw/, /components/stk-push/. `kind`: history, updates or feed."""

    identity: Identity
    kind: str
    language: str
    prefix: str
    base: str
    title: str
    subtitle: str
    page: str
    updated: datetime

    def address(self, ending: str) -> str:
        return f"{self.identity.url}{self.base}{self.kind}{ending}"

    @property
    def place(self) -> Place:
        return Place(self.identity, self.language, self.prefix)


@dataclass(frozen=True, slots=True)
class Place:
    """What of a feed's head its entries take: they are the same in every feed of a page and a language."""

    identity: Identity
    language: str
    prefix: str

    def link(self, entry: Entry) -> str:
        prefix = "" if entry.path.startswith("/cap/") else self.prefix  # a CAP message speaks every language
        return f"{self.identity.url}{prefix}{entry.path}"

    def tag(self, entry: Entry) -> str:
        """A translation is another entry: readers of both feeds must not take one for the other."""
        own = f"{self.language}/" if self.prefix else ""
        return f"tag:{self.identity.host},2005:{own}{entry.id}"


once = lru_cache(maxsize=2048)  # an entry stands in feeds of two forms, for months: written once while it says the same


def channel(
    said: Lately, kind: str, *, language: str, prefix: str, component: ComponentFacts | None = None, stale: bool = False
) -> Channel:
    """The head of a feed of the whole page, or of one component. A component's own feed has one form: it says nothing of now."""
    below = f"/components/{component.code}" if component else ""
    with override(language):
        title = gettext(_TITLES[kind]) % {"name": said.identity.name}
        subtitle = gettext("Problems of %(name)s and what we said about them.") % {"name": said.identity.name}
    return Channel(
        identity=said.identity,
        kind=kind,
        language=language,
        prefix=prefix,
        base=f"{prefix}{below}/",
        title=f"{component.name[language]}: {title}" if component else title,
        subtitle=f"{state_words.stale_headline()[language]}. {subtitle}" if stale else subtitle,
        page=f"{said.identity.url}{prefix}{below or '/'}",
        updated=component.created_at if component else said.updated_at,
    )


def atom(head: Channel, entries: Sequence[Entry]) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{head.language}">',
        _element("id", f"tag:{head.identity.host},2005:{head.base}{head.kind}"),
        f'<link rel="alternate" type="text/html" href="{inert.xml(head.page)}"/>',
        f'<link rel="self" type="application/atom+xml" href="{inert.xml(head.address(".atom"))}"/>',
        _element("title", inert.line(head.title)),
        _element("subtitle", head.subtitle),
        _element("updated", moment(_updated(head, entries))),
        f"<author>{_element('name', head.identity.name)}</author>",
        *(_atom_entry(head.place, entry) for entry in entries[:FEED_LENGTH]),
        "</feed>",
    ]
    return ("\n".join(lines) + "\n").encode()


@once
def _atom_entry(head: Place, entry: Entry) -> str:
    return "\n".join(
        [
            "<entry>",
            _element("id", head.tag(entry)),
            _element("title", inert.line(entry.title)),
            _element("published", moment(entry.published)),
            _element("updated", moment(entry.updated)),
            f'<link rel="alternate" type="{_kind_of(entry)}" href="{inert.xml(head.link(entry))}"/>',
            f'<content type="html">{inert.xml(entry.html)}</content>',
            "</entry>",
        ]
    )


def rss(head: Channel, entries: Sequence[Entry]) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">',
        "<channel>",
        _element("title", inert.line(head.title)),
        _element("link", head.page),
        _element("description", head.subtitle),
        _element("language", head.language),
        _element("lastBuildDate", _mail_moment(_updated(head, entries))),
        f'<atom:link rel="self" type="application/rss+xml" href="{inert.xml(head.address(".rss"))}"/>',
        *(_rss_item(head.place, entry) for entry in entries[:FEED_LENGTH]),
        "</channel>",
        "</rss>",
    ]
    return ("\n".join(lines) + "\n").encode()


@once
def _rss_item(head: Place, entry: Entry) -> str:
    return "\n".join(
        [
            "<item>",
            _element("title", inert.line(entry.title)),
            _element("link", head.link(entry)),
            f'<guid isPermaLink="true">{inert.xml(head.link(entry))}</guid>',
            _element("pubDate", _mail_moment(entry.updated)),
            _element("description", entry.html),
            "</item>",
        ]
    )


def json_feed(head: Channel, entries: Sequence[Entry]) -> bytes:
    """JSON Feed 1.1."""
    value: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": inert.line(head.title),
        "home_page_url": head.page,
        "feed_url": head.address(".json"),
        "description": head.subtitle,
        "language": head.language,
        "authors": [{"name": head.identity.name, "url": head.identity.url}],
        "items": [_json_item(head.place, entry) for entry in entries[:FEED_LENGTH]],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@once
def _json_item(head: Place, entry: Entry) -> Mapping[str, str]:
    return {
        "id": head.tag(entry),
        "url": head.link(entry),
        "title": inert.line(entry.title),
        "content_html": inert.inert(entry.html),
        "date_published": moment(entry.published),
        "date_modified": moment(entry.updated),
        "language": head.language,
    }


Writer = Callable[[Channel, Sequence[Entry]], bytes]
# Every feed by the end of its address: its kind and what writes it.
FEEDS: Mapping[str, tuple[str, Writer]] = {
    "updates.atom": ("updates", atom),
    "updates.rss": ("updates", rss),
    "feed.json": ("feed", json_feed),
    "history.atom": ("history", atom),
    "history.rss": ("history", rss),
}


def _kind_of(entry: Entry) -> str:
    return "application/cap+xml" if entry.path.endswith(".cap") else "text/html"


def _updated(head: Channel, entries: Sequence[Entry]) -> datetime:
    return max([head.updated, *(entry.updated for entry in entries[:FEED_LENGTH])])


def _element(name: str, text: str) -> str:
    return f"<{name}>{inert.xml(text)}</{name}>"


def moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _mail_moment(value: datetime) -> str:
    return format_datetime(value.astimezone(UTC).replace(microsecond=0))
