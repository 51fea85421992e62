"""Pure: page objects -> the bytes of the Statuspage-compatible API. Its texts are in the page's first language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents import statuspage_v2
from incidents.facts import ComponentFacts
from statuspage.page import Identity, IncidentPage, NowPage


def summary_json(page: NowPage, *, language: str, stale: bool) -> bytes:
    """/api/v2/summary.json"""
    return _encoded(statuspage_v2.summary(_page(page, language), page.components, page.recent, page.maintenances, stale=stale))


def status_json(page: NowPage, *, language: str, stale: bool) -> bytes:
    """/api/v2/status.json"""
    return _encoded(statuspage_v2.status(_page(page, language), page.components, page.recent, stale=stale))


def incident_json(page: IncidentPage, components: Sequence[ComponentFacts], *, language: str) -> bytes:
    """/incidents/<id>.json. It has one form, so its components carry the state the incident last stated, not that of now."""
    incident = page.incident.facts
    owner = _identified(page.identity, language, incident.last_word_at)
    return _encoded(statuspage_v2.incident_dict(owner, incident, components, statuspage_v2.last_stated(incident)))


def _page(page: NowPage, language: str) -> statuspage_v2.Page:
    return _identified(page.identity, language, page.updated_at)


def _identified(identity: Identity, language: str, updated_at: datetime) -> statuspage_v2.Page:
    return statuspage_v2.Page(
        id=identity.id,
        name=identity.name,
        url=identity.url,
        time_zone=identity.time_zone,
        updated_at=updated_at,
        language=language,
    )


def _encoded(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
