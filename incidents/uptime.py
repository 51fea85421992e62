"""Pure: intervals of shown status -> seconds of each state, and a percentage by a rule that is printed beside it.

What nobody knows is no data, never 100 %. Percentages are rounded down: 99.996 is never shown as 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import pairwise

from incidents import periods
from incidents.rollup import is_worse
from incidents.words import ComponentStatus

NO_DATA = ""
DOWN = (ComponentStatus.MAJOR_OUTAGE.value, ComponentStatus.PARTIAL_OUTAGE.value)
_NOT_KNOWN = (NO_DATA, ComponentStatus.UNKNOWN.value)
_SIX_PLACES = Decimal("0.000001")
_ALL = Decimal("100.000000")


@dataclass(frozen=True, slots=True)
class Interval:
    """A component showed `status` from `start` until `end` (None: still). `planned`: inside a window published beforehand.

    Status "" is no data. Under maintenance is always planned: the word is refused without such a window.
    """

    status: str
    start: datetime
    end: datetime | None = None
    planned: bool = False

    @property
    def is_planned(self) -> bool:
        return self.planned or self.status == ComponentStatus.UNDER_MAINTENANCE


# --- The rule ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """How much of a second each state loses: 1 all of it, 0 nothing. `planned` is what a second of announced work loses.

    Seconds without data, or in which we could not confirm, are left out of the sum.
    """

    code: str
    major: Decimal
    partial: Decimal
    planned: Decimal = Decimal(0)

    @property
    def sentence(self) -> dict[str, str]:
        """The rule in words, to be printed beside every figure made by it."""
        return {language: template.format(**self._values(language)) for language, template in _SENTENCES.items()}

    def weight(self, status: str, *, planned: bool) -> Decimal:
        """What a second of the state loses. A window excuses announced work and an outage inside it."""
        if planned:
            return self.planned if status in (*DOWN, ComponentStatus.UNDER_MAINTENANCE) else Decimal(0)
        return {DOWN[0]: self.major, DOWN[1]: self.partial}.get(status, Decimal(0))

    def _values(self, language: str) -> dict[str, str]:
        return {
            "major": _percent_word(self.major, language),
            "partial": _percent_word(self.partial, language),
            "planned": _PLANNED[language][bool(self.planned)].format(_percent_word(self.planned, language)),
        }


_SENTENCES = {
    "en": "Uptime is the share of time in which the service worked. Each minute of “Not working” is lost {major}, each minute "
    "of “Not working for some” {partial}. {planned} Slow and delayed minutes count as worked and are listed beside it. Time in "
    "which we could not confirm is left out. Rounded down.",
    "sw": "Upatikanaji ni sehemu ya muda ambao huduma ilifanya kazi. Kila dakika ya “Haipatikani” inahesabiwa kupotea {major}, "
    "kila dakika ya “Haipatikani kwa baadhi ya wateja” {partial}. {planned} Dakika za kuchelewa na za kufanya kazi polepole "
    "zinahesabiwa kuwa za kazi na zimeorodheshwa kando. Muda ambao hatukuweza kuthibitisha hauhesabiwi. Imekadiriwa chini.",
}
_PLANNED = {
    "en": ("Planned work that was announced beforehand counts as worked.", "Each minute of planned work is lost {}."),
    "sw": (
        "Matengenezo yaliyotangazwa mapema yanahesabiwa kuwa muda wa kazi.",
        "Kila dakika ya matengenezo yaliyopangwa inahesabiwa kupotea {}.",
    ),
}


def _percent_word(weight: Decimal, language: str) -> str:
    if weight == 1:
        return {"sw": "yote"}.get(language, "in full")
    share = f"{(weight * 100).normalize():f}"
    return f"kwa asilimia {share}" if language == "sw" else f"by {share} %"


# Statuspage's weighting, and our default.
STATUSPAGE = Rule("statuspage", major=Decimal(1), partial=Decimal("0.3"))
# Every second of an outage counts, partial or not: what supervisors ask for.
FULL = Rule("full", major=Decimal(1), partial=Decimal(1))
# The same, planned work counted as lost too.
FULL_WITH_PLANNED = Rule("full_with_planned", major=Decimal(1), partial=Decimal(1), planned=Decimal(1))
RULES = {rule.code: rule for rule in (STATUSPAGE, FULL, FULL_WITH_PLANNED)}


# --- What was shown ------------------------------------------------------------------------------


def tile(intervals: Iterable[Interval], *, start: datetime, end: datetime) -> list[Interval]:
    """The period without gap or overlap: the worst where several overlap, no data where there is none.

    Times come out in UTC: in a zone with summer time, clock differences are not lengths.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    pieces = [cut for item in intervals if (cut := _cut(item, start, end))]
    edges = sorted({start, end, *(piece.start for piece in pieces), *(_end(piece) for piece in pieces)})
    starting = sorted(pieces, key=lambda piece: piece.start)
    live: list[Interval] = []
    tiles: list[Interval] = []
    place = 0
    for begin, finish in pairwise(edges):
        while place < len(starting) and starting[place].start <= begin:
            live.append(starting[place])
            place += 1
        live = [piece for piece in live if _end(piece) > begin]
        shown = _worst_of(live)
        _extend(tiles, Interval(shown.status, begin, finish, shown.is_planned) if shown else Interval(NO_DATA, begin, finish))
    return tiles


