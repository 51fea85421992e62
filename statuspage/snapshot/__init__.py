"""The public files of this host: made from the record, swapped in whole, and called fresh only while somebody reads the record.

`refresh` is called by the publisher each second and by the desk after a publication; `extend_freshness` by the publisher alone,
at the end of a tick that read the database. Readers are served by nginx or by statuspage.snapshot.serving, which ask nothing but
the disk.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

from django.conf import settings

from statuspage.snapshot import building, gathering, looking, swapping, tidying
from statuspage.snapshot.building import FRESH, STALE
from statuspage.snapshot.gathering import Reading
from statuspage.snapshot.swapping import Manifest, SnapshotError
from statuspage.snapshot.writing import Generation

__all__ = ["Manifest", "SnapshotError", "current", "extend_freshness", "rebuild_all", "refresh"]

log = logging.getLogger(__name__)

OWED = ""  # the key of a part of which one form is still to be made
FRESH_FOR = 30.0  # seconds: an older generation is not called fresh, whoever asks


def refresh(*, now: datetime, force: bool = False, hurry: bool = False) -> bool:
    """Write a generation if the record went on, or `force`, or the last one is 10 s old. Answer whether one was written.

    What speaks of now and what was just said are in it. Of an archive that has to be made (a first start, an upgrade, damage)
    each refresh writes a piece, until nothing waits. In a `hurry` nothing is looked at but what was said, and the form that is
    served goes first; the next refresh looks at the rest.

    Never swaps to an earlier state of the record. Raises SnapshotError (an OSError) when the disk refuses, and Django's database
    errors when the record cannot be read; the snapshot is then as it was.
    """
    with _no_collecting():
        return _refresh(directory(), now=now, force=force or hurry, hurry=hurry, anew=False)


def rebuild_all(*, now: datetime) -> None:
    """Everything from the database, whatever the disk holds; also the way back after the database was restored from a copy. Where
    there is much, refresh goes on with it."""
    _refresh(directory(), now=now, force=True, hurry=False, anew=True)


def extend_freshness(*, now: datetime, silence: datetime | None = None) -> bool:
    """Call the current generation fresh for the next 60 s, but not past the next `silence` of a probe: should nobody come back,
    what it said last is then too old to be shown as true. Refused, and answered with False, when it is not young itself."""
    where = directory()
    manifest = swapping.read_manifest(where)
    if manifest is None or abs(now.timestamp() - manifest.built_at) > FRESH_FOR:
        log.warning("The snapshot is not renewed: it will not be called fresh.")
        return False
    with swapping.explained(where):
        swapping.link_ahead(where, now=now.timestamp(), until=silence.timestamp() if silence else None)
    return True


def current() -> Manifest | None:
    """What the served generation was built from; None when there is none."""
    return swapping.read_manifest(directory())


def directory() -> Path:
    return Path(settings.SNAPSHOT_DIR)


_turns = count()  # of looking through the archive; a process's first look is the whole one


def _refresh(where: Path, *, now: datetime, force: bool, hurry: bool, anew: bool) -> bool:
    with swapping.locked(where):
        seen = swapping.read_manifest(where)
        looks = not hurry and (force or seen is None or gathering.is_old(seen, now))
        turn = next(_turns) if looks else None
        tidying.remove_partials(where)
        manifest = None if anew else looking.find_whole(where, turn=turn)
        found = gathering.read(where, manifest, now=now, force=force, hurry=hurry)
        if found is None:
            return False
        _write(where, found, manifest, now, hurry=hurry)
        entry = found.page.record.seq
        if seen is None or seen.built_from < entry:
            log.info("The page shows the record up to entry %s.", entry, extra={"entry": entry})
        if not hurry or found.redacted:
            tidying.prune(where, keep=1 if found.redacted else swapping.KEPT)
        if turn == 0 or found.redacted:
            tidying.sweep(where)
    return True


@contextmanager
def _no_collecting() -> Iterator[None]:
    """What is made meanwhile is let go of without the collector of circles, which would walk through all that the process holds,
    again and again: a fifth of a publication's time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _write(where: Path, found: Reading, before: Manifest | None, now: datetime, *, hurry: bool) -> None:
    """One generation; in a hurry two. The first has what readers are served now, the form that nobody sees yet follows in the
    second: killed between them, the next refresh makes that form."""
    if hurry and before and found.pages.before and not (found.anew or found.redacted):
        served = FRESH if swapping.is_live(where, now=now.timestamp()) else STALE
        first = _write_first(where, found, before, now, served)
        _write_other(where, found, first, now, STALE if served == FRESH else FRESH)
    else:
        _write_whole(where, found, now)
    if found.waiting:
        log.info("The archive is being written: %s of %s pages are there.", max(0, found.of - found.waiting), found.of)


def _write_whole(where: Path, found: Reading, now: datetime) -> None:
    with closing(Generation(where, now=now, anew=found.anew)) as generation:
        for form in swapping.FORMS:
            generation.write(form, building.about_now(found.page, form))
        _write_incidents(generation, found)
        pages = found.pages
        if pages.kept_as_is:
            generation.keep_pages(pages.kept_as_is)
        else:
            made = {name: (part.stamped, part.count, part.make(swapping.FORMS)) for name, part in pages.made.items()}
            generation.write_pages(pages.gate, made, pages.kept, pages.before)
        generation.write_record(found.record_before, found.lines)
        _swap_in(generation, found, now)


def _write_first(where: Path, found: Reading, before: Manifest, now: datetime, served: str) -> Manifest:
    """What was said, in the form that is served; the other form stays as it was, and owes."""
    with closing(Generation(where, now=now, anew=False)) as generation:
        generation.write(served, building.about_now(found.page, served))
        generation.keep(name for name in before.files if not name.startswith(f"{served}/"))
        _write_incidents(generation, found)
        made = {name: (OWED, part.count, part.make((served,))) for name, part in found.pages.made.items()}
        generation.write_pages("", made, found.pages.kept, found.pages.before, halves=(served, swapping.ARCHIVE))
        generation.write_record(found.record_before, found.lines)
        return _swap_in(generation, found, now)


def _write_other(where: Path, found: Reading, first: Manifest, now: datetime, form: str) -> None:
    with closing(Generation(where, now=now, anew=False)) as generation:
        generation.write(form, building.about_now(found.page, form))
        generation.keep(name for name in first.files if not name.startswith(f"{form}/"))
        generation.keep_months(first.shards)
        made = {name: (part.stamped, part.count, part.make((form,))) for name, part in found.pages.made.items()}
        assert first.pages
        there = swapping.read_parts(where, first.pages.version)
        generation.write_pages("", made, found.pages.kept, there, halves=(form,))
        generation.write_record(first.record, [])
        _swap_in(generation, found, now)


def _write_incidents(generation: Generation, found: Reading) -> None:
    generation.keep_months(found.months_kept)
    for month, written in found.months.items():
        files = {
            public_id: (one, building.incident_files(found.incidents[public_id], found.page.components))
            for public_id, one in written.made.items()
        }
        generation.write_month(month, files, written.kept, whole=written.whole)


def _swap_in(generation: Generation, found: Reading, now: datetime) -> Manifest:
    generation.measure()
    head = found.page.record
    manifest = Manifest(
        built_from=head.seq,
        head=head.hash,
        built_at=now.timestamp(),
        made_with=building.fingerprint(),
        files=generation.files,
        shards=generation.shards,
        pages=generation.pages,
        record=generation.record,
        waiting=found.waiting,
        of=found.of,
        owed=found.owed,
    )
    generation.swap_in(manifest)
    return manifest
