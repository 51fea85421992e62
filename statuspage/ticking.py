"""The publisher's second: what it does, in which order, and what a failure leaves undone.

The order is the point. Freshness is extended only at the end of a tick that read the database and wrote the disk: when either
fails, the links run out by themselves and every file about now turns to its stale form.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from datetime import datetime

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from incidents import breaking_glass, components, promises, record, tracing
from probes import clock_steps, late_answers, pushes, recording
from statuspage import grounds, publishing, restoring, snapshot
from statuspage.courier import Courier
from statuspage.mirror import Mirror
from statuspage.models import Heartbeat
from statuspage.pager import Pager
from statuspage.processes import tell_systemd
from subscribers import outbox

log = logging.getLogger(__name__)

PERIOD = 1.0  # seconds


def run_until(stop: threading.Event) -> None:
    """Tick each second until told to stop. A failed tick is one line in the log, not an end."""
    courier, pager, mirror = Courier(), Pager(), Mirror()
    courier.start()
    mirror.start()
    pager.start()
    failing = ""
    try:
        while not stop.is_set():
            started = time.monotonic()
            trouble = _try_tick(courier)
            if trouble and trouble != failing:
                log.error("%s", trouble)
            elif failing and not trouble:
                log.info("The publisher works again.")
            failing = trouble
            tell_systemd("READY=1\nWATCHDOG=1")  # at work, whatever became of this tick
            stop.wait(max(0.0, PERIOD - (time.monotonic() - started)))
    finally:
        courier.stop()
        mirror.stop()
        pager.stop()


def _try_tick(courier: Courier) -> str:
    """ "" after a whole tick, else what failed; the next second tries again on a new connection."""
    try:
        now = timezone.now()
        with tracing.since(f"tick-{int(now.timestamp())}"):
            tick(now=now)
        courier.wake(outbox.has_work(now=timezone.now()))
    except DatabaseError as error:
        connection.close()
        return f"The database did not answer ({type(error).__name__}: {error}): the page will say that it cannot confirm."
    except record.RecordHeld as error:
        return f"Nothing is published, and the page says that it cannot confirm. {error}"
    except OSError as error:
        return f"The snapshot could not be written ({error}): the page will say that it cannot confirm."
    except Exception as error:  # noqa: BLE001  a fault of our own must not end the one process that can turn the page stale
        return f"The tick failed ({type(error).__name__}: {error}), the page will say that it cannot confirm.\n{_places(error)}"
    return ""


def _places(error: Exception) -> str:
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()


def tick(*, now: datetime) -> None:
    """One second's work: late answers; pushes that did not come; planned work; what a clock that was put back left ahead of it;
    silence; states set by hand that expire; words at a set time, and unattended ones; statements that lapse; promises and
    signatures that did not come; Notifications of entries that have none; snapshot; freshness; heartbeat."""
    restoring.hold_if_behind(now=now)
    late_answers.sweep(now=now)
    pushes.sweep(now=now)
    publishing.advance_maintenance(now=now)
    clock_steps.forget_what_is_ahead(now=now)
    silence = recording.sweep_silence(now=now)
    components.lapse_overrides(now=now)
    publishing.publish_due(now=now)
    grounds.follow_due(now=now)
    promises.record_missed(now=now)
    breaking_glass.record_missing(now=now)
    outbox.enqueue_missing(now=now)
    snapshot.refresh(now=now)
    snapshot.extend_freshness(now=now, silence=silence)
    Heartbeat.objects.update_or_create(name="publisher", defaults={"at": now})
