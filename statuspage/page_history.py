"""The past by month: what went wrong, the worst state of each day, whether we kept our word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dateutil.relativedelta import relativedelta

from incidents import intervals, periods
from incidents.facts import IncidentFacts
from incidents.models import Component, Incident
from incidents.rollup import worst
from incidents.words import ComponentStatus
from statuspage import clock_words, days, page_components, page_reviews, reading, state_words, trust
from statuspage.days import Days
from statuspage.page import Identity, identity
from statuspage.page_components import Problem
from statuspage.trust import Trust


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """`status` "" is no data; a day that has not come has none either. `has_problem`: the list below speaks of it."""

    day: date
    status: str
    has_problem: bool


@dataclass(frozen=True, slots=True)
class MonthPage:
    """One calendar month of the page's own zone. A problem stands in the month in which customers first noticed it."""

    identity: Identity
    name: str  # 2026-11
    first: date
    weeks: tuple[tuple[CalendarDay | None, ...], ...]  # from Monday; None outside the month
    problems: tuple[Problem, ...]  # newest first
    trust: Trust

    @property
    def bad_days(self) -> int:
        """Days with trouble, however short."""
        return sum(1 for week in self.weeks for one in week if one and one.status in days.TROUBLE)


def month_of(moment: datetime) -> str:
    return f"{moment.astimezone(clock_words.zone()):%Y-%m}"


def first_of(name: str) -> date:
    """2026-11 -> its first day."""
    return date.fromisoformat(f"{name}-01")


def months_with_incidents() -> set[str]:
    """Every month in which a published incident began."""
    return {month_of(began) for began in Incident.objects.published().values_list("started_at", flat=True)}


def months_of(public_ids: Iterable[str]) -> set[str]:
    """The months in which these incidents began."""
    return {
        month_of(began)
        for began in Incident.objects.published().filter(public_id__in=list(public_ids)).values_list("started_at", flat=True)
    }


def build_month(name: str, *, now: datetime, known: Sequence[Days] = ()) -> MonthPage:
    """A month's page, in a fixed number of queries; of the running month the days until now. `known`: the rows of days of all
    services, where they were made already; a month that lies within them is not looked up again."""
    zone = clock_words.zone()
    first = first_of(name)
    last = first + relativedelta(months=1, days=-1)
    start, end = periods.midnight(first, zone), periods.midnight(last + timedelta(days=1), zone)
    standing = Incident.objects.published().filter(merged_into=None, withdrawn_at=None)
    rows = reading.with_updates(standing.filter(started_at__gte=start, started_at__lt=end))
    found = list(rows.order_by("-started_at", "-id"))
    incidents = reading.facts_of(found)
    problems = tuple(map(_problem, incidents))
    return MonthPage(
        identity=identity(),
        name=name,
        first=first,
        weeks=_weeks(first, last, _known_by_day(first, last, known) or _worst_by_day(first, last, now), problems),
        problems=problems,
        trust=trust.measure(map(trust.spoken_in, incidents), now=now, reviews_overdue=page_reviews.count_late(found, now=now)),
    )


def _problem(incident: IncidentFacts) -> Problem:
    stated = incident.worst_stated
    return Problem(
        public_id=incident.public_id,
        name=incident.name,
        phase=state_words.phase_word(incident.status),
        status=worst(item.new_status for item in stated) if stated else ComponentStatus.UNKNOWN.value,
        began_at=incident.started_at,
        over_at=None if incident.is_open else incident.resolved_at,
        services=tuple(item.name for item in stated),
        noted=page_components.noted(incident.status, backfilled=incident.backfilled),
    )


def _known_by_day(first: date, last: date, known: Sequence[Days]) -> list[str]:
    """The same out of rows that hold it; nothing when they do not."""
    if not known or first < known[0].first:
        return []
    length = (last - first).days + 1
    worst = days.worst_by_day(known)[(first - known[0].first).days :][:length]
    return worst + [""] * (length - len(worst))


def _worst_by_day(first: date, last: date, now: datetime) -> list[str]:
    """The worst state any service showed, day by day; nothing for days to come."""
    zone = clock_words.zone()
    end = min(periods.bounds(last, zone)[1], now.astimezone(UTC))
    components = [component for component in Component.objects.published() if component.showcase]
    if not components:
        return [""] * ((last - first).days + 1)
    shown = intervals.shown(components=components, start=periods.midnight(first, zone), end=end)
    rows = [
        days.row(
            shown[component.pk],
            first=first,
            last=last,
            zone=zone,
            now=now,
            rule=reading.rule(),
            history_from=component.start_date,
        )
        for component in components
    ]
    return days.worst_by_day(rows)


def _weeks(
    first: date, last: date, worst_states: list[str], problems: tuple[Problem, ...]
) -> tuple[tuple[CalendarDay | None, ...], ...]:
    zone = clock_words.zone()
    began = {problem.began_at.astimezone(zone).date() for problem in problems}
    cells: list[CalendarDay | None] = [None] * first.weekday()
    for day, status in zip(periods.days(first, last), worst_states, strict=True):
        cells.append(CalendarDay(day, status, day in began))
    cells += [None] * (-len(cells) % 7)
    return tuple(tuple(cells[place : place + 7]) for place in range(0, len(cells), 7))


def end_of(name: str) -> datetime:
    """The midnight at which a month ends."""
    return periods.midnight(first_of(name) + relativedelta(months=1), clock_words.zone())
