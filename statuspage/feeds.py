"""Pure: page objects -> Atom feeds. /history.atom has one entry an incident, /updates.atom one an update.

Ids never change: readers recognise an entry by them. `published` is the first word's time and stays; `updated` moves.
A stale feed differs in its subtitle alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop, override

from incidents import wording
from incidents.facts import IncidentFacts, UpdateFacts
from incidents.words import IncidentStatus
from statuspage import state_words
from statuspage.page import FEED_LENGTH, Identity, NowPage

# The words programs look for in the first <strong> of an entry: Statuspage's, in its language.
_MACHINE_WORDS: dict[str, str] = {
    IncidentStatus.INVESTIGATING: "Investigating",
    IncidentStatus.IDENTIFIED: "Identified",
    IncidentStatus.MONITORING: "Monitoring",
    IncidentStatus.RESOLVED: "Resolved",
    IncidentStatus.FALSE_ALARM: "Resolved",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TITLES = {"history": gettext_noop("%(name)s status: problems"), "updates": gettext_noop("%(name)s status: every update")}


def history(page: NowPage, *, language: str, prefix: str, stale: bool) -> bytes:
    """One entry an incident, the newest word first. `prefix` is the start of the language's paths, such as /sw."""
    incidents = page.recent[:FEED_LENGTH]
    entries = [_incident_entry(page.identity, incident, language, prefix) for incident in incidents]
    return _feed(page, "history", entries, language=language, prefix=prefix, stale=stale)


def updates(page: NowPage, *, language: str, prefix: str, stale: bool) -> bytes:
    """One entry an update, the newest first."""
    every = [(update, incident) for incident in page.recent for update in incident.updates]
    every.sort(key=lambda pair: (pair[0].display_at, pair[0].record_seq), reverse=True)
    entries = [_update_entry(page.identity, update, incident, language, prefix) for update, incident in every[:FEED_LENGTH]]
    return _feed(page, "updates", entries, language=language, prefix=prefix, stale=stale)


def _feed(page: NowPage, kind: str, entries: Iterable[str], *, language: str, prefix: str, stale: bool) -> bytes:
    whose = page.identity
    with override(language):
        title = gettext(_TITLES[kind]) % {"name": whose.name}
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}">',
        _element("id", f"tag:{whose.host},2005:{prefix}/{kind}"),
        f'<link rel="alternate" type="text/html" href="{_text(f"{whose.url}{prefix}/")}"/>',
        f'<link rel="self" type="application/atom+xml" href="{_text(f"{whose.url}{prefix}/{kind}.atom")}"/>',
        _element("title", title),
        _element("subtitle", _subtitle(page, language, stale)),
        _element("updated", _moment(page.updated_at)),
        f"<author>{_element('name', whose.name)}</author>",
        *entries,
        "</feed>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _subtitle(page: NowPage, language: str, stale: bool) -> str:
    if stale:
        return f"{state_words.stale_headline()[language]}. {state_words.stale_lead(page.built_at)[language]}"
    with override(language):
        return gettext("Problems of %(name)s and what we said about them.") % {"name": page.identity.name}


def _incident_entry(whose: Identity, incident: IncidentFacts, language: str, prefix: str) -> str:
    paragraphs = []
    for place, update in enumerate(incident.updates):
        before = incident.updates[place + 1] if place + 1 < len(incident.updates) else None
        repeats = before is not None and before.status == update.status
        paragraphs.append(_paragraph(whose, update, language, repeats))
    return _entry(
        entry_id=f"tag:{whose.host},2005:{_own(language, prefix)}Incident/{incident.public_id}",
        title=incident.name[language],
        published=incident.published_at,
        updated=incident.last_word_at,
        link=f"{whose.url}{prefix}/incidents/{incident.public_id}",
        content="".join(paragraphs),
    )


def _update_entry(whose: Identity, update: UpdateFacts, incident: IncidentFacts, language: str, prefix: str) -> str:
    return _entry(
        entry_id=f"tag:{whose.host},2005:{_own(language, prefix)}IncidentUpdate/{update.public_id}",
        title=f"{state_words.phase_word(update.status)[language]}: {incident.name[language]}",
        published=update.display_at,
        updated=update.display_at,
        link=f"{whose.url}{prefix}/incidents/{incident.public_id}#u-{update.public_id}",
        content=_paragraph(whose, update, language, repeats=False),
    )


def _own(language: str, prefix: str) -> str:
    """A translation is another entry: readers of both feeds must not take one for the other."""
    return f"{language}/" if prefix else ""


def _paragraph(whose: Identity, update: UpdateFacts, language: str, repeats: bool) -> str:
    """One update as HTML, in the form Statuspage's feeds have: programs take the first <strong> as the status."""
    local = update.display_at.astimezone(ZoneInfo(whose.time_zone))
    day = f"<var data-var='date'>{local.day}</var>"
    hour = f"<var data-var='time'>{local:%H:%M}</var> {wording.zone_name(local, ZoneInfo(whose.time_zone))}"
    when = f"<small>{_MONTHS[local.month - 1]} {day}, {hour}</small>"
    body = escape(update.body[language], quote=False).replace("\n", "<br />")
    return f"<p>{when}<br><strong>{_label(update, language, repeats)}</strong> - {body}</p>"


def _label(update: UpdateFacts, language: str, repeats: bool) -> str:
    with override(language):
        if repeats:
            return gettext("Update")
    return _MACHINE_WORDS[update.status] if language == "en" else state_words.phase_word(update.status)[language]


def _entry(*, entry_id: str, title: str, published: datetime, updated: datetime, link: str, content: str) -> str:
    return "\n".join(
        [
            "<entry>",
            _element("id", entry_id),
            _element("title", title),
            _element("published", _moment(published)),
            _element("updated", _moment(updated)),
            f'<link rel="alternate" type="text/html" href="{_text(link)}"/>',
            f'<content type="html">{_text(content)}</content>',
            "</entry>",
        ]
    )


def _element(name: str, text: str) -> str:
    return f"<{name}>{_text(text)}</{name}>"


def _text(text: str) -> str:
    """Escaped, without the characters XML does not have."""
    return escape(_NOT_XML.sub("", text))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
