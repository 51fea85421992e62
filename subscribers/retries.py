"""Pure: when to try again, and when to stop trying."""

from __future__ import annotations

from datetime import datetime, timedelta

LEASE = timedelta(minutes=5)  # a sender that has not answered by then is taken for dead
ATTEMPTS = 8
GIVE_UP_AFTER = timedelta(hours=6)  # older news is no news
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=30)
SPREAD = 0.2  # what was asked to come back at one time does not come back all at once


def retry_at(*, attempt: int, now: datetime, chance: float, asked: float | None = None) -> datetime:
    """Full jitter: `chance` (0 to 1) of 30 s x 2^n, at most 30 min, so that what failed together does not come back together.

    `asked`: seconds the other side wants us to wait; never sooner than that, and up to a fifth later.
    """
    if asked is not None:
        return now + timedelta(seconds=max(0.0, asked) * (1 + SPREAD * chance))
    pause: timedelta = min(FIRST_PAUSE * (1 << max(0, attempt - 1)), LONGEST_PAUSE)
    return now + pause * chance
