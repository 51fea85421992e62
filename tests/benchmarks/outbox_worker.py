"""A sending process of `make bench-outbox`: `python -m tests.benchmarks.outbox_worker KIND COUNT CONNECTIONS` prints its rate."""

from __future__ import annotations

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
    django.setup()
    from tests.benchmarks import outbox_bars

    rate = outbox_bars.RUNS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(f"{sys.argv[1]} {rate:.1f}\n")
