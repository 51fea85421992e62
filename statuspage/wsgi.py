"""The web process: snapshot files first, from memory; everything else is Django's."""

from __future__ import annotations

import multiprocessing
import os

from statuspage.processes import die_with_parent

# First of all, and at import, so that the server's own worker processes do it too.
_server = multiprocessing.parent_process()
die_with_parent(parent=_server.pid if _server else None)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402

_django = get_wsgi_application()

from statuspage.snapshot.serving import SnapshotFirst  # noqa: E402  (needs the apps)

application = SnapshotFirst(_django)