def _end(piece: Interval) -> datetime:
    assert piece.end is not None
    return piece.end


def _cut(item: Interval, start: datetime, end: datetime) -> Interval | None:
    begin = max(item.start.astimezone(UTC), start)
    finish = min(item.end.astimezone(UTC) if item.end else end, end)
    return Interval(item.status, begin, finish, item.is_planned) if begin < finish else None


def _worst_of(pieces: Sequence[Interval]) -> Interval | None:
    """The worst; of two equally bad the unplanned one, so that a window hides nothing."""
    worst: Interval | None = None
    for piece in pieces:
        if worst is None or _outranks(piece, worst):
            worst = piece
    return worst


def _outranks(piece: Interval, other: Interval) -> bool:
    if piece.status == other.status:
        return other.is_planned and not piece.is_planned
    if NO_DATA in (piece.status, other.status):
        return other.status == NO_DATA
    return is_worse(piece.status, other.status)


def _extend(tiles: list[Interval], piece: Interval) -> None:
    last = tiles[-1] if tiles else None
    if last and (last.status, last.planned) == (piece.status, piece.planned):
        tiles[-1] = Interval(last.status, last.start, piece.end, last.planned)
    else:
        tiles.append(piece)


@dataclass(frozen=True, slots=True)
class Tally:
    """How long each state was shown; planned and unplanned apart. All of it together is the period's length."""

    unplanned: Mapping[str, timedelta] = field(default_factory=dict)
    planned: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def length(self) -> timedelta:
        return sum([*self.unplanned.values(), *self.planned.values()], timedelta())

    @property
    def known(self) -> timedelta:
        """The part in which we knew what was shown."""
        return self.length - sum((self.of(status) for status in _NOT_KNOWN), timedelta())

    def of(self, status: str) -> timedelta:
        """How long the state was shown, planned or not."""
        return self.unplanned.get(status, timedelta()) + self.planned.get(status, timedelta())

    @property
    def down(self) -> timedelta:
        """Unplanned, not working at all or for some."""
        return sum((self.unplanned.get(status, timedelta()) for status in DOWN), timedelta())

    @property
    def planned_down(self) -> timedelta:
        """Announced work, and what did not work inside its window."""
        at_work = (*DOWN, ComponentStatus.UNDER_MAINTENANCE.value)
        return sum((self.planned.get(status, timedelta()) for status in at_work), timedelta())

    @property
    def delayed(self) -> timedelta:
        return self.of(ComponentStatus.DELAYED)

    @property
    def degraded(self) -> timedelta:
        return self.of(ComponentStatus.DEGRADED_PERFORMANCE)

    @property
    def not_known(self) -> timedelta:
        return self.length - self.known


def tally(intervals: Iterable[Interval], *, start: datetime, end: datetime) -> Tally:
    """How long each state was shown between two moments."""
    sums: tuple[dict[str, timedelta], dict[str, timedelta]] = ({}, {})
    for piece in tile(intervals, start=start, end=end):
        into = sums[piece.is_planned]
        into[piece.status] = into.get(piece.status, timedelta()) + (_end(piece) - piece.start)
    return Tally(unplanned=sums[False], planned=sums[True])


def merge(tallies: Iterable[Tally]) -> Tally:
    """Several components' or days' time added up."""
    sums: tuple[dict[str, timedelta], dict[str, timedelta]] = ({}, {})
    for one in tallies:
        for into, spans in zip(sums, (one.unplanned, one.planned), strict=True):
            for status, span in spans.items():
                into[status] = into.get(status, timedelta()) + span
    return Tally(unplanned=sums[0], planned=sums[1])


# --- Percentages ---------------------------------------------------------------------------------


def percent(of: Tally, rule: Rule = STATUSPAGE) -> Decimal | None:
    """Uptime in percent to six places, rounded down; None where nothing is known."""
    known = of.known
    if not known:
        return None
    lost = [*_losses(of.unplanned, rule, planned=False), *_losses(of.planned, rule, planned=True)]
    return as_percent(1 - sum(lost, Fraction()) / _microseconds(known)) if lost else _ALL


def _losses(spans: Mapping[str, timedelta], rule: Rule, *, planned: bool) -> Iterator[Fraction]:
    """Microseconds lost, for each state that loses anything."""
    for status, span in spans.items():
        weight = rule.weight(status, planned=planned)
        if weight:
            yield Fraction(weight) * _microseconds(span)


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def as_percent(share: Fraction) -> Decimal:
    """A share of 1 in percent, to six places, rounded down."""
    return _floor(100 * share)


