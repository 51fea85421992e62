"""A Celery worker without Celery's command line, which would cost each process 10 MB.

`python -m statuspage.worker --queues core,notify --pool prefork --concurrency 2 --name worker`
"""

from __future__ import annotations

import argparse
import os
import sys

from statuspage import processes

processes.without_desk()
from statuspage.celery import app  # noqa: E402  (reads the settings)

# `manage.py check` is for system checks; here they would load the desk with all its forms (and an agent has none).
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m statuspage.worker", description="Run a Celery worker.")
    parser.add_argument("--queues", required=True, help="comma-separated: core,notify or probes.<vantage>")
    parser.add_argument("--pool", default="prefork", choices=["prefork", "threads", "solo"])
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--name", default="worker")
    chosen = parser.parse_args(arguments)
    worker = app.Worker(
        hostname=f"{chosen.name}@%h",
        pool_cls=chosen.pool,
        concurrency=chosen.concurrency,
        queues=queues_of(chosen.queues),
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def queues_of(names: str) -> list[str]:
    """Who takes outcomes in also sends out what is due, from a queue of its own: behind a heap of outcomes each tick would come
    too late, the runs with it, and what is late makes more work than what is well."""
    queues = names.split(",")
    return [*queues, "dispatch"] if "core" in queues else queues


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
