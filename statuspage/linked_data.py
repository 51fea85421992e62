"""Pure: JSON-LD of planned work (an event), of incidents (a special announcement) and of answers to claims (a claim review), for
search engines and assistants."""

from __future__ import annotations

import json
from typing import Any

from incidents import rebuttals
from incidents.maintenance import Phase
from incidents.places import COUNTIES
from incidents.rebuttals import Verdict
from statuspage import clock_words, inert
from statuspage.page import IncidentPage, PlannedNow
from statuspage.page_answers import AnswerPage
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
    """It runs out when the next word is promised, and is about the counties last named."""
    facts = page.incident.facts
    areas = facts.last_said("areas")
    expires = {"expires": clock_words.machine(facts.next_update_by)} if facts.is_open and facts.next_update_by else {}
    named = [{"@type": "AdministrativeArea", "name": COUNTIES[code]} for code in areas or ()]
    return {
        "@context": _SCHEMA,
        "@type": "SpecialAnnouncement",
        "name": inert.line(page.title[language]),
        "text": inert.inert(facts.updates[0].body[language]) if facts.updates else inert.line(page.title[language]),
        "datePosted": clock_words.machine(facts.last_word_at),
        "url": f"{url}{prefix_of(language)}/incidents/{facts.public_id}",
        **expires,
        **({"spatialCoverage": named} if named else {}),
    }


# schema.org's rating of a claim, 1 to 5; of what nobody has shown either way there is none.
_RATINGS = {Verdict.FALSE: 1, Verdict.MISLEADING: 2, Verdict.PARTLY_TRUE: 3, Verdict.TRUE: 5}


def claim_review(page: AnswerPage, *, language: str, provider: str, url: str) -> dict[str, Any] | None:
    """None once the answer was taken back: nothing is claimed of it then. The claim has no author: where it was seen is
    kept, never who said it."""
    if page.answer.taken_back:
        return None
    said = page.answer.now
    first = page.answer.earlier[-1] if page.answer.earlier else said
    seen = {"@type": "CreativeWork", "name": inert.line(said.claim_where[language])} if said.claim_where[language] else None
    words = rebuttals.VERDICTS[said.verdict][0]
    rating: dict[str, Any] = {"@type": "Rating", "alternateName": words.get(language, words["en"])}
    if said.verdict in _RATINGS:
        rating |= {"ratingValue": _RATINGS[said.verdict], "bestRating": 5, "worstRating": 1}
    return {
        "@context": _SCHEMA,
        "@type": "ClaimReview",
        "url": f"{url}{prefix_of(language)}/answers/{page.answer.address}",
        "datePublished": clock_words.machine(first.published_at),
        "dateModified": clock_words.machine(said.published_at),
        "claimReviewed": inert.inert(said.claim_quote),
        "reviewBody": inert.inert(said.what_is_true[language]),
        "inLanguage": language,
        "author": {"@type": "Organization", "name": provider, "url": url},
        "itemReviewed": {
            "@type": "Claim",
            "datePublished": said.claim_first_seen.isoformat(),
            **({"appearance": seen} if seen else {}),
        },
        "reviewRating": rating,
    }


def encoded(value: dict[str, Any]) -> str:
    """For a script element: nothing in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
