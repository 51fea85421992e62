"""Pure: when to try again, and when to stop trying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

LEASE = timedelta(minutes=5)  # a sender that has not answered by then is taken for dead
NEWS_IN_VAIN, DAYS_IN_VAIN = 3, timedelta(days=3)  # a webhook that took none of so much for so long is given up
SPREAD = 0.2  # what was asked to come back at one time does not come back all at once


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often one delivery is tried, and how long after it was first due.

    `pauses`: after the first failure, the second, and so on; what passes is by lot between `least` and `most` times that.
    """

    attempts: int
    give_up_after: timedelta
    pauses: tuple[timedelta, ...]
    least: float
    most: float


# Read by people: older news is no news. Full jitter, 30 s doubled up to 30 min: what failed together does not come back together.
FOR_PEOPLE = Schedule(
    attempts=8,
    give_up_after=timedelta(hours=6),
    pauses=tuple(min(timedelta(seconds=30) * 2**n, timedelta(minutes=30)) for n in range(7)),
    least=0.0,
    most=1.0,
)
# Read by programs, which catch up: the schedule that the Standard Webhooks specification gives. It spans 76 to 91 hours.
FOR_PROGRAMS = Schedule(
    attempts=10,
    give_up_after=timedelta(hours=96),
    pauses=(
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
    ),
    least=1.0,
    most=1 + SPREAD,
)
OF_CHANNELS: Mapping[str, Schedule] = {"webhook": FOR_PROGRAMS}  # all others: FOR_PEOPLE


def schedule_of(channel: str) -> Schedule:
    return OF_CHANNELS.get(channel, FOR_PEOPLE)


def retry_at(
    *, attempt: int, now: datetime, chance: float, asked: float | None = None, schedule: Schedule = FOR_PEOPLE
) -> datetime:
    """When to try again after the failure of this attempt (1 for the first); `chance` (0 to 1) is drawn by the caller.

    `asked`: seconds the other side wants us to wait; never sooner than that, and up to a fifth later.
    """
    if asked is not None:
        return now + timedelta(seconds=max(0.0, asked) * (1 + SPREAD * chance))
    pause = schedule.pauses[min(max(1, attempt), len(schedule.pauses)) - 1]
    return now + pause * (schedule.least + (schedule.most - schedule.least) * chance)


def is_given_up(*, in_vain: int, since: datetime | None, now: datetime) -> bool:
    """Has a webhook failed so often and for so long that it is ended?

    `in_vain`: pieces of news in a row of which it took none, at any try; `since`: when the first of them was due. Days, since a
    bad night of ours may well be one of theirs.
    """
    return in_vain >= NEWS_IN_VAIN and since is not None and now - since >= DAYS_IN_VAIN
