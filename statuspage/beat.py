"""The beat process: it sends by name what the table says, so it loads no task, no model and no Django application."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import redis
from celery import Celery
from celery.beat import Scheduler

from statuspage import broker_client
from statuspage.processes import tell_systemd

STEP = 2.0  # seconds: less is a clock that is being kept right


def _wall_ahead() -> float:
    """Of the clock that nobody sets."""
    return time.time() - time.monotonic()


class MarkingScheduler(Scheduler):
    """Celery's own, which also notes at the broker when it last sent: /healthz can tell a dead beat from a dead worker."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._marks = broker_client.connect(self.app.conf.broker_url)
        self._wall_ahead = _wall_ahead()

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        self._notice_a_clock_put_back()
        pause = super().tick(*args, **kwargs)
        tell_systemd("READY=1\nWATCHDOG=1")
        return pause

    def _notice_a_clock_put_back(self) -> None:
        """What was sent at a later hour would not be due again until that hour has come once more."""
        before, self._wall_ahead = self._wall_ahead, _wall_ahead()
        if self._wall_ahead < before - STEP:
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            self._heap = None  # made anew by the tick

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        sent = super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        try:
            self._marks.set(broker_client.BEAT, repr(time.time()))
        except redis.RedisError:  # the next second tries again; a broker that is gone is told by its own part
            self._marks.close()
        return sent


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
    app = Celery("statuspage", fixups=[], set_as_current=True)
    app.config_from_object("statuspage.celeryconfig")
    app.Beat(loglevel="WARNING", quiet=True).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
