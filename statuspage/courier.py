"""Wakes the senders of notifications, and sends by itself when the broker is gone.

A thread of the publisher with its own connections, so that a hanging broker or mail server never holds up a tick.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from statuspage.celery import app
from subscribers import outbox

log = logging.getLogger(__name__)

BROKER_GONE_AFTER = 15.0  # seconds without an answer
WAKE_EVERY = 1.0
LISTED_AT_ONCE, SENT_AT_ONCE = 8000, 2000
SECONDS = 5.0  # of sending at once: then the broker is asked again


class Courier:
    """`wake(True)` each second while there is something to send; it never blocks its caller."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._last_answer = time.monotonic()
        self._thread = self._new_thread()

    def start(self) -> None:
        self._thread.start()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="courier", daemon=True)

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.set()
        self._thread.join(timeout=2)

    def wake(self, has_work: bool) -> None:
        if not self._thread.is_alive() and self._thread.ident and not self._stopping.is_set():
            log.error("The courier had ended; it starts anew.")
            self._thread = self._new_thread()
            self._thread.start()
        if has_work:
            self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping.is_set():
                return
            try:
                self._nudge()
            except DatabaseError as error:
                connection.close()
                log.warning("Sending without the broker failed for now: %s", error)
            except Exception:
                log.exception("The courier stumbled over a fault of ours and goes on.")
            self._stopping.wait(WAKE_EVERY)

    def _nudge(self) -> None:
        if self._wake_workers():
            self._last_answer = time.monotonic()
        elif time.monotonic() - self._last_answer > BROKER_GONE_AFTER:
            send_without_broker()

    def _wake_workers(self) -> bool:
        """Hints only: the rows are the work. False when the broker did not take them."""
        try:
            for name in ("subscribers.tasks.fan_out", "subscribers.tasks.deliver_due"):
                app.send_task(name, queue="notify", expires=10)  # task_publish_retry_policy: a dead broker answers at once
        except (OperationalError, RedisError, OSError):
            return False
        return True


def send_without_broker() -> None:
    """Expand and deliver here, in bounded steps; the leases keep workers that come back from sending the same."""
    now = timezone.now()
    outbox.fan_out(now=now, limit=LISTED_AT_ONCE)
    outbox.deliver_due(now=now, limit=SENT_AT_ONCE, seconds=SECONDS)
