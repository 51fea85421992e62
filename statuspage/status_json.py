"""Pure: the page about now -> /api/v1/status.json: all that the page says, in every language, with its times and ages.

Keys are only ever added. Times are UTC; ages are whole seconds at `as_of`. In the stale form `status` is unknown everywhere and
`last_known` says what it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from incidents.facts import ComponentFacts, Text, UpdateFacts
from incidents.languages import codes
from incidents.once import per_object
from incidents.words import ComponentStatus
from statuspage import state_words
from statuspage.answers import Answer, StatementFacts
from statuspage.feeds import moment
from statuspage.page import ComponentNow, IncidentNow, NowPage, PlannedNow, Promise


def status_json(page: NowPage, *, stale: bool) -> bytes:
    value: dict[str, Any] = {
        "freshness": "stale" if stale else "fresh",
        "as_of": moment(page.built_at),
        "measured_at": _moment(page.data_as_of),
        "measured_age_s": _age(page.data_as_of, page.built_at),
        "changed_at": moment(page.updated_at),
        "page": {
            "id": page.identity.id,
            "name": page.identity.name,
            "url": page.identity.url,
            "time_zone": page.identity.time_zone,
            "help_line": page.identity.help_line,
            "languages": codes(),
        },
        "status": _shown(page.worst, stale),
        "last_known": page.worst,
        "sentence": _text(state_words.stale_headline() if stale else page.sentence),
        "details": _text(state_words.stale_lead(page.built_at) if stale else page.lead),
        "what_to_do": _text(state_words.stale_action(page.identity.help_line) if stale else page.action),
        "promise": _promise(page.promise),
        "components": [_component(part, page.built_at, stale) for group in page.groups for part in group.components],
        "incidents": [_incident(incident) for incident in page.open_incidents],
        "planned_work": [_planned(work) for work in page.planned],
        "announcements": [
            {"id": one.public_id, "title": _text(one.title), "body": _text(one.body), "published_at": moment(one.published_at)}
            for one in page.announcements
        ],
        "answers": [_answer(answer) for answer in page.answers],
        "record": {"entry": page.record.seq, "hash": page.record.hash},
    }
    return orjson.dumps(value)


def _component(part: ComponentNow, now: datetime, stale: bool) -> dict[str, Any]:
    return {**_known_of(part.facts, codes(), stale), "age_s": _age(part.facts.changed_at, now)}


@per_object
def _known_of(facts: ComponentFacts, languages: tuple[str, ...], stale: bool) -> dict[str, Any]:
    """In these languages, which its words hang on."""
    return {
        "id": facts.public_id,
        "code": facts.code,
        "name": _text(facts.name),
        "group": _text(facts.group.name) if facts.group.has_heading else None,
        "status": _shown(facts.status, stale),
        "last_known": facts.status,
        "word": _text(state_words.status_word(_shown(facts.status, stale))),
        "known_by": facts.source,
        "measured": facts.watched,
        "since": moment(facts.changed_at),
    }


def _incident(incident: IncidentNow) -> dict[str, Any]:
    facts = incident.facts
    return {
        "id": facts.public_id,
        "name": _text(facts.name),
        "phase": facts.status,
        "impact": facts.impact,
        "started_at": moment(facts.started_at),
        "published_at": moment(facts.published_at),
        "first_word_at": moment(facts.first_word_at),
        "promise": _promise(incident.promise),
        "promises_missed": len(facts.missed_promises),
        "components": {item.component_id: item.new_status for item in facts.stated},
        "what_to_do": _text(facts.last_said("what_to_do")),
        "who_affected": _text(facts.last_said("who_affected")),
        "still_works": _text(facts.last_said("still_works")),
        "statements": [_statement(one) for one in incident.statements],
        "updates": [_update(update.facts) for update in incident.updates],
    }


def _update(update: UpdateFacts) -> dict[str, Any]:
    return {
        "id": update.public_id,
        "phase": update.status,
        "body": _text(update.body),
        "at": moment(update.display_at),
        "corrected_at": _moment(update.corrected_at),
        "late_s": int(update.lateness.total_seconds()),
        "record_entry": update.record_seq,
    }


def _statement(one: StatementFacts) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "about": one.ladder,
        "level": one.level,
        "body": _text(one.body),
        "as_of": moment(one.as_of),
        "expires_at": _moment(one.expires_at),
        "stands": one.stands,
        "taken_back_at": moment(one.taken_back.at) if one.taken_back else None,
        "record_entry": one.record_seq,
    }


def _planned(work: PlannedNow) -> dict[str, Any]:
    facts = work.facts
    return {
        "id": facts.public_id,
        "name": _text(facts.name),
        "phase": facts.phase,
        "starts_at": moment(facts.starts_at),
        "ends_at": moment(facts.ends_at),
        "late": facts.is_late,
        "expected": dict(facts.expected),
        "updates": [_update(update.facts) for update in work.updates],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    said = answer.now
    return {
        "id": said.series,
        "version": said.version,
        "fact": _text(said.fact_headline),
        "what_is_true": _text(said.what_is_true),
        "claim": said.claim_quote,
        "claim_language": said.claim_language,
        "verdict": said.verdict.value,
        "published_at": moment(said.published_at),
        "taken_back_at": moment(answer.taken_back.at) if answer.taken_back else None,
        "record_entry": said.record_seq,
    }


def _promise(promise: Promise | None) -> dict[str, Any] | None:
    return {"at": moment(promise.at), "late": promise.late} if promise else None


def _shown(status: str, stale: bool) -> str:
    return ComponentStatus.UNKNOWN.value if stale else status


def _text(text: Text | None) -> dict[str, str] | None:
    return dict(text) if text else None


def _moment(value: datetime | None) -> str | None:
    return moment(value) if value else None


def _age(value: datetime | None, now: datetime) -> int | None:
    return max(int((now - value).total_seconds()), 0) if value else None
