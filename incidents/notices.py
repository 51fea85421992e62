"""Pre-signed notices: their hash, their words with the slots filled, and which one a state calls for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import rfc8785
from django.conf import settings

from incidents.languages import by_language
from incidents.models import Component, IncidentUpdate, Notice, NoticeVersion
from incidents.wording import clock_from
from incidents.words import SignatureKind

_SLOT = re.compile(r"\{([a-z_]+)\}")


def notice_hash(notice: Notice) -> str:
    """SHA-256 of what the notice's signature covers."""
    return hashlib.sha256(rfc8785.dumps(covered(notice))).hexdigest()


def covered(notice: Notice) -> dict[str, Any]:
    """Both texts, the phase and states, the promise: all that its signer answers for."""
    return {
        "code": notice.code,
        "phase": notice.phase,
        "component_status": notice.component_status,
        "opens_for": list(notice.opens_for),
        "title": by_language(notice.title),
        "body": by_language(notice.body),
        "cadence_minutes": notice.cadence_minutes,
    }


def is_signed(notice: Notice) -> bool:
    return notice.signed_by_id is not None and notice.signature_hash == notice_hash(notice)


def version_used(update: IncidentUpdate) -> NoticeVersion | None:
    """The version whose words an update went out in; None where a person wrote it."""
    if update.signature_kind != SignatureKind.NOTICE or update.signed_at is None:
        return None
    return NoticeVersion.objects.filter(notice=update.notice_id, signed_at=update.signed_at).first()


def slot_problem(notice: Notice) -> str:
    """Why its slots cannot be filled as they stand; "" if they can.

    {component} and {since} may stand anywhere, {next} in a body that promises a next word. Every language has the same ones.
    """
    for where, text, known in (
        ("title", notice.title, {"component", "since"}),
        ("body", notice.body, {"component", "since", *(["next"] if notice.cadence_minutes else [])}),
    ):
        found = {language: set(_SLOT.findall(words)) for language, words in by_language(text).items()}
        if unknown := sorted(set().union(*found.values()) - known):
            return f"The {where} has the slot {{{unknown[0]}}}: use {', '.join(f'{{{slot}}}' for slot in sorted(known))}."
        for language, slots in found.items():
            if gone := sorted(set().union(*found.values()) - slots):
                return f"The {where} lacks {{{gone[0]}}} in “{language}”: say the same in every language."
    return ""


def first_notice_for(status: str) -> Notice | None:
    """The signed notice that opens an incident for a probe-confirmed state."""
    return next((notice for notice in Notice.objects.all() if status in notice.opens_for and is_signed(notice)), None)


def promise(notice: Notice, now: datetime) -> datetime | None:
    """When the next update is promised by: now + cadence, on the minute, since words show no seconds."""
    if not notice.cadence_minutes:
        return None
    due = now + timedelta(minutes=notice.cadence_minutes)
    return due.replace(second=0, microsecond=0) + timedelta(minutes=1 if due.second or due.microsecond else 0)


def fill(
    *, texts: Mapping[str, str], component: Component, since: datetime, next_by: datetime | None, now: datetime
) -> dict[str, str]:
    """A notice's title or body in every language with {component}, {since} and {next} filled in that language's words."""
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    names = by_language(component.name)
    filled = {}
    for language, text in texts.items():
        values = {
            "component": names.get(language, ""),
            "since": clock_from(since, now, language, zone),
            "next": clock_from(next_by, now, language, zone) if next_by else "",
        }
        for slot, value in values.items():
            text = text.replace("{" + slot + "}", value)
        filled[language] = text
    return filled
