"""Pure: a quarter -> a page of /history.json, which Statuspage's own history page reads. Its texts are in the page's first
language."""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from incidents import statuspage_v2, wording
from incidents.facts import ComponentFacts
from incidents.periods import Quarter
from statuspage import inert
from statuspage.page_quarters import Past, QuarterMonth, QuarterPage

# What Rails calls a zone; it has no other name for the rest than their own.
_RAILS = {
    "Africa/Algiers": "West Central Africa",
    "Africa/Cairo": "Cairo",
    "Africa/Casablanca": "Casablanca",
    "Africa/Harare": "Harare",
    "Africa/Johannesburg": "Pretoria",
    "Africa/Monrovia": "Monrovia",
    "Africa/Nairobi": "Nairobi",
    "Etc/UTC": "UTC",
    "Europe/London": "London",
    "UTC": "UTC",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # for programs: never translated


def page_json(page: QuarterPage, owner: statuspage_v2.Page, components: Sequence[ComponentFacts]) -> bytes:
    return _encoded(owner, components, [_month(month, owner) for month in page.months], page.quarter)


def past_the_end(owner: statuspage_v2.Page, components: Sequence[ComponentFacts], last: Quarter) -> bytes:
    """What every page after the last one says: no months. `last`: the quarter of the last one."""
    return _encoded(owner, components, [], last.earlier())


def _encoded(
    owner: statuspage_v2.Page, components: Iterable[ComponentFacts], months: list[dict[str, Any]], quarter: Quarter
) -> bytes:
    start, end = quarter.bounds(ZoneInfo(owner.time_zone))
    value = {
        "page_status": {"page": {"name": owner.name, "time_zone": _RAILS.get(owner.time_zone, owner.time_zone)}},
        "components": [_component(one, owner) for one in components],
        "months": months,
        "start_time": statuspage_v2.time(start, owner),
        "end_time": statuspage_v2.time(end - timedelta(milliseconds=1), owner),
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _component(component: ComponentFacts, owner: statuspage_v2.Page) -> dict[str, Any]:
    """Who it is, and nothing of now: a page of the past stays as it is."""
    return {
        "id": component.public_id,
        "name": component.name[owner.language],
        "group_id": component.group.public_id if component.group.has_heading else None,
        "page_id": owner.id,
    }


def _month(month: QuarterMonth, owner: statuspage_v2.Page) -> dict[str, Any]:
    first = month.first
    return {
        "name": calendar.month_name[first.month],
        "year": first.year,
        "starts_on": first.isoweekday() % 7,  # Sunday is 0
        "days": (first + relativedelta(months=1) - first).days,
        "incidents": [
            {
                "code": one.public_id,
                "name": inert.line(one.name[owner.language]),
                "message": inert.html(one.last_words[owner.language]),
                "impact": one.impact,
                "timestamp": _timestamp(one, ZoneInfo(owner.time_zone)),
            }
            for one in month.problems
        ],
    }


def _timestamp(one: Past, zone: ZoneInfo) -> str:
    """Dec 31, 22:28 - Jan 1, 08:17 EAT, marked up as Statuspage does it; one time on one day, and no second part while open."""
    began = one.began_at.astimezone(zone)
    said = f"{_day(began)}, {_hour(began)}"
    if one.ended_at:
        ended = one.ended_at.astimezone(zone)
        said += f" - {_hour(ended)}" if ended.date() == began.date() else f" - {_day(ended)}, {_hour(ended)}"
    return f"{said} {wording.zone_name(began, zone)}"


def _day(local: datetime) -> str:
    return f"{_MONTHS[local.month - 1]} <var data-var='date'>{local.day}</var>"


def _hour(local: datetime) -> str:
    return f"<var data-var='time'>{local:%H:%M}</var>"
