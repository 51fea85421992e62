"""Times of a cron expression in a zone, in epoch seconds. Pure."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

LOOKED_AT = 60  # runs, to find the longest gap; longer patterns than two months of days are rare
LONGEST_GAP = 8 * 86400


def following(expression: str, zone: str, at: float) -> int:
    """The first time after `at`. Raises CronSimError for what is no expression, or has no time."""
    return int(next(CronSim(expression, datetime.fromtimestamp(at, ZoneInfo(zone)))).timestamp())


def latest(expression: str, zone: str, at: float) -> int:
    """The last time not after `at`."""
    moment = datetime.fromtimestamp(at + 1, ZoneInfo(zone))
    return int(next(CronSim(expression, moment, reverse=True)).timestamp())


def longest_gap(expression: str, zone: str, at: float) -> int:
    """Seconds of the longest pause between the next runs."""
    runs = [run.timestamp() for run in islice(CronSim(expression, datetime.fromtimestamp(at, ZoneInfo(zone))), LOOKED_AT)]
    return int(max((later - earlier for earlier, later in pairwise(runs)), default=0))


def why_impossible(expression: str, zone: str, at: float) -> str:
    """What to change; "" for a good one."""
    try:
        gap = longest_gap(expression, zone, at)
    except (CronSimError, StopIteration) as error:
        return f'is no cron expression ({error or "it has no time"}); give five fields in quotes, for example "*/5 6-22 * * *"'
    if not 0 < gap <= LONGEST_GAP:
        return "runs less than once in 8 days; what is that rare says nothing of now"
    return ""
