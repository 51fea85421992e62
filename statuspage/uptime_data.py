"""Pure: the days of every service as `window.uptimeData`, in the form in which programs read Statuspage’s own uptime page."""

from __future__ import annotations

from typing import Any

from statuspage import inert, linked_data
from statuspage.page_uptime import OutageDay, UptimePage, UptimeRow


def script(page: UptimePage, *, language: str) -> str:
    """The script's text: one assignment of an object literal."""
    rows = (row for group in page.groups for row in group.rows)
    return f"window.uptimeData = {linked_data.encoded({row.component.public_id: _service(row, language) for row in rows})}"


def _service(row: UptimeRow, language: str) -> dict[str, Any]:
    facts = row.component
    return {
        "component": {
            "code": facts.public_id,
            "name": inert.line(facts.name[language]),
            "startDate": (facts.start_date or facts.created_at.date()).isoformat(),
        },
        "days": [_day(day, language) for day in row.days],
    }


def _day(one: OutageDay, language: str) -> dict[str, Any]:
    lost = {"p": one.partial_s, "m": one.major_s}
    return {
        "date": one.day.isoformat(),
        "outages": {kind: seconds for kind, seconds in lost.items() if seconds},
        "related_events": [{"name": inert.line(problem.name[language]), "code": problem.public_id} for problem in one.problems],
    }
