"""Pure: Cachet 2's API: components, their groups and incidents (with their updates), as /api/v1/<thing> answers them.

Its numbers: a component is 1 operational, 2 with performance issues, 3 partly, 4 wholly out; an incident is 0 scheduled,
1 investigating, 2 identified, 3 watching, 4 fixed. Its times have no zone: they are the application's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from statuspage.importing.found import Found, NotThatFormat, Past, Service, Word, listed, moment_of, text_of

PHASES = {"0": "scheduled", "1": "investigating", "2": "identified", "3": "watching", "4": "fixed"}
STATES = {"2": "degraded_performance", "3": "partial_outage", "4": "major_outage"}
FIXED, SCHEDULED, UNSAID = "4", "0", "degraded_performance"


def read(payloads: Iterable[Mapping[str, Any]], *, now: datetime, zone: tzinfo) -> Found:
    """Each payload is one answer of the API, told apart by what its rows hold. Raises NotThatFormat."""
    rows = [row for payload in payloads for row in listed(payload, "data", "The file")]
    groups = {text_of(row, "id"): text_of(row, "name") for row in rows if "enabled_components" in row or "collapsed" in row}
    services, past, left = [], [], []
    for row in rows:
        if "group_id" in row:
            number = text_of(row, "id")
            services.append(
                Service(number, text_of(row, "name"), text_of(row, "description"), groups.get(text_of(row, "group_id"), ""))
            )
        elif "component_id" in row or "visible" in row:
            found = _past(row, zone)
            if found:
                past.append(found)
            else:
                left.append(f"incident “{text_of(row, 'name')}”: it is not over there, or was planned; say it here by hand")
    if not services and not past and not left:
        raise NotThatFormat("These files hold neither components nor incidents of Cachet.")
    return Found("cachet", "Cachet", tuple(services), tuple(past), (), (), tuple(left))


def _past(row: Mapping[str, Any], zone: tzinfo) -> Past | None:
    updates = sorted(row.get("updates") or [], key=lambda one: moment_of(one.get("created_at"), zone=zone))
    last = str((updates[-1] if updates else row).get("status", ""))
    if str(row.get("status")) == SCHEDULED or FIXED not in (str(row.get("status")), last):
        return None
    started = moment_of(row.get("occurred_at") or row.get("created_at"), zone=zone)
    ended = moment_of((updates[-1] if updates else row).get("created_at" if updates else "updated_at"), zone=zone)
    if ended <= started:
        return None
    first = Word(started, PHASES["1"], text_of(row, "message"))
    words = (
        Word(moment_of(one.get("created_at"), zone=zone), PHASES.get(str(one.get("status")), ""), text_of(one, "message"))
        for one in updates
    )
    component = text_of(row, "component_id")
    state = STATES.get(str(row.get("component_status")), UNSAID)  # what it showed then is often not kept
    states = {component: state} if component not in ("", "0") else {}
    return Past(text_of(row, "id"), text_of(row, "name"), started, ended, (first, *words), states)
