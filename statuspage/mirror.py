"""The page in an object store, for a CDN to serve: every public address is an object, and its stale form lies beside it.

Pages are put first, `manifest.json` last. It names every object with the hash of what it holds, the moment the page speaks of and
the form that is served; a push that broke off leaves the manifest before it, and the next one finishes. Who guards
(`manage.py guard`, on another host) reads the manifest alone: when it is 60 s old, or what a probe said last is too old, it puts
the stale form in place of the fresh one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from statuspage import restoring, snapshot
from statuspage.s3 import Bucket, StorageError
from statuspage.snapshot import headers, swapping

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
STALE_AFTER = 60.0  # seconds
EVERY = 15.0  # seconds between two pushes where the record did not go on
NO_CACHE = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
# A file's name below fresh/ or archive/, and the address that it answers. The first that fits.
_LANGUAGE = r"(?P<language>(?:[a-z]{2}(?:-[a-z]+)?/)?)"
_INCIDENT = rf"incidents/\d{{4}}-\d\d/(?P<id>\w{{12}})/{_LANGUAGE}\w{{12}}"
_NAMES = (
    (rf"{_LANGUAGE}text\.txt", r"\g<language>text/index.html"),
    (rf"{_LANGUAGE}poster\.html", r"\g<language>poster"),
    (r"pages/(?P<name>.*components/[^/]+)/page\.html", r"\g<name>"),
    (r"pages/404\.html", "404.html"),
    (r"pages/(?P<name>.*)\.html", r"\g<name>"),
    (r"pages/maintenance/(?P<id>\w{12})\.json", r"incidents/\g<id>.json"),
    (r"pages/(?P<name>.*)", r"\g<name>"),
    (r"record/(?P<name>record\.jsonl)", r"\g<name>"),
    (rf"{_INCIDENT}\.review\.html", r"\g<language>incidents/\g<id>/review"),
    (rf"{_INCIDENT}\.html", r"\g<language>incidents/\g<id>"),
    (rf"{_INCIDENT}\.json", r"incidents/\g<id>.json"),
)
_PLANNED = re.compile(rf"{_LANGUAGE}maintenance/(?P<id>\w{{12}})")  # its page answers at a problem's address too


def name_of(file: str) -> str | None:
    """The object's name for a file of the snapshot; None for what is nobody's address (twins, notes beside shards)."""
    if file.endswith((*swapping.TWINS.values(), swapping.IN_MONTH)):
        return None
    for pattern, name in _NAMES:
        if found := re.fullmatch(pattern, file):
            return found.expand(name)
    return file


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """(object's name, file) of all public files below a form or the archive, through the links to what generations share."""
    for place, _, files in os.walk(folder, followlinks=True):
        for file in sorted(files):
            path = Path(place) / file
            if name := name_of(str(path.relative_to(folder))):
                yield name, path
                if planned := _PLANNED.fullmatch(name):
                    yield planned.expand(r"\g<language>incidents/\g<id>"), path


def push(bucket: Bucket) -> int:
    """Bring the store to this host's current generation; answers how many objects were put. Raises OSError."""
    generation = swapping.current_generation(snapshot.directory())
    manifest = snapshot.current()
    if generation is None or manifest is None:
        return 0
    before = read_manifest(bucket)
    later = before.get("built_from", 0)
    if later > manifest.built_from and not restoring.is_given_up(seen=later, at=before["built_at"]):
        raise StorageError("the store holds a later state of the record: another host is ahead")
    known: dict[str, str] = dict(before.get("objects", {}))
    if before.get("form") != swapping.FORMS[0]:  # the guard put stale forms over the fresh ones
        known = {name: hashed for name, hashed in known.items() if f"stale/{name}" not in known}
    objects: dict[str, str] = {}
    put = 0
    for half, prefix in ((swapping.ARCHIVE, ""), (swapping.FORMS[1], "stale/"), (swapping.FORMS[0], "")):
        for name, path in files_in(generation / half):
            content = path.read_bytes()
            objects[prefix + name] = hashed = hashlib.sha256(content).hexdigest()
            if known.get(prefix + name) != hashed:
                sent = headers.headers_for(path.name, about_now=half != swapping.ARCHIVE)
                bucket.put(prefix + name, content, _kept_by_stores(sent))
                put += 1
    told = {
        "built_at": manifest.built_at,
        "built_from": manifest.built_from,
        "fresh_until": swapping.live_until(snapshot.directory()),
        "form": swapping.FORMS[0],
        "objects": objects,
    }
    bucket.put(MANIFEST, json.dumps(told, sort_keys=True).encode(), NO_CACHE)
    return put


def guard(bucket: Bucket, *, now: float) -> bool:
    """Put the stale form in place when nobody renews the page; answers whether that was done. Raises OSError."""
    told = read_manifest(bucket)
    if not told or told["form"] != swapping.FORMS[0] or now <= _good_until(told):
        return False
    # Front pages first: a store may be far, and each object is read and put.
    stales = (name for name in told["objects"] if name.startswith("stale/"))
    for stale in sorted(stales, key=lambda name: (not name.endswith("/index.html"), name)):
        content = bucket.get(stale)
        name = stale.removeprefix("stale/")
        if content is None:
            log.error("The store lacks %s: its fresh form stays.", stale)
            continue
        ending = name if "." in name.rpartition("/")[2] else f"{name}.html"
        plain = "text.txt" if name.endswith("text/index.html") else ending
        bucket.put(name, content, _kept_by_stores(headers.headers_for(plain, about_now=True)))
    if read_manifest(bucket).get("built_at") != told["built_at"]:
        return False  # the publisher came back meanwhile: its next push puts right what we wrote over
    bucket.put(MANIFEST, json.dumps({**told, "form": swapping.FORMS[1]}, sort_keys=True).encode(), NO_CACHE)
    return True


def _good_until(told: dict[str, Any]) -> float:
    """A minute after the moment the page speaks of; sooner where a probe's silence ends it on the publisher's own host, but not
    before the next push, which may say better."""
    minute = float(told["built_at"]) + STALE_AFTER
    until = told.get("fresh_until")
    return min(minute, until + EVERY) if isinstance(until, int | float) else minute


def read_manifest(bucket: Bucket) -> dict[str, Any]:
    """{} when there is none yet, or it cannot be read."""
    raw = bucket.get(MANIFEST)
    try:
        told = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) and isinstance(told.get("built_at"), int | float) else {}


def _kept_by_stores(listed: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Stores keep these two; the others are for the CDN to add (docs/deploy-object-store.md)."""
    return [(name, value) for name, value in listed if name in ("Content-Type", "Cache-Control")]


class Mirror:
    """Pushes from a thread of the publisher's, so that a slow store delays nothing. Does nothing without HALI_PUBLISH_TO."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        if settings.PUBLISH_TO:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        assert settings.PUBLISH_TO is not None
        bucket, seen, at, trouble = Bucket(settings.PUBLISH_TO, settings.PUBLISH_KEY), -1, 0.0, ""
        while not self._stop.wait(1.0):
            manifest = snapshot.current()
            is_due = manifest is not None and (manifest.built_from != seen or time.monotonic() - at >= EVERY)
            if manifest is None or not is_due or not swapping.is_live(snapshot.directory(), now=time.time()):
                continue
            at = time.monotonic()
            try:
                push(bucket)
            except (OSError, DatabaseError) as error:
                if str(error) != trouble:
                    log.error("The page could not be pushed (%s): the guard will show its stale form.", error)
                trouble = str(error)
            else:
                seen, trouble = manifest.built_from, ""
            finally:
                connection.close()  # the record is asked seldom
