"""Pure: what was said lately -> the entries of feeds, in one language: one a thing (`history`), or one a word (`updates`).

Incidents, planned work, statements on money and data, and answers to claims. Ids and first times never change: readers recognise
an entry by them. `updated` moves when its words are corrected or taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop, override

from incidents import planned_words, rebuttals, wording
from incidents.facts import EarlierText, IncidentFacts, MaintenanceFacts, Text, UpdateFacts
from incidents.languages import StandIn
from incidents.maintenance import Phase
from incidents.words import IncidentStatus
from statuspage import clock_words, inert, page_beside, state_words
from statuspage.answers import Answer, AnswerFacts, StatementFacts, TakenBack
from statuspage.page_lately import Lately

# The words programs look for in the first <strong> of an entry: Statuspage's, in its language.
_MACHINE_WORDS: Mapping[str, str] = {
    IncidentStatus.INVESTIGATING: "Investigating",
    IncidentStatus.IDENTIFIED: "Identified",
    IncidentStatus.MONITORING: "Monitoring",
    IncidentStatus.RESOLVED: "Resolved",
    IncidentStatus.FALSE_ALARM: "Resolved",
    Phase.SCHEDULED: "Scheduled",
    Phase.IN_PROGRESS: "In progress",
    Phase.VERIFYING: "Verifying",
    Phase.COMPLETED: "Completed",
    Phase.CANCELLED: "Cancelled",
}
_MONEY_AND_DATA, _OUR_ANSWER = gettext_noop("Your money and your data"), gettext_noop("Our answer")
_UPDATE, _WITHDRAWN = gettext_noop("Update"), gettext_noop("Withdrawn: %(problem)s")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """`id` is the last part of its tag, `path` its address after the language's prefix, `about` the components it names."""

    id: str
    title: str
    published: datetime
    updated: datetime
    path: str
    html: str
    about: frozenset[str]


def history(said: Lately, language: str) -> list[Entry]:
    """One entry an incident, a piece of planned work, an answer; the newest word first."""
    found = [_once(_of_incident, said, incident, language) for incident in said.incidents]
    found += [_of_planned(said, work, language) for work in said.maintenances]
    found += [_of_answer(answer, answer.now, language, version=False) for answer in said.answers]
    return sorted(found, key=lambda entry: entry.updated, reverse=True)


def updates(said: Lately, language: str) -> list[Entry]:
    """One entry a word, the newest first."""
    found: list[tuple[int, Entry]] = []
    for incident in said.incidents:
        found += _once(_updates_of, said, incident, language)
    for work in said.maintenances:
        found += [(update.record_seq, _of_planned_update(said, update, work, language)) for update in work.updates]
    for answer in said.answers:
        found += [(one.record_seq, _of_answer(answer, one, language, version=True)) for one in (answer.now, *answer.earlier)]
    found.sort(key=lambda pair: (pair[1].published, pair[0]), reverse=True)
    return [entry for _, entry in found]


# --- Incidents ---------------------------------------------------------------------------------

KEPT_AT_MOST = 1024
_made: dict[tuple[Any, ...], tuple[IncidentFacts, tuple[StatementFacts, ...], Any]] = {}


def _once(make: Callable[[Lately, IncidentFacts, str], T], said: Lately, incident: IncidentFacts, language: str) -> T:
    """What is made of an incident that is over is made once: its facts are then the same object from publication to publication
    (statuspage.at_rest)."""
    spoken = said.statements.get(incident.public_id, ())
    key = make, id(incident), said.identity.time_zone, language
    known = _made.get(key)
    if known is None or known[0] is not incident or known[1] != spoken:
        if len(_made) >= KEPT_AT_MOST:
            _made.clear()
        known = _made[key] = incident, spoken, make(said, incident, language)
    made: T = known[2]
    return made


def _updates_of(said: Lately, incident: IncidentFacts, language: str) -> list[tuple[int, Entry]]:
    """Its words, and what was said of money and data, each with its place in the record."""
    about = _named(incident)
    spoken = said.statements.get(incident.public_id, ())
    return [
        *([(incident.updates[0].record_seq, _of_gone(incident, incident.gone_at, language))] if incident.gone_at else []),
        *((update.record_seq, _of_update(said, update, incident, language)) for update in incident.updates),
        *((one.record_seq, _of_statement(one, incident, about, language)) for one in spoken),
    ]


def _of_incident(said: Lately, incident: IncidentFacts, language: str) -> Entry:
    spoken = said.statements.get(incident.public_id, ())
    moments = [incident.last_change_at, *(_changed(one) for one in spoken)]
    return Entry(
        id=f"Incident/{incident.public_id}",
        title=_title(incident, language),
        published=incident.published_at,
        updated=max(moments),
        path=f"/incidents/{incident.public_id}",
        html="".join(
            [
                _gone(said, incident, language),
                _words(said, incident.updates, language),
                *(_earlier(text, language) for text in incident.earlier_names),
                *(_statement(one, language) for one in spoken),
            ]
        ),
        about=_named(incident),
    )


