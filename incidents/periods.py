"""Pure: days, quarters and months in a place's own time, from midnight to midnight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.relativedelta import relativedelta


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment a day begins in the zone, in UTC, so that differences are true lengths: a day may have 23 or 25 hours."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """From midnight to the next midnight."""
    return midnight(day, zone), midnight(day + timedelta(days=1), zone)


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def local_day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time of day so many calendar months earlier, or the month's last day where there is none such."""
    return moment - relativedelta(months=months)


def months_after(moment: datetime, months: int) -> datetime:
    return moment + relativedelta(months=months)


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter, 1 to 4."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> Quarter:
        return cls(day.year, (day.month - 1) // 3 + 1)

    @property
    def first(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        return self.first + relativedelta(months=3, days=-1)

    def earlier(self, quarters: int = 1) -> Quarter:
        return Quarter.of(self.first - relativedelta(months=3 * quarters))

    def bounds(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """From the first midnight to the one after the last day."""
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"
