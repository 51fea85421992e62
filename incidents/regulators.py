"""Pure: availability figures as supervisors define them. Each is an aid to a filing that a person makes.

European Union (EBA guidelines of 2018 under the payment services rules), Singapore (MAS), Ghana (Act 987), Australia (RBA),
United Kingdom (FCA). The definition stands in each docstring; where a definition was read only second-hand, it says so.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from dateutil.relativedelta import relativedelta

from incidents import periods, uptime
from incidents.periods import Quarter
from incidents.uptime import DOWN, Interval, Tally


@dataclass(frozen=True, slots=True)
class Outage:
    """A run in which a service did not work, at all or for some; `end` is the end of what was looked at when it goes on."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def outages(intervals: Iterable[Interval], *, start: datetime, end: datetime, planned: bool = False) -> list[Outage]:
    """The outages of a period, joined where they touch; with `planned`, announced work and what failed in it count too."""
    found: list[Outage] = []
    for piece in uptime.tile(intervals, start=start, end=end) if start < end else []:
        assert piece.end is not None
        if not _is_down(piece, planned):
            continue
        if found and found[-1].end == piece.start:
            found[-1] = Outage(found[-1].start, piece.end)
        else:
            found.append(Outage(piece.start, piece.end))
    return found


def _is_down(piece: Interval, planned: bool) -> bool:
    if piece.is_planned:
        return planned and (piece.status in DOWN or piece.status == "under_maintenance")
    return piece.status in DOWN


# --- European Union: daily statistics, published by quarter --------------------------------------

SECONDS_A_DAY = 86_400
UNANSWERED_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class EbaDay:
    """Percentages of 86,400 seconds; None: no data."""

    day: date
    down_seconds: int
    planned_seconds: int
    downtime: Decimal | None
    uptime: Decimal | None


@dataclass(frozen=True, slots=True)
class EbaQuarter:
    """The mean of the days with data, and how many had none."""

    quarter: Quarter
    days: tuple[EbaDay, ...]
    uptime: Decimal | None
    downtime: Decimal | None
    days_without_data: int


def eba_day(*, day: date, tally: Tally, planned_counts: bool = True) -> EbaDay:
    """Downtime is the seconds a day's interface was down, midnight to midnight, over 86,400.

    Planned downtime counts, unless the deployment's supervisor says otherwise. A day on which the clock is set back has more
    seconds; its downtime stops at 100.
    """
    down, planned = round(tally.down.total_seconds()), round(tally.planned_down.total_seconds())
    if not tally.known:
        return EbaDay(day, down, planned, None, None)
    lost = min(Fraction(down + (planned if planned_counts else 0), SECONDS_A_DAY), Fraction(1))
    up = uptime.as_percent(1 - lost)
    return EbaDay(day, down, planned, 100 - up, up)


def eba_quarter(
    intervals: Sequence[Interval], *, quarter: Quarter, zone: tzinfo, now: datetime, planned_counts: bool = True
) -> EbaQuarter:
    """Every day of a quarter, and their mean."""
    figures = uptime.by_day(intervals, first=quarter.first, last=quarter.last, zone=zone, now=now)
    days = tuple(eba_day(day=one.day, tally=one.tally, planned_counts=planned_counts) for one in figures)
    up = uptime.mean(day.uptime for day in days)
    return EbaQuarter(
        quarter=quarter,
        days=days,
        uptime=up,
        downtime=None if up is None else 100 - up,
        days_without_data=sum(day.uptime is None for day in days),
    )


