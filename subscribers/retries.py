"""Pure: when to try again, and when to stop trying."""

from __future__ import annotations

from datetime import datetime, timedelta

LEASE = timedelta(minutes=5)  # a sender that has not answered by then is taken for dead
ATTEMPTS = 8
GIVE_UP_AFTER = timedelta(hours=6)  # older news is no news
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=30)
NEWS_IN_VAIN, DAYS_IN_VAIN = 3, timedelta(days=3)  # a webhook that took none of so much for so long is given up
SPREAD = 0.2  # what was asked to come back at one time does not come back all at once


def retry_at(*, attempt: int, now: datetime, chance: float, asked: float | None = None) -> datetime:
    """Full jitter: `chance` (0 to 1) of 30 s x 2^n, at most 30 min, so that what failed together does not come back together.

    `asked`: seconds the other side wants us to wait; never sooner than that, and up to a fifth later.
    """
    if asked is not None:
        return now + timedelta(seconds=max(0.0, asked) * (1 + SPREAD * chance))
    pause: timedelta = min(FIRST_PAUSE * (1 << max(0, attempt - 1)), LONGEST_PAUSE)
    return now + pause * chance


def is_given_up(*, in_vain: int, since: datetime | None, now: datetime) -> bool:
    """Has a webhook failed so often and for so long that it is ended?

    `in_vain`: pieces of news in a row of which it took none, at any try; `since`: when the first of them was due. Days, since a
    bad night of ours may well be one of theirs.
    """
    return in_vain >= NEWS_IN_VAIN and since is not None and now - since >= DAYS_IN_VAIN
