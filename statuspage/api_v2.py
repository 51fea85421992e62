"""Pure: page objects -> the bytes of the Statuspage-compatible API. Its texts are in the page's first language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.utils.translation import gettext, override

from incidents import statuspage_v2
from incidents.facts import ComponentFacts, MaintenanceFacts
from statuspage.page import Identity, IncidentPage, NowPage
from statuspage.page_lately import Lately
from statuspage.page_reviews import ReviewFacts

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
    owner = identified(page.identity, language, incident.last_change_at)
    value = statuspage_v2.incident_dict(owner, incident, components, statuspage_v2.last_stated(incident))
    beside = {"backfilled": incident.backfilled, "impact_override": incident.impact_override or None}
    return _one(value, beside | _postmortem(page, owner))


def planned_json(
    work: MaintenanceFacts,
    identity: Identity,
    components: Sequence[ComponentFacts],
    *,
    language: str,
    positions: Mapping[str, int] | None = None,
) -> bytes:
    """The same of planned work: its components carry the worst that it expects of them. `positions`: of these on the whole page,
    where `components` are some of it."""
    owner = identified(identity, language, work.last_change_at)
    value = statuspage_v2.maintenance_dict(owner, work, components, work.expected, positions=positions)
    begins = {"scheduled_remind_prior": True, "scheduled_auto_in_progress": work.automatic_start}
    return _one(value, begins | {"scheduled_auto_completed": work.automatic_end})


# What the object of one has more than those of the lists: the fields that webhooks have, where we have nothing for them.
_BESIDE: Mapping[str, Any] = {
    "postmortem_ignored": False,
    "postmortem_body": None,
    "postmortem_body_last_updated_at": None,
    "postmortem_published_at": None,
    "postmortem_notified_subscribers": False,
    "postmortem_notified_twitter": False,
    "backfilled": False,
    "scheduled_for": None,
    "scheduled_until": None,
    "scheduled_remind_prior": False,
    "scheduled_reminded_at": None,
    "impact_override": None,
    "scheduled_auto_in_progress": False,
    "scheduled_auto_completed": False,
}
_BESIDE_UPDATE: Mapping[str, Any] = {"wants_twitter_update": False, "twitter_updated_at": None}


def _one(value: Mapping[str, Any], beside: Mapping[str, Any]) -> bytes:
    updates = [{**update, **_BESIDE_UPDATE} for update in value["incident_updates"]]
    more = {field: nothing for field, nothing in _BESIDE.items() if field not in value}
    return _encoded({**value, "incident_updates": updates, **more, **beside})


def _postmortem(page: IncidentPage, owner: statuspage_v2.Page) -> dict[str, Any]:
    """The review as it stands, in Markdown as they have it; nothing without one."""
    review, versions = page.reviewed.now, page.reviewed.versions
    if review is None:
        return {}
    return {
        "postmortem_body": _as_markdown(review, owner.language),
        "postmortem_body_last_updated_at": statuspage_v2.time(review.published_at, owner),
        "postmortem_published_at": statuspage_v2.time(page.reviewed.first_by_hand or versions[-1].published_at, owner),
        "postmortem_notified_subscribers": review.deliver_notifications,
    }


def _as_markdown(review: ReviewFacts, language: str) -> str:
    with override(language):
        cause = [review.cause[language], "" if review.cause_known else gettext("We do not know it yet.")]
        sections = [
            (gettext("Our apology"), review.apology[language]),
            (gettext("The cause"), " ".join(filter(None, cause))),
            (gettext("What we did"), review.measures[language]),
            (gettext("What will keep it away"), "\n".join(f"- {item.what[language]}" for item in review.prevention)),
            (gettext("Compensation"), review.compensation[language]),
        ]
    return "\n\n".join(f"### {heading}\n\n{text}" for heading, text in sections if text)


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
