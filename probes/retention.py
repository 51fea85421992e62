"""How long results and rollups are kept, by settings. Each call removes a bounded number; the next goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings

from probes import partitions
from probes.models import PushedCounts, Result, Rollup

AT_ONCE = 20_000  # rows
STEPS = 10  # at most, each a transaction of its own
HOUR, DAY, YEAR = 3600, 86400, 366 * 86400


def prune(*, now: int) -> int:
    """Let go of what is older than the settings say; `now` in epoch seconds. Answers how many rows were deleted.

    On PostgreSQL results go by the day, their table dropped whole once all of the day is old enough; the next days' tables are
    made here too.
    """
    before = now - settings.KEEP_RESULTS_HOURS * HOUR
    if partitions.are_used():
        partitions.make_ahead(now=now)
        partitions.drop_before(slot=before)
    deleted = _in_steps(lambda: prune_results(before=before))
    deleted += _in_steps(lambda: _prune_counts(before))
    if not partitions.are_used():
        deleted += _in_steps(lambda: prune_to_size(at_most=settings.SQLITE_RESULTS))
    deleted += _in_steps(lambda: _prune_rollups(Rollup.Span.HOUR, now - settings.KEEP_HOURS_DAYS * DAY))
    return deleted + _in_steps(lambda: _prune_rollups(Rollup.Span.DAY, now - settings.KEEP_DAYS_YEARS * YEAR))


def _in_steps(step: Callable[[], int]) -> int:
    deleted = 0
    for _ in range(STEPS):
        deleted += (done := step())
        if done < AT_ONCE:
            break
    return deleted


def prune_results(*, before: int, limit: int = AT_ONCE) -> int:
    """Delete results of slots before `before` (epoch seconds), the oldest first, at most `limit`; answers how many.

    On PostgreSQL only those that have no day of their own: the others go with their day.
    """
    if partitions.are_used():
        return partitions.prune_rest(before=before, limit=limit)
    old = Result.objects.filter(slot__lt=before).order_by("slot").values_list("pk", flat=True)[:limit]
    deleted, _ = Result.objects.filter(pk__in=list(old)).delete()
    return deleted


def prune_to_size(*, at_most: int, limit: int = AT_ONCE) -> int:
    """Keep at most so many results, for a database without days: those received first go first. Answers how many went."""
    surplus = Result.objects.count() - at_most
    if surplus <= 0:
        return 0
    last = Result.objects.order_by("pk").values_list("pk", flat=True)[min(surplus, limit) - 1]
    deleted, _ = Result.objects.filter(pk__lte=last).delete()
    return deleted


def _prune_counts(before: int) -> int:
    old = PushedCounts.objects.filter(at__lt=datetime.fromtimestamp(before, UTC)).order_by("at").values_list("pk", flat=True)
    deleted, _ = PushedCounts.objects.filter(pk__in=list(old[:AT_ONCE])).delete()
    return deleted


def _prune_rollups(span: int, before: int) -> int:
    old = Rollup.objects.filter(span=span, start__lt=before).order_by("start").values_list("pk", flat=True)[:AT_ONCE]
    deleted, _ = Rollup.objects.filter(pk__in=list(old)).delete()
    return deleted
