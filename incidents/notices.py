"""Pre-signed notices: their hash, their words with the slots filled, and which one a state calls for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import rfc8785
from django.conf import settings

from incidents.languages import by_language
from incidents.models import Component, Notice
from incidents.wording import clock_from


def notice_hash(notice: Notice) -> str:
    """What the notice's signature covers."""
    covered: dict[str, Any] = {
        "code": notice.code,
        "phase": notice.phase,
        "component_status": notice.component_status,
        "opens_for": list(notice.opens_for),
        "title": by_language(notice.title),
        "body": by_language(notice.body),
        "cadence_minutes": notice.cadence_minutes,
    }
    return hashlib.sha256(rfc8785.dumps(covered)).hexdigest()


def is_signed(notice: Notice) -> bool:
    return notice.signed_by_id is not None and notice.signature_hash == notice_hash(notice)


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
