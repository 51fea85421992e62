"""The Celery application: settings and the beat table. Tasks live in the apps, as `shared_task`s."""

from __future__ import annotations

import gc
import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    task_postrun,
    task_prerun,
    worker_before_create_process,
    worker_process_init,
    worker_ready,
)
from celery.utils.log import get_multiprocessing_logger
from django.conf import settings

from statuspage.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")

_worker: int | None = None  # the id of the process that made this child of a pool, even where it has ended by then

# An agent has no rows: what Celery does for Django (its apps, its connections) would cost it twenty megabytes.
app = Celery("statuspage", fixups=[] if settings.HALI_AGENT else None)
app.config_from_object("statuspage.celeryconfig")
app.set_default()  # for every thread; by itself it would be for this one
if settings.HALI_AGENT:
    logging.config.dictConfig(settings.LOGGING)
    app.autodiscover_tasks(["probes"], related_name="agent_tasks")
else:
    app.autodiscover_tasks(["statuspage", "probes", "subscribers"])


@setup_logging.connect
def _keep_our_log(*, loglevel: int, **_: object) -> None:
    """Celery would set its own level for every line of ours, which hides what a click or a probe is followed by, and write its
    pool's lines past our formatter. Its own two lines a task stay unsaid."""
    logging.getLogger("celery").setLevel(loglevel)
    if of_pool := get_multiprocessing_logger():
        of_pool.setLevel(logging.ERROR)
        of_pool.propagate = True


@worker_before_create_process.connect
def _share_what_is_loaded(**_: object) -> None:
    """The collector writes into every object it looks at, which would give each child its own copy of all that is loaded."""
    global _worker
    _worker = os.getpid()
    gc.collect()
    gc.freeze()


@worker_ready.connect
def _leave_alone_what_is_loaded(**_: object) -> None:
    """An agent makes and drops many small objects, and each full collection would look at all of its modules again."""
    if settings.HALI_AGENT:
        gc.collect()
        gc.freeze()


@worker_process_init.connect
def _child_dies_with_its_worker(**_: object) -> None:
    die_with_parent(parent=_worker)


@task_prerun.connect
@task_postrun.connect
def _close_old_connections(task: Any, **_: object) -> None:
    """What Django does around each request: one to PostgreSQL is kept unless it broke, one to SQLite with its cache is not."""
    if not settings.HALI_AGENT and not task.request.is_eager:
        from django.db import close_old_connections  # not for agents, which have no database

        close_old_connections()
