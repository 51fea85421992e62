"""What `manage.py check --deploy` says of a production copy beside Django's own: each names the setting and what to change.

W109 asks the database, so it comes with `--database default` alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connections
from django.utils import timezone

CLOCKS_APART = timedelta(seconds=1)  # freshness, promises and agents' work are judged in seconds
SHORTEST_KEY = 32


@checks.register(deploy=True)
def check_switches(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """What belongs to a demo or to tests."""
    found: list[checks.CheckMessage] = []
    if settings.DEMO:
        found.append(_error(101, "HALI_DEMO is on: its accounts need no second factor.", "Take HALI_DEMO out."))
    if settings.WEBHOOK_TEST:
        hint = "Take HALI_WEBHOOK_TEST out."
        found.append(_error(102, "HALI_WEBHOOK_TEST is on: strangers could make us ask this network's own machines.", hint))
    if settings.ADDRESS_HASH_KEY and len(settings.ADDRESS_HASH_KEY) < SHORTEST_KEY:
        said = f"HALI_ADDRESS_HASH_KEY is shorter than {SHORTEST_KEY} characters: who has the rows could guess addresses."
        found.append(_warning(101, said, "Before anybody has subscribed, give one of `openssl rand -hex 32`."))
    return found


@checks.register(deploy=True)
def check_doors(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """How readers, staff and callers come in."""
    found: list[checks.CheckMessage] = []
    if not settings.BASE_URL.startswith("https://"):
        hint = "Give the public address with https://."
        found.append(_warning(102, f"HALI_BASE_URL={settings.BASE_URL!r}: passwords and links travel unprotected.", hint))
    elif not settings.TRUSTED_PROXIES:
        said = "HALI_TRUSTED_PROXIES is 0, though TLS ends before us: each client seems to be the proxy."
        found.append(_warning(104, said, "Give the number of proxies of yours a request passes: 1 with nginx alone."))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(_warning(105, "ALLOWED_HOSTS takes any name: links in mails could lead elsewhere.", "Name your hosts."))
    return found


@checks.register(deploy=True)
def check_ways_out(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Broker, mail and database over a network without TLS."""
    found: list[checks.CheckMessage] = []
    if settings.REDIS_URL.startswith("redis://") and not _is_here(urlsplit(settings.REDIS_URL).hostname):
        said = "REDIS_URL leads to another machine without TLS: its password and all work can be read on the way."
        found.append(_warning(103, said, "Give rediss://…; silence this where the network is yours alone."))
    uses_smtp = settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
    if uses_smtp and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL) and not _is_here(settings.EMAIL_HOST):
        said = "EMAIL_URL leads to another machine without TLS: subscribers' addresses and links can be read on the way."
        found.append(_warning(106, said, "Give smtp+tls://… or smtp+ssl://…."))
    if is_exposed(settings.DATABASES["default"]):
        said = "DATABASE_URL leads to another machine, and TLS is not asked for."
        found.append(_warning(107, said, "End it with ?sslmode=verify-full; silence this where the network is yours alone."))
    return found


@checks.register(deploy=True)
def check_folders(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Where the page and our own files lie."""
    found: list[checks.CheckMessage] = []
    for number, name, folder in ((103, "HALI_SNAPSHOT_DIR", settings.SNAPSHOT_DIR), (104, "HALI_DATA_DIR", settings.DATA_DIR)):
        if reason := _why_not_writable(Path(folder)):
            hint = f"Make it a folder of the user that runs us, or set {name} to one."
            found.append(_error(number, f"{name}: {folder} cannot be written ({reason}).", hint))
    return found


@checks.register(checks.Tags.database, deploy=True)
def check_clocks(
    *, app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """This host's clock beside the database's, which all hosts share."""
    if "default" not in (databases or ()) or connections["default"].vendor != "postgresql":
        return []
    before = timezone.now()
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [theirs] = cursor.fetchone()
    return judge_clocks(before=before, theirs=theirs, after=timezone.now())


def judge_clocks(*, before: datetime, theirs: datetime, after: datetime) -> list[checks.CheckMessage]:
    """Apart is what the time of asking cannot explain."""
    apart = max(before - theirs, theirs - after, timedelta())
    if apart <= CLOCKS_APART:
        return []
    said = f"This host's clock and the database's are {apart.total_seconds():.1f} s apart: times on the page would be wrong."
    return [_warning(109, said, "Run NTP (chrony or systemd-timesyncd) on every host.")]


def is_exposed(database: Mapping[str, Any]) -> bool:
    """A PostgreSQL on another machine that may be asked without TLS."""
    is_elsewhere = database["ENGINE"].endswith("postgresql") and not _is_here(database.get("HOST"))
    return is_elsewhere and database.get("OPTIONS", {}).get("sslmode") not in {"require", "verify-ca", "verify-full"}


def _why_not_writable(folder: Path) -> str:
    """ "" where a file can be made in it, or in the nearest folder above that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _is_here(host: str | None) -> bool:
    """This machine: no host or a socket's path, localhost, a loopback address."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _error(number: int, said: str, hint: str) -> checks.Error:
    return checks.Error(said, hint=hint, id=f"statuspage.E{number}")


def _warning(number: int, said: str, hint: str) -> checks.Warning:
    return checks.Warning(said, hint=hint, id=f"statuspage.W{number}")
