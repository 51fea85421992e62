"""Pure: planned work. Its phases, what falls due by itself (reminders, start, end, overrun), and its recurrence.

Only a window published before it began is planned work; any other is a fault, and may not be called otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice, pairwise

from dateutil.rrule import rrule, rrulestr

from incidents.blockers import Blocker
from incidents.rollup import is_worse
from incidents.words import ComponentStatus

REMIND_BEFORE = (timedelta(hours=24), timedelta(hours=1))
LONGER_BEFORE = timedelta(minutes=10)


class Phase(StrEnum):
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


STEPS: dict[Phase, tuple[Phase, ...]] = {
    Phase.SCHEDULED: (Phase.IN_PROGRESS, Phase.CANCELLED),
    Phase.IN_PROGRESS: (Phase.VERIFYING, Phase.COMPLETED),
    Phase.VERIFYING: (Phase.COMPLETED, Phase.IN_PROGRESS),
    Phase.COMPLETED: (),
    Phase.CANCELLED: (),
}
AT_WORK = (Phase.IN_PROGRESS, Phase.VERIFYING)
OVER = (Phase.COMPLETED, Phase.CANCELLED)


@dataclass(frozen=True, slots=True)
class Window:
    """Planned work from `start` to `end`. `announced_at`: when this start and end became public; None: not yet.

    `expected`: the worst state that a component may show inside it. `automatic_end` False: a person says that it is done.
    """

    start: datetime
    end: datetime
    phase: Phase = Phase.SCHEDULED
    announced_at: datetime | None = None
    finished_at: datetime | None = None
    automatic_start: bool = True
    automatic_end: bool = True
    expected: str = ComponentStatus.PARTIAL_OUTAGE.value

    @property
    def was_announced_beforehand(self) -> bool:
        """May it be called maintenance?"""
        return self.announced_at is not None and self.announced_at < self.start

    @property
    def notice(self) -> timedelta:
        """How long before its start it was announced; zero when it was not, or too late."""
        return max(self.start - self.announced_at, timedelta()) if self.announced_at else timedelta()

    @property
    def is_over(self) -> bool:
        return self.phase in OVER

    def overrun(self, now: datetime) -> timedelta:
        """How long past its end the work went on, or goes on now; a cancelled window has none."""
        if self.phase == Phase.CANCELLED or self.phase == Phase.SCHEDULED:
            return timedelta()
        return max((self.finished_at or now) - self.end, timedelta())


def may_step(before: Phase, after: Phase) -> bool:
    return after in STEPS[before]


def excuses(window: Window, status: str, *, now: datetime) -> bool:
    """Does the window explain this state of a component it names? Not before its start, not from its end on, not worse than it
    expects, and never when it was not announced beforehand, or waits for a person to begin."""
    waits = window.phase == Phase.SCHEDULED and not window.automatic_start
    inside = window.start <= now < window.end and not window.is_over and not waits
    return inside and window.was_announced_beforehand and not is_worse(status, window.expected)


# --- What falls due ------------------------------------------------------------------------------


class Act(StrEnum):
    REMIND = "remind"
    START = "start"
    DRAFT_LONGER = "draft_longer"  # the pre-signed “it takes longer” is laid ready
    COMPLETE = "complete"
    OVERRUN = "overrun"  # an incident opens by itself


@dataclass(frozen=True, slots=True)
class Due:
    """An act that has fallen due, and since when. `key` names it for ever: done once, it is not due again."""

    act: Act
    at: datetime
    key: str


def due(
    window: Window,
    *,
    now: datetime,
    trouble: bool,
    done: Collection[str] = (),
    remind_before: Sequence[timedelta] = REMIND_BEFORE,
) -> list[Due]:
    """What must be done now, oldest first. `trouble`: a component it names does not work yet. `done`: keys of acts already done.

    Of several reminders that were missed only the last is due: two at once would say the same.
    """
    if window.is_over or not window.was_announced_beforehand:
        return []
    found = _reminders(window, now, remind_before) if window.phase == Phase.SCHEDULED and now < window.start else []
    if window.phase == Phase.SCHEDULED and window.automatic_start and window.start <= now:
        found.append(_due(Act.START, window.start, window))
    if window.phase in AT_WORK:
        found += _endings(window, now, trouble)
    return [one for one in found if one.key not in done]


def _reminders(window: Window, now: datetime, remind_before: Sequence[timedelta]) -> list[Due]:
    """Reminders that would come before the announcement are none: the announcement itself was the word."""
    assert window.announced_at is not None
    moments = sorted(window.start - offset for offset in remind_before)
    passed = [moment for moment in moments if window.announced_at < moment <= now]
    return [_due(Act.REMIND, moment, window) for moment in passed[-1:]]


def _endings(window: Window, now: datetime, trouble: bool) -> list[Due]:
    found = []
    before_end = max(window.end - LONGER_BEFORE, window.start)
    if window.phase == Phase.IN_PROGRESS and before_end <= now:
        found.append(_due(Act.DRAFT_LONGER, before_end, window))
    if window.end <= now:
        completes = window.automatic_end and not trouble
        found.append(_due(Act.COMPLETE if completes else Act.OVERRUN, window.end, window))
    return found


def _due(act: Act, at: datetime, window: Window) -> Due:
    """The key holds the moment: after a new date everything is due anew."""
    return Due(act, at, f"{act}:{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}:{window.end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")


# --- What a word may say -------------------------------------------------------------------------


def update_problems(
    before: Window | None, after: Phase, *, dates: tuple[datetime, datetime] | None, now: datetime
) -> list[Blocker]:
    """Why an update cannot go out: its phase does not follow, or its times cannot be announced.

    `before`: the window as last published, None before the first word. `dates`: the start and end that the update announces.
    """
    if before is None:
        if dates is None or after != Phase.SCHEDULED:
            return [
                Blocker("not_announced", "starts_at", "Announce first when it begins and ends: until then it is no planned work.")
            ]
        return date_problems(*dates, now=now)
    if before.is_over:
        return [Blocker("maintenance_over", "status", f"It is {before.phase}: plan a new one.")]
    if dates:
        moved = reschedule(before, start=dates[0], end=dates[1], now=now) if after == Phase.SCHEDULED else [_BEGUN]
        return moved if isinstance(moved, list) else []
    if before.phase != after and not may_step(before.phase, after):
        return [Blocker("phase_order", "status", f"It is {before.phase} and cannot become {after}.")]
    if before.phase == Phase.SCHEDULED and after in AT_WORK and not before.start <= now < before.end:
        return [Blocker("outside_window", "status", "This is not the announced time: announce another one first.")]
    return []


# --- A new date ----------------------------------------------------------------------------------

_BEGUN = Blocker("not_scheduled", "phase", "It has begun or is over: a new date needs a new window.")


def date_problems(start: datetime, end: datetime, *, now: datetime) -> list[Blocker]:
    """Why planned work cannot be announced for these times."""
    found = []
    if start <= now:
        message = "It has begun: planned work is announced before it begins. Open an incident instead."
        found.append(Blocker("start_past", "starts_at", message))
    if end <= start:
        found.append(Blocker("end_before_start", "ends_at", "The end lies before the start."))
    return found


def reschedule(window: Window, *, start: datetime, end: datetime, now: datetime) -> Window | list[Blocker]:
    """The window at its new times, announced now; or why not. The old times stay in the history that the caller keeps."""
    if window.phase != Phase.SCHEDULED:
        return [_BEGUN]
    problems = date_problems(start, end, now=now)
    return problems or replace(window, start=start, end=end, announced_at=now)


# --- Recurrence ----------------------------------------------------------------------------------

_PARTS = {
    "DAILY": {"INTERVAL", "COUNT", "UNTIL", "BYDAY"},
    "WEEKLY": {"INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"},
    "MONTHLY": {"INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYSETPOS"},
    "YEARLY": {"INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS"},
}
_LOOKED_AT = 60  # occurrences compared for overlap


def rule_problems(rule: str, *, start: datetime, length: timedelta, zone: tzinfo) -> list[Blocker]:
    """Why a recurrence (RFC 5545, for example FREQ=WEEKLY;BYDAY=SU) cannot be used; empty: it can.

    Days and times are of the zone's clock. Finer than daily is refused, and so is what would overlap itself.
    """
    if problem := _form_problem(rule):
        return [Blocker("rule_form", "recurrence", problem)]
    try:
        moments = list(islice(_starts(rule, start, zone), _LOOKED_AT))
    except (ValueError, TypeError) as error:
        return [Blocker("rule_form", "recurrence", f"It cannot be read: {error}.")]
    if not moments:
        return [Blocker("rule_never", "recurrence", "It never comes about.")]
    if any(later - earlier < length for earlier, later in pairwise(moments)):
        return [Blocker("rule_overlaps", "recurrence", "The next one would begin before this one ends.")]
    return []


def _form_problem(rule: str) -> str:
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    allowed = _PARTS.get(parts.get("FREQ", ""))
    if allowed is None or not re.fullmatch(r"[A-Z0-9=;,+\-]+", rule):
        return "Write it like FREQ=WEEKLY;BYDAY=SU; FREQ is DAILY, WEEKLY, MONTHLY or YEARLY."
    if unknown := sorted(set(parts) - allowed - {"FREQ"}):
        return f"{', '.join(unknown)} cannot be used with {parts['FREQ']}."
    if not 1 <= _number(parts.get("INTERVAL", "1")) <= 366:
        return "INTERVAL is from 1 to 366."
    if parts.get("UNTIL", "").endswith("Z"):
        return "UNTIL is a day or time of the page's own clock: leave out the Z."
    return ""


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _starts(rule: str, start: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Every start in UTC. Counted on the wall clock, so that 01:00 stays 01:00 when summer time begins."""
    parsed = rrulestr(rule, dtstart=start.astimezone(zone).replace(tzinfo=None))
    assert isinstance(parsed, rrule)
    return (moment.replace(tzinfo=zone).astimezone(UTC) for moment in parsed)


def occurrences(
    rule: str, *, start: datetime, length: timedelta, zone: tzinfo, after: datetime, limit: int = 10
) -> list[tuple[datetime, datetime]]:
    """The next windows (start, end) that begin after a moment, in UTC; fewer than `limit` when the rule ends.

    The rule must have passed `rule_problems`.
    """
    following = (moment for moment in _starts(rule, start, zone) if moment > after)
    return [(moment, moment + length) for moment in islice(following, limit)]