def eba_csv(quarters: Mapping[str, EbaQuarter]) -> str:
    """One line a service and day; empty cells where there is no data."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(["service", "day", "uptime_percent", "downtime_percent", "down_seconds", "planned_seconds"])
    for service, quarter in quarters.items():
        for day in quarter.days:
            percents = ["" if day.uptime is None else str(day.uptime), "" if day.downtime is None else str(day.downtime)]
            writer.writerow([service, day.day.isoformat(), *percents, day.down_seconds, day.planned_seconds])
    return written.getvalue()


def down_by_unanswered(answers: Sequence[tuple[datetime, bool]], *, in_a_row: int = UNANSWERED_IN_A_ROW) -> list[Interval]:
    """Requests as (sent at, answered within 30 s), oldest first -> when the interface counts as down.

    Down from the first of five consecutive requests without an answer until the next that is answered.
    """
    found: list[Interval] = []
    missed: list[datetime] = []
    for sent_at, answered in answers:
        if not answered:
            missed.append(sent_at)
            continue
        if len(missed) >= in_a_row:
            found.append(Interval(DOWN[0], missed[0], sent_at))
        missed = []
    if len(missed) >= in_a_row:
        found.append(Interval(DOWN[0], missed[0]))
    return found


# --- Singapore: unscheduled downtime in any 12 months --------------------------------------------

MAS_BUDGET = timedelta(hours=4)
MAS_RECOVERY = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class MasBudget:
    """`used` in the 12 months before the moment asked about; `most_used` in any 12 months that were looked at."""

    used: timedelta
    left: timedelta
    most_used: timedelta
    most_used_until: datetime | None
    longest: timedelta

    @property
    def is_exceeded(self) -> bool:
        return self.most_used > MAS_BUDGET

    @property
    def was_restored_in_time(self) -> bool:
        return self.longest <= MAS_RECOVERY


def mas_budget(intervals: Sequence[Interval], *, since: datetime, now: datetime) -> MasBudget:
    """Unscheduled downtime of a critical system must not pass 4 hours in any 12 months; each recovery within 4 hours.

    `since` is the oldest moment to look at. The fullest 12 months end with an outage, so those ends are tried.
    """
    found = outages(intervals, start=since, end=now)
    down_until = _down_until(found)
    totals = [(down_until(one.end) - down_until(periods.months_before(one.end, 12)), one.end) for one in found]
    used = down_until(now) - down_until(periods.months_before(now, 12))
    most_used, until = max(totals, default=(timedelta(), None), key=lambda total: total[0])
    return MasBudget(
        used=used,
        left=max(MAS_BUDGET - used, timedelta()),
        most_used=most_used,
        most_used_until=until,
        longest=max((one.length for one in found), default=timedelta()),
    )


def _down_until(found: Sequence[Outage]) -> Callable[[datetime], timedelta]:
    """A function: how much of the outages, which follow one another, lies before a moment."""
    starts = [one.start for one in found]
    before = list(accumulate((one.length for one in found), initial=timedelta()))

    def down_until(moment: datetime) -> timedelta:
        begun = bisect_right(starts, moment)
        if not begun:
            return timedelta()
        last = found[begun - 1]
        return before[begun - 1] + min(moment - last.start, last.length)

    return down_until


# --- Ghana: the 99.5 % line ----------------------------------------------------------------------

GHANA_LINE = Decimal("99.5")


def meets_line(percent: Decimal | None, line: Decimal = GHANA_LINE) -> bool | None:
    """Electronic money must be available at least 99.5 % of the time; None: no data, which is neither."""
    return None if percent is None else percent >= line


def downtime_allowed(length: timedelta, line: Decimal = GHANA_LINE) -> timedelta:
    """How much of a period may be lost with the line still met: 3 h 36 min of 30 days at 99.5 %."""
    return length * Fraction(100 - line).numerator // (100 * Fraction(100 - line).denominator)


# --- Australia: the quarterly disclosure ----------------------------------------------------------

# The services each provider reports on, in the disclosure's order.
AUSTRALIAN_SERVICES = (
    "ATMs",
    "Branches",
    "Cardholder payments",
    "Card acceptance",
    "Online banking",
    "Fast transfers",
    "Next-day transfers",
)


@dataclass(frozen=True, slots=True)
class DisclosureRow:
    """A service in a quarter: unplanned outages, their time, and availability in percent; None: no data."""

    service: str
    outages: int
    duration: timedelta
    availability: Decimal | None


def disclosure(
    services: Mapping[str, Sequence[Interval]],
    *,
    quarter: Quarter,
    zone: tzinfo,
    now: datetime,
    at_least: timedelta = timedelta(),
) -> list[DisclosureRow]:
    """The quarterly table: one row a service, from the intervals of all components that make it up.

    `at_least` leaves out outages shorter than what counts as significant; which threshold applies was not read first-hand, so it
    is the deployment's to set.
    """
    start, end = quarter.bounds(zone)
    return [_disclosure_row(service, pieces, start, min(end, now), at_least) for service, pieces in services.items()]


def _disclosure_row(
    service: str, pieces: Sequence[Interval], start: datetime, end: datetime, at_least: timedelta
) -> DisclosureRow:
    if start >= end:
        return DisclosureRow(service, 0, timedelta(), None)
    found = [one for one in outages(pieces, start=start, end=end) if one.length >= at_least]
    duration = sum((one.length for one in found), timedelta())
    known = uptime.tally(pieces, start=start, end=end).known
    share = 1 - Fraction(duration // timedelta(microseconds=1), known // timedelta(microseconds=1)) if known else None
    return DisclosureRow(service, len(found), duration, None if share is None else uptime.as_percent(share))


def disclosure_due(quarter: Quarter) -> date:
    """The 15th of the second month after the quarter's end."""
    return (quarter.last + relativedelta(months=2)).replace(day=15)