def _title(incident: IncidentFacts, language: str) -> str:
    return state_words.say(_WITHDRAWN, problem=incident.name)[language] if incident.withdrawn_at else incident.name[language]


def _of_gone(incident: IncidentFacts, gone_at: datetime, language: str) -> Entry:
    """Who read that something does not work reads here that it was taken back, or where it is told on."""
    elsewhere = f"{incident.gone_words[language].rstrip('.')}: {incident.name[language]}"
    return Entry(
        id=f"IncidentGone/{incident.public_id}",
        title=_title(incident, language) if incident.withdrawn_at else elsewhere,
        published=gone_at,
        updated=gone_at,
        path=f"/incidents/{incident.public_id}",
        html=f"<p>{inert.html(incident.gone_words[language])}</p>",
        about=_named(incident),
    )


def _gone(said: Lately, incident: IncidentFacts, language: str) -> str:
    """The newest word of one that was withdrawn or merged."""
    if incident.gone_at is None:
        return ""
    label, words = _status(IncidentStatus.RESOLVED, language), inert.html(incident.gone_words[language])
    return f"<p>{_when(said, incident.gone_at, language)}<br><strong>{label}</strong> - {words}</p>"


def _of_update(said: Lately, update: UpdateFacts, incident: IncidentFacts, language: str) -> Entry:
    return Entry(
        id=f"IncidentUpdate/{update.public_id}",
        title=f"{state_words.phase_word(update.status)[language]}: {incident.name[language]}",
        published=update.display_at,
        updated=max(update.display_at, update.corrected_at or update.display_at),
        path=f"/incidents/{incident.public_id}#u-{update.public_id}",
        html=_paragraph(said, update, language, repeats=False),
        about=_named(incident),
    )


def _named(incident: IncidentFacts) -> frozenset[str]:
    return frozenset(item.component_id for item in incident.worst_stated)


def _words(said: Lately, updates: tuple[UpdateFacts, ...], language: str) -> str:
    """Every word, newest first; one that repeats the phase before it is called an update."""
    before = [*(update.status for update in updates[1:]), None]
    return "".join(
        _paragraph(said, update, language, repeats=update.status == earlier)
        for update, earlier in zip(updates, before, strict=False)
    )


def _paragraph(said: Lately, update: UpdateFacts, language: str, *, repeats: bool) -> str:
    """One update as HTML, in the form Statuspage's feeds have: programs take the first <strong> as the status."""
    when = _when(said, update.display_at, language)
    said_now = f"<p>{when}<br><strong>{_label(update, language, repeats)}</strong> - {_words_in(update.body, language)}</p>"
    return said_now + "".join(_earlier(text, language) for text in update.earlier)


def _when(said: Lately, moment: datetime, language: str) -> str:
    """Marked up as Statuspage does it, the month in the language's short form."""
    zone = ZoneInfo(said.identity.time_zone)
    local = moment.astimezone(zone)
    day = f"<var data-var='date'>{local.day}</var>"
    hour = f"<var data-var='time'>{local:%H:%M}</var> {wording.zone_name(local, zone)}"
    return f"<small>{wording.short_month(local, language)} {day}, {hour}</small>"


def _words_in(text: Text, language: str) -> str:
    """As HTML; words of another language, which stand in until these are written, carry theirs."""
    said = text[language]
    if not isinstance(said, StandIn):
        return inert.html(said)
    with override(language):
        return f'<span lang="{said.language}">{inert.html(said)}</span> ({gettext("The translation is still to come.")})'


def _earlier(text: EarlierText, language: str) -> str:
    """What was said before a correction, folded as on the page."""
    with override(language):
        corrected, before = gettext("Corrected"), gettext("It said before:")
    head = f"{corrected} {clock_words.full(text.corrected_at, language)}: {inert.html(text.reason[language])}"
    if heading := page_beside.heading_of(text.field):
        before = f"{heading[language]}: {before}"
    return f"<details><summary>{head}</summary><p>{before} <del>{inert.html(text.body[language])}</del></p></details>"


def _label(update: UpdateFacts, language: str, repeats: bool) -> str:
    return state_words.say(_UPDATE)[language] if repeats else _status(update.status, language)


def _status(status: str, language: str) -> str:
    return _MACHINE_WORDS[status] if language == "en" else _phase(status)[language]


def _phase(status: str) -> Text:
    planned = planned_words.PHASE_WORDS.get(status)
    return state_words.say(planned) if planned else state_words.phase_word(status)


# --- Statements --------------------------------------------------------------------------------


