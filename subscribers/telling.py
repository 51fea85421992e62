"""The words of an item in one language, whatever its kind and whatever channel carries them: one function a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, override

from incidents import corrections, rebuttals, wording
from incidents.languages import by_language, codes
from incidents.models import (
    Announcement,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Rebuttal,
    Redress,
    Review,
    ScheduledMaintenance,
    Statement,
    StatusChange,
    Withdrawal,
)
from incidents.models.correction import Corrected
from incidents.planned_words import PHASE_WORDS as PLANNED_PHASES
from incidents.words import PHASE_WORDS, STATUS_WORDS, ComponentStatus, IncidentStatus
from subscribers import links
from subscribers.items import Document, Item


@dataclass(frozen=True, slots=True)
class Section:
    """A paragraph, with a heading or "" before it. `struck`: it no longer holds; `advises`: it says what to do."""

    heading: str
    text: str
    struck: bool = False
    advises: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """`subject` stays the same through a thread; `headline` says what is new; `about` is what it belongs to, "" when that is
    the headline itself. Times are words already; `next_update_by` is "" where nothing is promised."""

    language: str
    subject: str
    headline: str
    about: str
    at: str
    sections: tuple[Section, ...]
    affected: tuple[tuple[str, str], ...]  # (component, state)
    next_update_by: str
    url: str


def tell(item: Item, language: str) -> Telling:
    """What a reader of that language is told."""
    language = language if language in codes() else codes()[0]
    with override(language):
        said = _SAID[type(item.document)](item.document, language)
        return Telling(
            language=language,
            subject=said.subject,
            headline=said.headline,
            about=said.about,
            at=in_words(getattr(item.document, "display_at", None) or item.published_at, language),
            sections=tuple(section for section in said.sections if section.text.strip()),
            affected=tuple(said.affected),
            next_update_by=said.next_update_by,
            url=links.page_url(item.path, language),
        )


@dataclass(frozen=True, slots=True)
class _Said:
    subject: str
    headline: str
    about: str
    sections: Iterable[Section]
    affected: Iterable[tuple[str, str]] = ()
    next_update_by: str = ""


# --- Incidents -----------------------------------------------------------------------------------

_BESIDE = {
    "what_to_do": gettext_noop("What to do"),
    "who_affected": gettext_noop("Who is affected"),
    "still_works": gettext_noop("What still works"),
}


def _update(update: IncidentUpdate, language: str) -> _Said:
    name = said(update.incident.name, language)
    moment = update.display_at or update.created_at
    beside = [_section(field, said(getattr(update, field), language)) for field in _BESIDE]
    return _Said(
        subject=name,
        headline=gettext(PHASE_WORDS[IncidentStatus(update.status)]),
        about=_name_of(update.incident, language),
        sections=[Section("", said(update.body, language)), *beside],
        affected=_states(((one.name, one.component.name, one.new_status) for one in _affected(update)), language),
        next_update_by=in_words(update.next_update_by, language, near=moment) if update.next_update_by else "",
    )


def _affected(update: IncidentUpdate) -> Iterable[Any]:
    return update.affected.select_related("component")


def _states(rows: Iterable[tuple[Any, Any, str]], language: str) -> list[tuple[str, str]]:
    """(name, state) of (frozen name, present name, status)."""
    return [
        (said(frozen, language) or said(present, language), gettext(STATUS_WORDS[ComponentStatus(status)]))
        for frozen, present, status in rows
    ]


def _correction(correction: Correction, language: str) -> _Said:
    words, before = correction.words(), corrections.standing(correction.of, until=correction.record_seq)
    now = [_section(field, text.get(language, "")) for field, text in words.items()]
    struck = [Section(_before(field), before[field].get(language, ""), struck=True) for field in words if field in before]
    subject, about = _thread_of(correction.of, language)
    return _Said(
        subject=subject,
        headline=gettext("Corrected"),
        about=about,
        sections=[*now, Section(gettext("What was wrong"), said(correction.reason, language)), *struck],
    )


def _thread_of(of: Corrected, language: str) -> tuple[str, str]:
    """(the subject that its mails have, its name now)"""
    if isinstance(of, Announcement):
        return said(of.title, language), corrections.standing(of)["title"][language]
    if isinstance(of, MaintenanceUpdate):
        return said(of.maintenance.name, language), said(corrections.standing(of)["name"], language)
    return said(of.incident.name, language), _name_of(of.incident, language)


def _section(field: str, text: str) -> Section:
    return Section(_label(field), text, advises=field == "what_to_do")


def _label(field: str) -> str:
    return gettext(_BESIDE[field]) if field in _BESIDE else ""


def _before(field: str = "") -> str:
    label = _label(field)
    return f"{label}: {gettext('It said before:')}".rstrip(":") if label else gettext("It said before:").rstrip(":")


def _redress(redress: Redress, language: str) -> _Said:
    return _of_incident(
        redress.incident,
        gettext("If you paid twice, or your money is late"),
        [
            Section("", said(redress.who, language)),
            Section("", said(redress.how, language)),
            Section(gettext("Made good by"), day_in_words(redress.good_by, language)),
            Section("", said(redress.complain, language)),
        ],
        language,
    )


def _of_incident(incident: Incident, headline: str, sections: Iterable[Section], language: str) -> _Said:
    subject, about = said(incident.name, language), _name_of(incident, language)
    return _Said(subject=subject, headline=headline, about=about, sections=sections)


def _name_of(incident: Incident, language: str) -> str:
    """As last corrected; a subject stays as it was, for mails hang together by it."""
    return corrections.name_of(incident)[language]


def _statement(statement: Statement, language: str) -> _Said:
    ends = statement.expires_at
    return _of_incident(
        statement.incident,
        gettext("Your money and your data"),
        [
            Section("", said(statement.body, language)),
            Section(gettext("True as of"), in_words(statement.as_of, language)),
            Section(gettext("It ends, unless signed again, at"), in_words(ends, language) if ends else ""),
        ],
        language,
    )


def _withdrawal(withdrawal: Withdrawal, language: str) -> _Said:
    note = Section("", said(withdrawal.note, language))
    if withdrawal.statement:
        struck = Section(_before(), said(withdrawal.statement.body, language), struck=True)
        return _of_incident(withdrawal.statement.incident, gettext("We took a statement back"), [note, struck], language)
    assert withdrawal.rebuttal is not None
    name = said(withdrawal.rebuttal.fact_headline, language)
    return _Said(
        _first_name(withdrawal.rebuttal, language),
        gettext("We took this answer back."),
        "",
        [note, Section("", name, struck=True)],
    )


def _review(review: Review, language: str) -> _Said:
    cause = said(review.cause, language)
    if not review.cause_known:
        due = in_words(review.cause_due_at, language) if review.cause_due_at else ""
        later = " ".join([gettext("We will say more by"), due + "."]) if due else ""
        cause = " ".join(filter(None, [cause, gettext("We do not know it yet."), later]))
    return _of_incident(
        review.incident,
        gettext("Review"),
        [
            Section(gettext("Our apology"), said(review.apology, language)),
            Section(gettext("The cause"), cause),
            Section(gettext("What we did"), said(review.measures, language)),
            Section(gettext("What will keep it away"), "\n".join(_prevention(review, language))),
            Section(gettext("Compensation"), said(review.compensation, language)),
        ],
        language,
    )


def _prevention(review: Review, language: str) -> Iterable[str]:
    for one in review.prevention:
        by = f" ({gettext('by')} {day_in_words(date.fromisoformat(one['by']), language)})" if one.get("by") else ""
        yield f"- {said(one.get('what', {}), language)}{by}"


# --- Planned work, answers, announcements ----------------------------------------------------------


def _maintenance(update: MaintenanceUpdate, language: str) -> _Said:
    work = update.maintenance
    name = said(work.name, language)
    headline = gettext("Planned work: %(phase)s") % {"phase": gettext(PLANNED_PHASES[update.status])}
    rows = ((one.name, one.component.name, one.expected) for one in _expected(update) if one.expected)
    return _Said(
        subject=name,
        headline=headline,
        about=name,
        sections=[
            Section(gettext("When"), window(update, work, language)),
            Section("", said(update.body, language)),
        ],
        affected=_states(rows, language),
    )


def window(update: MaintenanceUpdate, work: ScheduledMaintenance, language: str) -> str:
    """Its times as this word announced them, else as they hold."""
    starts_at, ends_at = update.starts_at or work.starts_at, update.ends_at or work.ends_at
    if starts_at is None or ends_at is None:
        return ""
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    return f"{in_words(starts_at, language)} – {wording.clock_from(ends_at, starts_at, language, zone)}"


def _expected(update: MaintenanceUpdate) -> Iterable[Any]:
    return update.affected.select_related("component")


def _rebuttal(rebuttal: Rebuttal, language: str) -> _Said:
    """The fact comes first; the claim is named once, beneath it, with its verdict."""
    verdict = rebuttals.VERDICTS[rebuttals.Verdict(rebuttal.verdict)][0] if rebuttal.verdict else {}
    word = verdict.get(language) or verdict.get("en", "")
    confirmed = [f"{one['body']}: “{one['said'].get(language, '')}”" for one in rebuttal.corroborations]
    return _Said(
        subject=_first_name(rebuttal, language),
        headline=said(rebuttal.fact_headline, language),
        about="",
        sections=[
            Section("", said(rebuttal.what_is_true, language)),
            Section(gettext("People are saying"), f"“{rebuttal.claim_quote}” {word}."),
            Section(gettext("What is false"), said(rebuttal.what_is_false, language)),
            Section(gettext("Who confirms this"), "\n".join(confirmed)),
        ],
    )


def _first_name(rebuttal: Rebuttal, language: str) -> str:
    """The fact as the first version had it: later versions stay in its thread."""
    first = Rebuttal.objects.published().filter(series=rebuttal.series).order_by("version").first()
    return said((first or rebuttal).fact_headline, language)


def _announcement(announcement: Announcement, language: str) -> _Said:
    title = said(announcement.title, language)
    return _Said(title, title, "", [Section("", said(announcement.body, language))])


def _status_change(change: StatusChange, language: str) -> _Said:
    name = said(change.component.name, language)
    return _Said(subject=name, headline=gettext(STATUS_WORDS[ComponentStatus(change.new_status)]), about=name, sections=())


_SAID: Mapping[type[Document], Callable[[Any, str], _Said]] = {
    IncidentUpdate: _update,
    Correction: _correction,
    Redress: _redress,
    Statement: _statement,
    Withdrawal: _withdrawal,
    Rebuttal: _rebuttal,
    MaintenanceUpdate: _maintenance,
    Review: _review,
    Announcement: _announcement,
    StatusChange: _status_change,
}


# --- Words ---------------------------------------------------------------------------------------


def said(text: Any, language: str) -> str:
    """The text in that language. The gates keep both; for a language added later the first one written is better than nothing."""
    texts = by_language(text)
    return texts.get(language) or next((other for other in texts.values() if other), "")


def in_words(moment: datetime, language: str, *, near: datetime | None = None) -> str:
    """12:15 pm EAT, 24 Nov 2026; the day is left out where it is that of `near`. Kiswahili has 24-hour digits."""
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    if near is not None:
        return wording.clock_from(moment, near, language, zone)
    clock = wording.clock(moment, language, zone)
    return f"{clock} {wording.zone_name(moment, zone)}, {wording.day(moment, language, zone)}"


def day_in_words(day: date, language: str) -> str:
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    return wording.day(datetime(day.year, day.month, day.day, 12, tzinfo=zone), language, zone)