# --- United Kingdom: major incidents by channel ---------------------------------------------------

UK_CHANNELS = ("telephone", "mobile", "internet")
# How our channels read there. A menu dialled from a mobile phone is mobile banking; voice lines are telephone banking.
UK_CHANNEL_OF = {"app": "mobile", "ussd": "mobile", "sim": "mobile", "web": "internet", "api": "internet", "voice": "telephone"}


@dataclass(frozen=True, slots=True)
class ReportedIncident:
    """A major incident: when its first report was filed, and the channels it hit (ours, see UK_CHANNEL_OF)."""

    reported_at: datetime
    channels: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """Of one quarter, or of it and the three before; an incident that hit two channels counts in both, once in `total`."""

    total: int
    telephone: int
    mobile: int
    internet: int


@dataclass(frozen=True, slots=True)
class UkTable:
    quarter: ChannelCount
    four_quarters: ChannelCount


def uk_table(
    incidents: Iterable[ReportedIncident],
    *,
    quarter: Quarter,
    zone: tzinfo,
    channel_of: Mapping[str, str] = UK_CHANNEL_OF,
) -> UkTable:
    """The number of major incidents reported in the quarter and in the last four, in all and by channel."""
    reported = [(Quarter.of(periods.local_day(one.reported_at, zone)), one.channels) for one in incidents]
    in_quarter = [channels for when, channels in reported if when == quarter]
    in_four = [channels for when, channels in reported if quarter.earlier(3) <= when <= quarter]
    return UkTable(quarter=_count(in_quarter, channel_of), four_quarters=_count(in_four, channel_of))


def _count(hits: Sequence[frozenset[str]], channel_of: Mapping[str, str]) -> ChannelCount:
    named = [{channel_of.get(channel, "") for channel in channels} for channels in hits]
    by_channel = {channel: sum(channel in one for one in named) for channel in UK_CHANNELS}
    return ChannelCount(total=len(hits), **by_channel)


# --- Is it major? ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MajorThresholds:
    """From when an incident counts as major; any one is enough. The defaults are those quoted for payment incidents in Europe
    (more than 10 % of transactions, 5,000 users, 2 hours); a deployment sets its own."""

    share_of_transactions: Decimal = Decimal(10)
    users: int = 5_000
    length: timedelta = timedelta(hours=2)


def major_criteria(
    *,
    share_of_transactions: Decimal | None,
    users: int | None,
    length: timedelta | None,
    thresholds: MajorThresholds | None = None,
) -> list[str]:
    """Which thresholds are passed: transactions, users, length. None: not known, which passes nothing. A person classifies."""
    limit = thresholds or MajorThresholds()
    passed = {
        "transactions": share_of_transactions is not None and share_of_transactions > limit.share_of_transactions,
        "users": users is not None and users > limit.users,
        "length": length is not None and length > limit.length,
    }
    return [name for name, is_passed in passed.items() if is_passed]
