"""An item as one SMS: what is so, what to do and the times first, then where to read on, then all else there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext, override

from incidents import components, short_words, wording
from incidents.maintenance import Phase
from incidents.models import IncidentUpdate, MaintenanceUpdate, Statement
from incidents.short_words import Frame
from incidents.words import IncidentStatus
from subscribers import gsm, links
from subscribers.items import Document
from subscribers.telling import Telling


def text_of(document: Document, told: Telling) -> str:
    """One part, in GSM-7 letters."""
    with override(told.language):
        frames, more = _said(document, told)
        return short_words.one_message(
            gsm.plain(f"{settings.PROVIDER_NAME}:"),
            (([gsm.plain(one) for one in together], gsm.plain(end)) for together, end in frames),
            [gsm.plain(one) for one in more],
            gsm.plain(gettext("Never share your PIN.")),
            lambda text: gsm.length(text) <= gsm.ONE_PART,
        )


def _said(document: Document, told: Telling) -> tuple[Iterator[Frame], list[str]]:
    """(what stands together, the best first; what else may stand)"""
    if isinstance(document, IncidentUpdate):
        return _of_update(document, told)
    if isinstance(document, MaintenanceUpdate):
        return _of_planned_work(document, told)
    if isinstance(document, Statement):
        return _of_statement(told)
    return _of_another(told)


def _of_update(update: IncidentUpdate, told: Telling) -> tuple[Iterator[Frame], list[str]]:
    clock = told.next_update_by.partition(",")[0]
    services = [name[told.language] for name in components.names()]
    said = short_words.without(_own_words(told), clock, told.language, services)
    whats = short_words.what_is_so(
        said[0] if said else "",
        name=told.about,
        states=told.affected,
        phase=told.headline,
        is_over=update.status in IncidentStatus.closed(),
    )
    to_do = [*_beside(told), *short_words.advice(said[1:], told.language, services)]
    by = gettext("Next update by %(time)s.") % {"time": told.next_update_by} if told.next_update_by else ""
    return short_words.of_update(whats, to_do, by, links.host()), [*to_do, *said[1:]]


def _of_planned_work(update: MaintenanceUpdate, told: Telling) -> tuple[Iterator[Frame], list[str]]:
    """Its times stand in each; an announcement's phase goes without saying."""
    said, name = _own_words(told), told.about.rstrip(".")
    starts_at, ends_at = update.starts_at or update.maintenance.starts_at, update.ends_at or update.maintenance.ends_at
    work = gettext("Planned work ahead") if update.status == Phase.SCHEDULED else told.headline
    head = f"{work}, {_span(starts_at, ends_at, told.language)}" if starts_at and ends_at else work
    whats = [f"{head}: {name}.", f"{head}."]
    return short_words.of_other_news(whats, said, links.host()), said


def _span(starts_at: datetime, ends_at: datetime, language: str) -> str:
    """25 Nov 1:00 am - 3:00 am EAT; the second day is named where it is another."""
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    days = [wording.day(moment, language, zone).rpartition(" ")[0] for moment in (starts_at, ends_at)]
    first, last = (wording.clock(moment, language, zone) for moment in (starts_at, ends_at))
    end = last if days[0] == days[1] else f"{days[1]} {last}"
    return f"{days[0]} {first} - {end} {wording.zone_name(starts_at, zone)}"


def _of_statement(told: Telling) -> tuple[Iterator[Frame], list[str]]:
    """The signed words as they are, none cut: whoever cannot read all of them here reads them there."""
    said, host = _own_words(told), links.host()
    as_of = [f"{section.heading}: {section.text}." for section in told.sections if section.heading][:1]
    about = f"{told.headline}."
    whole: list[Frame] = [([about, *said], host), (said, host), (said, "")]
    return iter([*whole, ([about, *said[:1]], host), (said[:1], host), ([about], host)]), as_of


def _of_another(told: Telling) -> tuple[Iterator[Frame], list[str]]:
    said = _own_words(told)
    about = f"{told.headline}: {told.about}" if told.about and told.about != told.headline else told.headline
    whats = [f"{about.rstrip('.')}.", f"{told.headline.rstrip('.')}."]
    return short_words.of_other_news(whats, [*_beside(told), *said[:1]], links.host()), said


def _own_words(told: Telling) -> list[str]:
    """Sentences that stand by themselves: what has a heading would say something else without it."""
    texts = [section.text for section in told.sections if not section.heading and not section.struck]
    return [sentence for text in texts for sentence in short_words.sentences(text)]


def _beside(told: Telling) -> list[str]:
    return [sentence for section in told.sections if section.advises for sentence in short_words.sentences(section.text)]
