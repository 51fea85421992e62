"""Pure: a service's intervals -> its row of days: the worst state of each, the days that were not well, one percentage.

The percentage and the overlaps are those of incidents.uptime. A day that was well all through costs nothing here, so that two
hundred services are looked at in the time of a publication.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from incidents import periods, rollup, uptime
from incidents.uptime import NO_DATA, Interval, Rule
from incidents.words import ComponentStatus

LENGTH = 90
TROUBLE = (
    ComponentStatus.MAJOR_OUTAGE.value,
    ComponentStatus.PARTIAL_OUTAGE.value,
    ComponentStatus.DEGRADED_PERFORMANCE.value,
    ComponentStatus.DELAYED.value,
)


@dataclass(frozen=True, slots=True)
class Span:
    """How long a state was shown on one day, in minutes, at least one. `since`: when it began, where it goes on; the minutes
    are 0 then, so that a row says the same until something changes."""

    status: str
    minutes: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BadDay:
    """A day that was not well all through; its spans worst first."""

    day: date
    spans: tuple[Span, ...]

    @property
    def is_trouble(self) -> bool:
        """Something failed, was slow or late; planned work and what nobody could confirm are listed, and not counted."""
        return any(span.status in TROUBLE for span in self.spans)


@dataclass(frozen=True, slots=True)
class Days:
    """A row of days, the oldest first. `worst` has one state a day, "" where there is no data; `bad` the newest first.

    `uptime` is printed, rounded down; None: no data. `known_from` is the first day of which anything is known.
    """

    first: date
    last: date
    worst: tuple[str, ...]
    bad: tuple[BadDay, ...]
    uptime: str | None
    known_from: date | None

    @property
    def troubles(self) -> int:
        return sum(day.is_trouble for day in self.bad)

    @property
    def is_whole(self) -> bool:
        """Is something known of every day?"""
        return self.known_from == self.first


def begin_of(now: datetime, zone: tzinfo, length: int = LENGTH) -> datetime:
    """The midnight at which the row of the last so many days begins."""
    return periods.midnight(periods.local_day(now, zone) - timedelta(days=length - 1), zone)


def row(
    intervals: Sequence[Interval],
    *,
    first: date,
    last: date,
    zone: tzinfo,
    now: datetime,
    rule: Rule,
    history_from: date | None = None,
) -> Days:
    """The days from `first` to `last`, today until now. What lies before `history_from` is not the service's history."""
    start = periods.midnight(first, zone)
    end = min(periods.bounds(last, zone)[1], now)
    if history_from and history_from > first:
        edge = periods.midnight(history_from, zone)
        intervals = [replace(piece, start=max(piece.start, edge)) for piece in intervals if piece.end is None or piece.end > edge]
    tiles = uptime.tile(intervals, start=start, end=end) if start < end else []
    known = [piece for piece in tiles if piece.status != NO_DATA]
    bad = _bad_days(known, zone=zone, now=now)
    known_from = periods.local_day(known[0].start, zone) if known else None
    figure = uptime.figure(tiles, start=start, end=end, now=now, rule=rule) if known else None
    return Days(
        first=first,
        last=last,
        worst=_worst_of_days(first, last, known, bad, zone),
        bad=tuple(sorted(bad, key=lambda one: one.day, reverse=True)),
        uptime=uptime.printed(figure.percent) if figure else None,
        known_from=known_from,
    )


def seconds_by_day(intervals: Sequence[Interval], *, start: datetime, end: datetime, zone: tzinfo) -> dict[date, dict[str, int]]:
    """Of each day that was not well all through: how long each state other than working was shown, in whole seconds."""
    known = [piece for piece in uptime.tile(intervals, start=start, end=end) if piece.status != NO_DATA] if start < end else []
    lengths = _lengths(known, zone)
    return {day: {status: round(span.total_seconds()) for status, span in states.items()} for day, states in lengths.items()}


def worst_by_day(rows: Iterable[Days]) -> list[str]:
    """The worst state of each day over several services, whose rows list the same days; unknown only where nothing else was."""
    worst = []
    for states in zip(*(one.worst for one in rows), strict=True):
        known = [state for state in states if state not in (NO_DATA, ComponentStatus.UNKNOWN)]
        unsure = ComponentStatus.UNKNOWN.value if ComponentStatus.UNKNOWN in states else NO_DATA
        worst.append(rollup.worst(known) if known else unsure)
    return worst


def _bad_days(tiles: Sequence[Interval], *, zone: tzinfo, now: datetime) -> list[BadDay]:
    going_on: tuple[str, datetime] | None = None
    for piece in tiles:
        if piece.status != ComponentStatus.OPERATIONAL and piece.end == now.astimezone(UTC):
            going_on = piece.status, piece.start
    today = periods.local_day(now, zone)
    return [BadDay(day, _spans(states, going_on if day == today else None)) for day, states in _lengths(tiles, zone).items()]


def _lengths(tiles: Sequence[Interval], zone: tzinfo) -> dict[date, dict[str, timedelta]]:
    """How long each state other than working was shown, day by day."""
    lengths: dict[date, dict[str, timedelta]] = {}
    for piece in tiles:
        if piece.status == ComponentStatus.OPERATIONAL or piece.end is None:
            continue
        for day in periods.days(periods.local_day(piece.start, zone), periods.local_day(piece.end, zone)):
            begin, finish = periods.bounds(day, zone)
            span = min(piece.end, finish) - max(piece.start, begin)
            if span > timedelta():
                states = lengths.setdefault(day, {})
                states[piece.status] = states.get(piece.status, timedelta()) + span
    return lengths


def _spans(states: dict[str, timedelta], going_on: tuple[str, datetime] | None) -> tuple[Span, ...]:
    worst_first = sorted(states, key=rollup.WORST_FIRST.index)
    return tuple(
        Span(
            status,
            0 if going_on and going_on[0] == status else max(1, round(states[status] / timedelta(minutes=1))),
            going_on[1] if going_on and going_on[0] == status else None,
        )
        for status in worst_first
    )


def _worst_of_days(first: date, last: date, known: Sequence[Interval], bad: Sequence[BadDay], zone: tzinfo) -> tuple[str, ...]:
    """Of each day: the worst state known; working where the whole day was well; "" where nothing is known."""
    worst = dict.fromkeys(periods.days(first, last), NO_DATA)
    for piece in known:
        if piece.status == ComponentStatus.OPERATIONAL and piece.end:
            last_day = periods.local_day(piece.end - timedelta(microseconds=1), zone)
            for day in periods.days(periods.local_day(piece.start, zone), last_day):
                worst[day] = ComponentStatus.OPERATIONAL
    for one in bad:
        states = [span.status for span in one.spans if span.status != ComponentStatus.UNKNOWN]
        if states:
            worst[one.day] = rollup.worst(states)
        elif worst[one.day] == NO_DATA:
            worst[one.day] = ComponentStatus.UNKNOWN
    return tuple(str(status) for status in worst.values())
