"""Pure: when to try again, and when to stop trying."""

from __future__ import annotations

from datetime import datetime, timedelta

LEASE = timedelta(minutes=5)  # a sender that has not answered by then is taken for dead
ATTEMPTS = 8
GIVE_UP_AFTER = timedelta(hours=6)  # older news is no news
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=30)


def retry_at(*, attempt: int, now: datetime, chance: float) -> datetime:
    """Full jitter: `chance` (0 to 1) of 30 s x 2^n, at most 30 min, so that what failed together does not come back together."""
    pause: timedelta = min(FIRST_PAUSE * (1 << max(0, attempt - 1)), LONGEST_PAUSE)
    return now + pause * chance
