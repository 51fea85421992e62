"""The beat process: it sends by name what the table says, so it loads no task, no model and no Django application."""

from __future__ import annotations

import os
import sys

from celery import Celery


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
    app = Celery("statuspage", fixups=[], set_as_current=True)
    app.config_from_object("statuspage.celeryconfig")
    app.Beat(loglevel="WARNING", quiet=True).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
