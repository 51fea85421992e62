"""Words of a mail: rendered once per language, channel and item; each recipient's own links stand as marks until it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext, ngettext, override

from incidents.languages import codes
from incidents.models import RecordEntry
from subscribers import calendars, links
from subscribers.items import Item
from subscribers.telling import tell

# Stand in the rendered texts where a recipient's own links go.
UNSUBSCRIBE_MARK = "@@unsubscribe-link@@"
MANAGE_MARK = "@@manage-link@@"
CONFIRM_MARK = "@@confirm-link@@"
CODE_MARK = "@@confirm-code@@"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One item's words in one language; the marks above may stand in `text` and `html`. `calendar`: planned work as iCalendar;
    `sender`: who says it, as mails name them."""

    subject: str
    text: str
    html: str
    calendar: str = ""
    sender: str = ""


def render(item: Item, language: str, channel: str = "email") -> Rendered:
    """A published item as a subscriber of that language reads it."""
    language = language if language in codes() else codes()[0]
    told = tell(item, language)
    with override(language):
        context = {
            "told": told,
            "preview": told.sections[0].text if told.sections else told.headline,
            "record": RecordEntry.objects.filter(seq=item.record_seq).first(),
            "unsubscribe_url": UNSUBSCRIBE_MARK,
            "manage_url": MANAGE_MARK,
        }
        return _from_templates(channel, "item", language, context, calendars.of(item, language))


def render_digest(items: Sequence[Item], language: str, channel: str = "email") -> Rendered:
    """A day's news in one."""
    language = language if language in codes() else codes()[0]
    told = [tell(item, language) for item in items]
    with override(language):
        title = ngettext("%(n)d piece of news", "%(n)d pieces of news", len(told)) % {"n": len(told)}
        context = {
            "tellings": told,
            "title": title,
            "preview": gettext("What we said since yesterday"),
            "unsubscribe_url": UNSUBSCRIBE_MARK,
            "manage_url": MANAGE_MARK,
        }
        return _from_templates(channel, "digest", language, context)


def render_asked(name: str, language: str, channel: str = "email") -> Rendered:
    """The mail to an address that somebody typed: `confirm` asks whether it was they, `known` shows the way to their own page."""
    language = language if language in codes() else codes()[0]
    with override(language):
        return _from_templates(channel, name, language, {"confirm_url": CONFIRM_MARK})


def render_ended(language: str, *, host: str) -> Rendered:
    """The mail to whom a webhook belongs that took nothing for days; MANAGE_MARK is its own page."""
    language = language if language in codes() else codes()[0]
    with override(language):
        return _from_templates("email", "webhook_ended", language, {"host": host, "manage_url": MANAGE_MARK})


def _from_templates(channel: str, name: str, language: str, context: dict[str, Any], calendar: str = "") -> Rendered:
    context = {
        **context,
        "lang": language,
        "provider": settings.PROVIDER_NAME,
        "help_line": settings.HELP_LINE,
        "postal_address": settings.POSTAL_ADDRESS,
        "page_url": links.page_url("/", language),
    }
    subject = render_to_string(f"{channel}/{name}.subject.txt", context)
    return Rendered(
        subject=" ".join(subject.split()),  # one line, whatever a name holds
        text=render_to_string(f"{channel}/{name}.txt", context).strip() + "\n",
        html=render_to_string(f"{channel}/{name}.html", context).strip() + "\n",
        calendar=calendar,
        sender=gettext("%(provider)s status") % {"provider": settings.PROVIDER_NAME},
    )
