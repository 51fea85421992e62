"""The web process: snapshot files first, from memory; everything else is Django's."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from statuspage.processes import die_with_parent

die_with_parent()  # at import, so that the server's own worker processes do it too
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
_django = get_wsgi_application()

from statuspage.snapshot.serving import SnapshotFirst  # noqa: E402  (needs the apps)

application = SnapshotFirst(_django)
