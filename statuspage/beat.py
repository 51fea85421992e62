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


class MarkingScheduler(Scheduler):
    """Celery's own, which also notes at the broker when it last sent: /healthz can tell a dead beat from a dead worker."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._marks = broker_client.connect(self.app.conf.broker_url)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        pause = super().tick(*args, **kwargs)
        tell_systemd("READY=1\nWATCHDOG=1")
        return pause

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