def _floor(value: Fraction) -> Decimal:
    return (Decimal(value.numerator * 10**6 // value.denominator) / 10**6).quantize(_SIX_PLACES)


def mean(percents: Iterable[Decimal | None]) -> Decimal | None:
    """The mean of those that are known, rounded down; None when none is. A group is the mean of its components."""
    known = [Fraction(value) for value in percents if value is not None]
    return _floor(sum(known, Fraction()) / len(known)) if known else None


def printed(value: Decimal | None, *, places: int = 2) -> str | None:
    """For people: 99.98; rounded down, so 100.00 only where nothing was lost. None stays None: no data."""
    return None if value is None else str(value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR))


# --- Days and periods ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """A period's figure. `percent` None: no data. `with_planned` is what it would be were planned work counted as lost."""

    tally: Tally
    percent: Decimal | None
    with_planned: Decimal | None
    worst: str

    @property
    def has_data(self) -> bool:
        return self.percent is not None


@dataclass(frozen=True, slots=True)
class DayFigure(Figure):
    day: date


def figure(intervals: Iterable[Interval], *, start: datetime, end: datetime, now: datetime, rule: Rule = STATUSPAGE) -> Figure:
    """Any period; what lies after `now` is not part of it."""
    end = min(end, now)
    pieces = tile(intervals, start=start, end=end) if start < end else []
    return _figure_of(tally(pieces, start=start, end=end) if pieces else Tally(), pieces, rule)


def _figure_of(sums: Tally, pieces: Sequence[Interval], rule: Rule) -> Figure:
    excused = percent(sums, rule)
    counted = percent(sums, replace(rule, planned=Decimal(1))) if sums.planned else excused
    return Figure(tally=sums, percent=excused, with_planned=counted, worst=_worst_shown(pieces))


def _worst_shown(pieces: Sequence[Interval]) -> str:
    """The worst known state; unknown where nothing else was; no data where there was nothing."""
    known = _worst_of([piece for piece in pieces if piece.status not in _NOT_KNOWN])
    rest = known or _worst_of(pieces)
    return rest.status if rest else NO_DATA


def by_day(
    intervals: Sequence[Interval], *, first: date, last: date, zone: tzinfo, now: datetime, rule: Rule = STATUSPAGE
) -> list[DayFigure]:
    """One figure a day, from midnight to midnight in the zone. A day that has not begun has no data."""
    start, end = periods.midnight(first, zone), periods.bounds(last, zone)[1]
    pieces = tile(intervals, start=start, end=min(end, now)) if start < min(end, now) else []
    figures, place = [], 0
    for day in periods.days(first, last):
        begin, finish = periods.bounds(day, zone)
        while place < len(pieces) and _end(pieces[place]) <= begin:
            place += 1
        one = figure(_from(pieces, place, until=finish), start=begin, end=finish, now=now, rule=rule)
        figures.append(DayFigure(one.tally, one.percent, one.with_planned, one.worst, day))
    return figures


def _from(pieces: Sequence[Interval], place: int, *, until: datetime) -> Iterator[Interval]:
    """The pieces from this place on that begin before `until`."""
    for number in range(place, len(pieces)):
        if pieces[number].start >= until:
            return
        yield pieces[number]


def last_days(
    intervals: Sequence[Interval], *, zone: tzinfo, now: datetime, days: int = 90, rule: Rule = STATUSPAGE
) -> list[DayFigure]:
    """Today and the days before it, oldest first; today until now."""
    today = periods.local_day(now, zone)
    return by_day(intervals, first=today - timedelta(days=days - 1), last=today, zone=zone, now=now, rule=rule)


def whole(figures: Sequence[Figure], rule: Rule = STATUSPAGE) -> Figure:
    """Several days of one component as one period: each second counts the same, so a day half known weighs half."""
    sums = merge(one.tally for one in figures)
    worst = [Interval(one.worst, datetime.min.replace(tzinfo=UTC)) for one in figures]
    return _figure_of(sums, worst, rule)


def group(members: Sequence[Figure]) -> Figure:
    """Several components in one period: the mean of those with data; the time of all added up (component-minutes)."""
    worst = [Interval(one.worst, datetime.min.replace(tzinfo=UTC)) for one in members]
    return Figure(
        tally=merge(one.tally for one in members),
        percent=mean(one.percent for one in members),
        with_planned=mean(one.with_planned for one in members),
        worst=_worst_shown(worst),
    )


def group_by_day(members: Sequence[Sequence[DayFigure]]) -> list[DayFigure]:
    """A group's days from its components' days; each member must list the same days."""
    grouped = []
    for same_day in zip(*members, strict=True):
        one = group(same_day)
        grouped.append(DayFigure(one.tally, one.percent, one.with_planned, one.worst, same_day[0].day))
    return grouped