def _of_statement(one: StatementFacts, incident: IncidentFacts, about: frozenset[str], language: str) -> Entry:
    return Entry(
        id=f"Statement/{one.public_id}",
        title=f"{state_words.say(_MONEY_AND_DATA)[language]}: {incident.name[language]}",
        published=one.published_at,
        updated=_changed(one),
        path=f"/incidents/{incident.public_id}#s-{one.public_id}",
        html=_statement(one, language),
        about=about,
    )


def _changed(one: StatementFacts) -> datetime:
    return max(one.published_at, one.taken_back.at) if one.taken_back else one.published_at


def _statement(one: StatementFacts, language: str) -> str:
    head = f"<small>{clock_words.full(one.published_at, language)}</small><br>"
    return f"<p>{head}{_struck(_words_in(one.body, language), one.taken_back)}</p>{_taken_back(one.taken_back, language)}"


def _struck(text: str, taken_back: TakenBack | None) -> str:
    return f"<del>{text}</del>" if taken_back else text


def _taken_back(taken_back: TakenBack | None, language: str) -> str:
    if taken_back is None:
        return ""
    with override(language):
        label = gettext("Taken back:")
    return f"<p>{label} {clock_words.full(taken_back.at, language)}. {inert.html(taken_back.note[language])}</p>"


# --- Planned work ------------------------------------------------------------------------------


def _of_planned(said: Lately, work: MaintenanceFacts, language: str) -> Entry:
    return Entry(
        id=f"Incident/{work.public_id}",
        title=work.name[language],
        published=work.published_at,
        updated=work.last_change_at,
        path=f"/maintenance/{work.public_id}",
        html="".join(
            [
                _words(said, work.updates, language),
                *(_earlier(text, language) for text in work.earlier_names),
                _window(work, language),
            ]
        ),
        about=frozenset(work.expected),
    )


def _of_planned_update(said: Lately, update: UpdateFacts, work: MaintenanceFacts, language: str) -> Entry:
    with override(language):
        planned = gettext("Planned work")
    return Entry(
        id=f"IncidentUpdate/{update.public_id}",
        title=f"{planned}: {work.name[language]}: {_phase(update.status)[language]}",
        published=update.display_at,
        updated=max(update.display_at, update.corrected_at or update.display_at),
        path=f"/maintenance/{work.public_id}#u-{update.public_id}",
        html=_paragraph(said, update, language, repeats=False) + _window(work, language),
        about=frozenset(work.expected),
    )


def _window(work: MaintenanceFacts, language: str) -> str:
    return f"<p>{clock_words.full(work.starts_at, language)} – {clock_words.full(work.ends_at, language)}</p>"


# --- Answers to claims -------------------------------------------------------------------------


def _of_answer(answer: Answer, one: AnswerFacts, language: str, *, version: bool) -> Entry:
    """`version`: this version's own entry; else the answer's, which stays one entry however often it is renewed."""
    first = answer.earlier[-1] if answer.earlier else answer.now
    taken_back = answer.taken_back if one is answer.now else None
    begun = one.published_at if version else first.published_at
    return Entry(
        id=f"Rebuttal/{one.series}/{one.version}" if version else f"Rebuttal/{one.series}",
        title=f"{state_words.say(_OUR_ANSWER)[language]}: {one.fact_headline[language]}",
        published=begun,
        updated=max(one.published_at, taken_back.at) if taken_back else one.published_at,
        path=f"/answers/{answer.address}#v{one.version}" if version else f"/answers/{answer.address}",
        html=_answer(one, taken_back, language),
        about=frozenset(one.components),
    )


def _answer(one: AnswerFacts, taken_back: TakenBack | None, language: str) -> str:
    """The fact comes first; the claim is quoted once, with its verdict beside it."""
    verdict = rebuttals.VERDICTS[one.verdict][0]
    with override(language):
        saying, confirms = gettext("People are saying"), gettext("Who confirms this")
    said = [
        f"<p><strong>{_struck(inert.html(one.fact_headline[language]), taken_back)}</strong></p>",
        _taken_back(taken_back, language),
        f"<p>{_struck(_words_in(one.what_is_true, language), taken_back)}</p>",
        f"<p>{saying}: “{inert.html(one.claim_quote)}” {verdict.get(language, verdict['en'])}.</p>",
    ]
    said += [f"<p>{confirms}: {_confirmed(item, language)}</p>" for item in one.corroborations]
    return "".join(said)


def _confirmed(item: Mapping[str, Any], language: str) -> str:
    """Whose word it is, and the word where it was given in this language: one may have been added since."""
    said = item["said"].get(language, "")
    return inert.html(item["body"]) + (f": “{inert.html(said)}”" if said else "")


def about(component: str, entries: Iterable[Entry]) -> list[Entry]:
    """Those that name a component (its public id)."""
    return [entry for entry in entries if component in entry.about]
