"""The past by quarter, as /history.json gives it: each problem with its last words, filed under the month in which it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dateutil.relativedelta import relativedelta
from django.db.models import OuterRef, Q, Subquery

from incidents import periods
from incidents.facts import Text
from incidents.languages import to_read
from incidents.models import Incident, IncidentUpdate
from incidents.periods import Quarter
from incidents.words import IncidentStatus
from statuspage import clock_words, reading


@dataclass(frozen=True, slots=True)
class Past:
    """A published problem. `ended_at` None: it is open."""

    public_id: str
    name: Text
    last_words: Text
    impact: str
    began_at: datetime
    ended_at: datetime | None

    @property
    def filed_at(self) -> datetime:
        """The moment whose month lists it."""
        return self.ended_at or self.began_at


@dataclass(frozen=True, slots=True)
class QuarterMonth:
    first: date
    problems: tuple[Past, ...]  # newest first


@dataclass(frozen=True, slots=True)
class QuarterPage:
    """A calendar quarter of the page's own zone; of the running one the months that have begun."""

    quarter: Quarter
    months: tuple[QuarterMonth, ...]  # newest first


def running(now: datetime) -> Quarter:
    return Quarter.of(now.astimezone(clock_words.zone()).date())


def page_number(quarter: Quarter, now: datetime) -> int:
    """1 is the running quarter, 2 the one before it."""
    this = running(now)
    return 4 * (this.year - quarter.year) + this.number - quarter.number + 1


def quarters() -> set[Quarter]:
    """Those under which published incidents are filed."""
    zone = clock_words.zone()
    rows = Incident.objects.published().values_list("status", "started_at", "resolved_at")
    return {Quarter.of(filed_at(*row).astimezone(zone).date()) for row in rows}


def filed_at(status: str, began_at: datetime, ended_at: datetime | None) -> datetime:
    """The moment whose month lists a problem: its end, or its beginning while it is open."""
    return ended_at if ended_at and status in IncidentStatus.closed() else began_at


def build_quarter(quarter: Quarter, *, now: datetime) -> QuarterPage:
    """In three queries, however many problems there were."""
    zone = clock_words.zone()
    start, end = quarter.bounds(zone)
    begun, ended = (Q(**{f"{field}__gte": start, f"{field}__lt": end}) for field in ("started_at", "resolved_at"))
    is_over = Q(status__in=IncidentStatus.closed(), resolved_at__isnull=False)
    said = IncidentUpdate.objects.published().filter(incident=OuterRef("pk"))
    rows = Incident.objects.published().filter(merged_into=None, withdrawn_at=None).filter(is_over & ended | ~is_over & begun)
    found: list[Any] = list(rows.annotate(newest=Subquery(said.values("pk")[:1])).defer("evidence"))
    words = reading.bodies([row.newest for row in found])
    problems = [_past(row, to_read(words.get(row.newest) or row.name)) for row in found]
    problems.sort(key=lambda one: one.filed_at, reverse=True)
    today = now.astimezone(zone).date()
    firsts = [first for number in (2, 1, 0) if (first := quarter.first + relativedelta(months=number)) <= today]
    months = [tuple(one for one in problems if periods.local_day(one.filed_at, zone).replace(day=1) == first) for first in firsts]
    return QuarterPage(quarter, tuple(map(QuarterMonth, firsts, months)))


def _past(row: Incident, words: Text) -> Past:
    ended = row.resolved_at if row.status in IncidentStatus.closed() else None
    return Past(row.public_id, to_read(row.name), words, row.impact, row.started_at, ended)
