"""The uptime page and its CSV: percentages of 90 days and of quarters by a printed rule, and what our words were worth."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from incidents import exercise, intervals, periods, uptime
from incidents.facts import ComponentFacts, GroupFacts, Text
from incidents.figures import Word
from incidents.models import Component, Incident, IncidentUpdate
from incidents.periods import Quarter
from incidents.uptime import Figure
from incidents.words import ComponentStatus, IncidentStatus
from statuspage import clock_words, days, inert, page_components, page_reviews, reading, trust
from statuspage.page import Identity, identity
from statuspage.page_components import Problem
from statuspage.trust import Spoken, Trust

QUARTERS = 2  # the running one and the one before it


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included; the last may be today. `quarter` None: the last 90 days."""

    code: str
    first: date
    last: date
    quarter: Quarter | None


@dataclass(frozen=True, slots=True)
class UptimeRow:
    component: ComponentFacts
    figures: tuple[Figure, ...]  # one a period
    days: tuple[OutageDay, ...]  # the last 90, the oldest first


@dataclass(frozen=True, slots=True)
class OutageDay:
    """A day of a service: seconds in which it did not work for some, and for anyone; the problems of the day that named it."""

    day: date
    partial_s: int
    major_s: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class UptimeGroup:
    """A group's figure is the mean of its services with data."""

    group: GroupFacts
    rows: tuple[UptimeRow, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class UptimePage:
    identity: Identity
    as_of: datetime
    rule: Text
    rule_code: str
    periods: tuple[Period, ...]
    groups: tuple[UptimeGroup, ...]
    trust: tuple[tuple[Period, Trust], ...]  # one a quarter, the running one first


def build_uptime(now: datetime) -> UptimePage:
    """All figures until now, in a fixed number of queries."""
    zone = clock_words.zone()
    spans = _periods(now)
    start = periods.midnight(min(span.first for span in spans), zone)
    components = [component for component in Component.objects.published() if component.showcase]
    shown = intervals.shown(components=components, start=start, end=now)
    problems = page_components.problems_by_component(now)
    groups: dict[str, list[UptimeRow]] = {}
    for component in components:
        facts = reading.component_facts(component)
        figures = tuple(_figure(component, shown[component.pk], span, now) for span in spans)
        outages = _outage_days(shown[component.pk], problems.get(facts.public_id, ()), facts.start_date, spans[0], now)
        groups.setdefault(facts.group.public_id, []).append(UptimeRow(facts, figures, outages))
    quarters = [span for span in spans if span.quarter]
    return UptimePage(
        identity=identity(),
        as_of=now,
        rule=reading.rule_words(),
        rule_code=reading.rule().code,
        periods=spans,
        groups=tuple(_group(rows) for rows in groups.values()),
        trust=tuple((span, _trust(span, now)) for span in quarters),
    )


def csv_bytes(page: UptimePage, language: str) -> bytes:
    """One row a service and period. Seconds of each state; percentages to six places, empty where there is no data. The last
    columns are the whole page's, the same in each row of a quarter: what our words were worth."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    states = [*ComponentStatus.values, "no_data"]
    writer.writerow(
        [
            "service",
            "name",
            "group",
            "period",
            "first_day",
            "last_day",
            "rule",
            "uptime_percent",
            "uptime_percent_planned_counted",
        ]
        + [f"{status}_s" for status in states]
        + ["planned_s", *_TRUST]
    )
    words = {span.code: _words_of(found) for span, found in page.trust}
    for group in page.groups:
        for row in group.rows:
            for span, figure in zip(page.periods, row.figures, strict=True):
                writer.writerow(
                    [
                        row.component.code,
                        _plain(exercise.marked(row.component.name)[language]),
                        _plain(group.group.name[language]),
                        span.code,
                        span.first,
                        span.last,
                        page.rule_code,
                        "" if figure.percent is None else figure.percent,
                        "" if figure.with_planned is None else figure.with_planned,
                        *(_seconds(figure.tally.of("" if status == "no_data" else status)) for status in states),
                        _seconds(figure.tally.planned_down),
                        *words.get(span.code, [""] * len(_TRUST)),
                    ]
                )
    return out.getvalue().encode()


_TRUST = ("all_problems", "all_first_word_median_s", "all_promises_made", "all_promises_kept", "all_reviews_overdue")


def _words_of(found: Trust) -> list[int | str]:
    first = "" if found.first_word is None else _seconds(found.first_word)
    return [found.problems, first, found.promises_made, found.promises_kept, found.reviews_overdue]


def _plain(text: str) -> str:
    """A cell on one line that no spreadsheet takes for a formula."""
    text = inert.line(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)


def _periods(now: datetime) -> tuple[Period, ...]:
    today = periods.local_day(now, clock_words.zone())
    running = Quarter.of(today)
    quarters = [running.earlier(number) for number in range(QUARTERS)]
    return (
        Period(f"{days.LENGTH}_days", today - timedelta(days=days.LENGTH - 1), today, None),
        *(Period(str(quarter), quarter.first, min(quarter.last, today), quarter) for quarter in quarters),
    )


def _figure(component: Component, shown: Sequence[uptime.Interval], span: Period, now: datetime) -> Figure:
    zone = clock_words.zone()
    start = periods.midnight(max(span.first, component.start_date or span.first), zone)
    end = periods.midnight(span.last + timedelta(days=1), zone)
    return uptime.figure(shown, start=start, end=end, now=now, rule=reading.rule())


def _outage_days(
    shown: Sequence[uptime.Interval], problems: Sequence[Problem], history_from: date | None, span: Period, now: datetime
) -> tuple[OutageDay, ...]:
    zone = clock_words.zone()
    first = max(span.first, history_from or span.first)
    seconds = days.seconds_by_day(shown, start=periods.midnight(first, zone), end=now, zone=zone)
    return tuple(
        OutageDay(
            day,
            seconds.get(day, {}).get(ComponentStatus.PARTIAL_OUTAGE, 0),
            seconds.get(day, {}).get(ComponentStatus.MAJOR_OUTAGE, 0),
            tuple(problem for problem in problems if problem.touches(day)),
        )
        for day in periods.days(span.first, span.last)
    )


def _group(rows: Sequence[UptimeRow]) -> UptimeGroup:
    by_period = zip(*(row.figures for row in rows), strict=True)
    return UptimeGroup(rows[0].component.group, tuple(rows), tuple(uptime.group(figures) for figures in by_period))


def _trust(span: Period, now: datetime) -> Trust:
    """What our words on the problems that began in the period were worth. Three queries."""
    zone = clock_words.zone()
    begun = {
        "started_at__gte": periods.midnight(span.first, zone),
        "started_at__lt": periods.midnight(span.last + timedelta(days=1), zone),
    }
    incidents = list(Incident.objects.published().filter(merged_into=None, withdrawn_at=None, **begun).defer("evidence"))
    words: defaultdict[int, list[Word]] = defaultdict(list)
    said = IncidentUpdate.objects.published().filter(incident__in=incidents)
    for incident_id, at, next_by in said.values_list("incident_id", "display_at", "next_update_by"):
        if at is not None:
            words[incident_id].append(Word(at, next_by))
    spoken = [
        Spoken(
            began_at=incident.started_at,
            first_word_at=first_word_at,
            over_at=incident.resolved_at if incident.status in IncidentStatus.closed() else None,
            backfilled=incident.backfilled,
            words=tuple(words[incident.pk]),
        )
        for incident in incidents
        if (first_word_at := incident.first_word_at)
    ]
    return trust.measure(spoken, now=now, reviews_overdue=page_reviews.count_late(incidents, now=now))
