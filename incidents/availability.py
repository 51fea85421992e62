"""Uptime and supervisors' figures from the record's rows, by component code: each in a fixed number of queries.

The rules are those of incidents.uptime and incidents.regulators; a day without data has none, never 100 %. Days are the page's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from incidents import intervals, periods, regulators, uptime
from incidents.models import AffectedComponent, Component, ComponentGroup, Filing, Incident
from incidents.periods import Quarter
from incidents.regulators import DisclosureRow, EbaQuarter, MasBudget, ReportedIncident, UkTable
from incidents.uptime import STATUSPAGE, DayFigure, Figure, Interval, Rule
from incidents.words import ComponentStatus, IncidentStatus, Publication

YEARS_LOOKED_AT = 3  # for the fullest twelve months
UK_REPORT = "uk-initial"


def zone() -> ZoneInfo:
    return ZoneInfo(settings.PAGE_TIME_ZONE)


# --- Services and groups -----------------------------------------------------------------------------


def by_day(
    *, components: Iterable[Component], first: date, last: date, now: datetime, rule: Rule = STATUSPAGE
) -> dict[str, list[DayFigure]]:
    """One figure a day of each, from midnight to midnight on the page's clock, both days included."""
    return {
        code: uptime.by_day(shown, first=first, last=last, zone=zone(), now=now, rule=rule)
        for code, shown in _shown(components, first, last).items()
    }


def last_days(
    *, components: Iterable[Component], now: datetime, days: int = 90, rule: Rule = STATUSPAGE
) -> dict[str, list[DayFigure]]:
    """Today and the days before it."""
    today = periods.local_day(now, zone())
    return by_day(components=components, first=today - timedelta(days=days - 1), last=today, now=now, rule=rule)


def in_period(
    *, components: Iterable[Component], first: date, last: date, now: datetime, rule: Rule = STATUSPAGE
) -> dict[str, Figure]:
    """One figure of each for any days, both included; what lies after `now` is no part of it."""
    start, end = periods.midnight(first, zone()), periods.bounds(last, zone())[1]
    return {
        code: uptime.figure(shown, start=start, end=end, now=now, rule=rule)
        for code, shown in _shown(components, first, last).items()
    }


def members(group: ComponentGroup) -> list[Component]:
    """Every public component of the group and of the groups inside it."""
    return list(Component.objects.filter(Q(group=group) | Q(group__parent=group), internal=False))


def of_group(*, group: ComponentGroup, first: date, last: date, now: datetime, rule: Rule = STATUSPAGE) -> Figure:
    """The mean of its services with data."""
    return uptime.group(list(in_period(components=members(group), first=first, last=last, now=now, rule=rule).values()))


def of_group_by_day(*, group: ComponentGroup, first: date, last: date, now: datetime, rule: Rule = STATUSPAGE) -> list[DayFigure]:
    return uptime.group_by_day(list(by_day(components=members(group), first=first, last=last, now=now, rule=rule).values()))


def _shown(components: Iterable[Component], first: date, last: date) -> dict[str, list[Interval]]:
    wanted = list(components)
    start, end = periods.midnight(first, zone()), periods.bounds(last, zone())[1]
    shown = intervals.shown(components=wanted, start=start, end=end)
    return {component.code: shown[component.pk] for component in wanted}


def notes(*, component: Component, first: date, last: date) -> list[Incident]:
    """Incidents to be named beside the figure: false alarms, whose states stay counted, and those written down afterwards."""
    start, end = periods.midnight(first, zone()), periods.bounds(last, zone())[1]
    told = Incident.objects.published().filter(Q(status=IncidentStatus.FALSE_ALARM) | Q(backfilled=True), withdrawn_at=None)
    found = told.filter(updates__affected__component=component, started_at__lt=end, resolved_at__gt=start)
    return list(found.distinct().order_by("started_at"))


# --- Supervisors -------------------------------------------------------------------------------------


def eba(
    *, components: Iterable[Component], quarter: Quarter, now: datetime, planned_counts: bool = True
) -> dict[str, EbaQuarter]:
    """European Union: a quarter's daily statistics of each interface. regulators.eba_csv writes them."""
    return {
        code: regulators.eba_quarter(shown, quarter=quarter, zone=zone(), now=now, planned_counts=planned_counts)
        for code, shown in _shown(components, quarter.first, quarter.last).items()
    }


def mas(*, components: Iterable[Component], now: datetime) -> dict[str, MasBudget]:
    """Singapore: what is left of the four hours in any twelve months, for each critical system."""
    today = periods.local_day(now, zone())
    first = periods.months_before(now, 12 * YEARS_LOOKED_AT).astimezone(zone()).date()
    since = periods.midnight(first, zone())
    return {code: regulators.mas_budget(shown, since=since, now=now) for code, shown in _shown(components, first, today).items()}


def ghana(*, components: Iterable[Component], first: date, last: date, now: datetime) -> dict[str, bool | None]:
    """Ghana: is each at 99.5 % or above? None: no data."""
    found = in_period(components=components, first=first, last=last, now=now)
    return {code: regulators.meets_line(figure.percent) for code, figure in found.items()}


def australia(*, services: dict[str, Sequence[Component]], quarter: Quarter, now: datetime) -> list[DisclosureRow]:
    """Australia: the quarterly table, one row a service from the components that make it up."""
    everything = {component.code: component for parts in services.values() for component in parts}
    shown = _shown(everything.values(), quarter.first, quarter.last)
    pieces = {service: [piece for part in parts for piece in shown[part.code]] for service, parts in services.items()}
    return regulators.disclosure(pieces, quarter=quarter, zone=zone(), now=now)


def uk(*, quarter: Quarter) -> UkTable:
    """United Kingdom: major incidents reported in the quarter and the last four, by the channels of the services they hit."""
    filings = Filing.objects.filter(code=UK_REPORT, taken_back_at=None)
    reports = [(filing.incident_id, filing.filed_at) for filing in filings if filing.incident_id is not None]
    hit = _channels_hit([incident for incident, _ in reports])
    reported = [ReportedIncident(filed_at, frozenset(hit.get(incident, ()))) for incident, filed_at in reports]
    return regulators.uk_table(reported, quarter=quarter, zone=zone())


def _channels_hit(incidents: Iterable[int]) -> dict[int, set[str]]:
    """What the updates named; where they named none, the channels of the services in trouble."""
    rows = AffectedComponent.objects.filter(update__incident__in=incidents, update__publication=Publication.PUBLISHED)
    troubled = rows.exclude(new_status=ComponentStatus.OPERATIONAL)
    named: dict[int, set[str]] = {}
    implied: dict[int, set[str]] = {}
    for incident, said, theirs in troubled.values_list("update__incident", "update__channels", "component__channels"):
        named.setdefault(incident, set()).update(said)
        implied.setdefault(incident, set()).update(theirs)
    return {incident: channels or implied[incident] for incident, channels in named.items()}
