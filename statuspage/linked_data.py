"""Pure: JSON-LD of planned work (an event) and of incidents (a special announcement), for search engines and assistants."""

from __future__ import annotations

import json
from typing import Any

from incidents.maintenance import Phase
from statuspage import clock_words, inert
from statuspage.page import IncidentPage, PlannedNow
from statuspage.rendering import prefix_of

_SCHEMA = "https://schema.org"


def event(work: PlannedNow, *, language: str, provider: str, url: str) -> dict[str, Any]:
    facts = work.facts
    address = f"{url}{prefix_of(language)}/maintenance/{facts.public_id}"
    moved = facts.earlier_dates[-1][0] if facts.earlier_dates else None
    status = "EventCancelled" if facts.phase == Phase.CANCELLED else "EventRescheduled" if moved else "EventScheduled"
    value = {
        "@context": _SCHEMA,
        "@type": "Event",
        "name": inert.line(facts.name[language]),
        "startDate": clock_words.machine(facts.starts_at),
        "endDate": clock_words.machine(facts.ends_at),
        "eventStatus": f"{_SCHEMA}/{status}",
        "eventAttendanceMode": f"{_SCHEMA}/OnlineEventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": address},
        "organizer": {"@type": "Organization", "name": provider, "url": url},
        "description": inert.inert(facts.updates[0].body[language]) if facts.updates else "",
    }
    return value | ({"previousStartDate": clock_words.machine(moved)} if moved else {})


def announcement(page: IncidentPage, *, language: str, url: str) -> dict[str, Any]:
    facts = page.incident.facts
    return {
        "@context": _SCHEMA,
        "@type": "SpecialAnnouncement",
        "name": inert.line(page.title[language]),
        "text": inert.inert(facts.updates[0].body[language]) if facts.updates else inert.line(page.title[language]),
        "datePosted": clock_words.machine(facts.last_word_at),
        "url": f"{url}{prefix_of(language)}/incidents/{facts.public_id}",
    }


def encoded(value: dict[str, Any]) -> str:
    """For a script element: nothing in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
