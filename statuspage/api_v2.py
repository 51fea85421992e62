"""Pure: page objects -> the bytes of the Statuspage-compatible API. Its texts are in the page's first language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from incidents import statuspage_v2
from incidents.facts import ComponentFacts
from statuspage.page import Identity, IncidentPage, NowPage
from statuspage.page_lately import Lately

Maker = Callable[[statuspage_v2.Page, Lately, bool], dict[str, Any]]


def summary_json(page: NowPage, *, language: str, stale: bool) -> bytes:
    """/api/v2/summary.json"""
    owner = identified(page.identity, language, page.updated_at)
    return _encoded(statuspage_v2.summary(owner, page.components, page.recent, page.maintenances, stale=stale))


def status_json(page: NowPage, *, language: str, stale: bool) -> bytes:
    """/api/v2/status.json"""
    owner = identified(page.identity, language, page.updated_at)
    return _encoded(statuspage_v2.status(owner, page.components, page.recent, stale=stale))


# The others, by their address below /api/v2/.
LISTS: Mapping[str, Maker] = {
    "components.json": lambda owner, said, stale: statuspage_v2.all_components(owner, said.components, stale=stale),
    "incidents.json": lambda owner, said, stale: statuspage_v2.incidents(owner, said.components, said.incidents, stale=stale),
    "incidents/unresolved.json": lambda owner, said, stale: statuspage_v2.unresolved_incidents(
        owner, said.components, said.incidents, stale=stale
    ),
    "scheduled-maintenances.json": lambda owner, said, stale: statuspage_v2.scheduled_maintenances(
        owner, said.components, said.maintenances, stale=stale
    ),
    "scheduled-maintenances/upcoming.json": lambda owner, said, stale: statuspage_v2.upcoming_maintenances(
        owner, said.components, said.maintenances, stale=stale
    ),
    "scheduled-maintenances/active.json": lambda owner, said, stale: statuspage_v2.active_maintenances(
        owner, said.components, said.maintenances, stale=stale
    ),
}
ADDRESSES = ("summary.json", "status.json", *LISTS)


def list_json(name: str, said: Lately, *, language: str, stale: bool) -> bytes:
    """/api/v2/<name>, one of LISTS."""
    return _encoded(LISTS[name](identified(said.identity, language, said.updated_at), said, stale))


def incident_json(page: IncidentPage, components: Sequence[ComponentFacts], *, language: str) -> bytes:
    """/incidents/<id>.json. It has one form, so its components carry the state the incident last stated, not that of now."""
    incident = page.incident.facts
    owner = identified(page.identity, language, incident.last_word_at)
    return _encoded(statuspage_v2.incident_dict(owner, incident, components, statuspage_v2.last_stated(incident)))


def identified(identity: Identity, language: str, updated_at: datetime) -> statuspage_v2.Page:
    """Whose page it is, as the API names it."""
    return statuspage_v2.Page(
        id=identity.id,
        name=identity.name,
        url=identity.url,
        time_zone=identity.time_zone,
        updated_at=updated_at,
        language=language,
    )


def _encoded(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value)
