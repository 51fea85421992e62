"""Words of a mail: rendered once per language, channel and item; each recipient's own links stand as marks until it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext, override

from incidents import wording
from incidents.languages import by_language, codes
from incidents.models import IncidentUpdate, RecordEntry
from incidents.words import PHASE_WORDS, STATUS_WORDS, ComponentStatus, IncidentStatus
from subscribers import links

# Stand in the rendered texts where a recipient's own links go.
UNSUBSCRIBE_MARK = "@@unsubscribe-link@@"
MANAGE_MARK = "@@manage-link@@"
CONFIRM_MARK = "@@confirm-link@@"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One item's words in one language; the marks above may stand in `text` and `html`."""

    subject: str
    text: str
    html: str


def render(update: IncidentUpdate, language: str, channel: str = "email") -> Rendered:
    """A published update as a subscriber of that language reads it."""
    language = language if language in codes() else codes()[0]
    incident = update.incident
    published_at = update.display_at or update.created_at
    entry = RecordEntry.objects.filter(seq=update.record_seq or 0).first()
    affected = update.affected.select_related("component")
    with override(language):
        context = {
            "name": said(incident.name, language),
            "phase": gettext(PHASE_WORDS[IncidentStatus(update.status)]),
            "body": said(update.body, language),
            "affected": [
                {
                    "name": said(item.name, language) or said(item.component.name, language),
                    "state": gettext(STATUS_WORDS[ComponentStatus(item.new_status)]),
                }
                for item in affected
            ],
            "at": in_words(published_at, language),
            "next_update_by": in_words(update.next_update_by, language, near=published_at) if update.next_update_by else "",
            "url": links.incident_url(incident.public_id, language),
            "record": {"seq": entry.seq, "hash": entry.hash} if entry else None,
            "unsubscribe_url": UNSUBSCRIBE_MARK,
            "manage_url": MANAGE_MARK,
        }
        return _from_templates(channel, "update", language, context)


def render_confirmation(language: str, channel: str = "email") -> Rendered:
    """The mail that asks whether they asked."""
    language = language if language in codes() else codes()[0]
    with override(language):
        return _from_templates(channel, "confirm", language, {"confirm_url": CONFIRM_MARK})


def _from_templates(channel: str, name: str, language: str, context: dict[str, Any]) -> Rendered:
    context = {
        **context,
        "lang": language,
        "provider": settings.PROVIDER_NAME,
        "help_line": settings.HELP_LINE,
        "page_url": links.page_url("/", language),
    }
    subject = render_to_string(f"{channel}/{name}.subject.txt", context)
    return Rendered(
        subject=" ".join(subject.split()),  # one line, whatever a name holds
        text=render_to_string(f"{channel}/{name}.txt", context).strip() + "\n",
        html=render_to_string(f"{channel}/{name}.html", context).strip() + "\n",
    )


def said(text: Any, language: str) -> str:
    """The text in that language. The gates keep both; for a language added later the first one written is better than nothing."""
    texts = by_language(text)
    return texts.get(language) or next((other for other in texts.values() if other), "")


def in_words(moment: datetime, language: str, *, near: datetime | None = None) -> str:
    """12:15 pm EAT, 24 Nov 2026; the day is left out where it is that of `near`. Kiswahili has 24-hour digits."""
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    if near is not None:
        return wording.clock_from(moment, near, language, zone)
    clock = wording.clock(moment, language, zone)
    return f"{clock} {wording.zone_name(moment, zone)}, {wording.day(moment, language, zone)}"
