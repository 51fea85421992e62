"""The public files of this host: made from the record, swapped in whole, and called fresh only while somebody reads the record.

`refresh` is called by the publisher each second and by the desk after a publication; `extend_freshness` by the publisher alone,
at the end of a tick that read the database. Readers are served by nginx or by statuspage.snapshot.serving, which ask nothing but
the disk.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

from django.conf import settings

from incidents import closing, record, record_export
from incidents.models import RecordEntry
from incidents.moments import one_moment
from statuspage import page as public
from statuspage import page_history, page_lately
from statuspage.snapshot import building, faces, parts, swapping
from statuspage.snapshot.parts import Part
from statuspage.snapshot.swapping import Manifest, SnapshotError
from statuspage.snapshot.writing import Generation

__all__ = ["Manifest", "SnapshotError", "current", "extend_freshness", "rebuild_all", "refresh"]

log = logging.getLogger(__name__)

REBUILT_AFTER = 10.0  # seconds
RECORD_AT_ONCE = 2000  # entries of a long record written into its file by one refresh
FRESH_FOR = 30.0  # seconds: an older generation is not called fresh, whoever asks


def refresh(*, now: datetime, force: bool = False) -> bool:
    """Write a generation if the record went on, or `force`, or the last one is 10 s old. Answer whether one was written.

    Never swaps to an earlier state of the record. Raises SnapshotError (an OSError) when the disk refuses, and Django's database
    errors when the record cannot be read; the snapshot is then as it was.
    """
    return _refresh(directory(), now=now, force=force, anew=False)


def rebuild_all(*, now: datetime) -> None:
    """Everything from the database, whatever the disk holds; also the way back after the database was restored from a copy."""
    _refresh(directory(), now=now, force=True, anew=True)


def extend_freshness(*, now: datetime) -> bool:
    """Call the current generation fresh for the next 60 s. Refused, and answered with False, when it is not young itself."""
    where = directory()
    manifest = swapping.read_manifest(where)
    if manifest is None or abs(now.timestamp() - manifest.built_at) > FRESH_FOR:
        log.warning("The snapshot is not renewed: it will not be called fresh.")
        return False
    with swapping.explained(where):
        swapping.link_ahead(where, now=now.timestamp())
    return True


def current() -> Manifest | None:
    """What the served generation was built from; None when there is none."""
    return swapping.read_manifest(directory())


def directory() -> Path:
    return Path(settings.SNAPSHOT_DIR)


_turns = count()  # of looking through the archive; a process's first look is the whole one

# --- One refresh -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    """All that one refresh took from the database, at one moment."""

    page: public.NowPage
    months: dict[str, list[str]]
    incidents: dict[str, public.IncidentPage]  # those to write, by public id
    gate: str
    parts: dict[str, Part]  # those looked at; the others stay as they are
    lines: list[str]  # new ones of the record's file
    anew: bool  # nothing that lies on the disk is used
    redacted: bool


def _refresh(where: Path, *, now: datetime, force: bool, anew: bool) -> bool:
    with swapping.locked(where):
        seen = swapping.read_manifest(where)
        look = force or seen is None or _is_old(seen, now)
        manifest = None if anew else swapping.find_whole(where, turn=next(_turns) if look else None)
        reading = _read(manifest, now=now, force=force)
        if reading is None:
            return False
        swapping.remove_partials(where)
        _write(where, manifest, reading, now)
        swapping.prune(where, keep=1 if reading.redacted else swapping.KEPT)
    return True


def _read(manifest: Manifest | None, *, now: datetime, force: bool) -> _Reading | None:
    """None when there is nothing to write."""
    with one_moment():
        head = record.head()
        if manifest and head.seq < manifest.built_from:
            log.error(
                "The record ends at %s, the page shows %s: nothing is swapped in. If the database was restored from a copy, "
                "run `manage.py write_snapshot --rebuild`.",
                head.seq,
                manifest.built_from,
            )
            return None
        if manifest and (manifest.made_with != building.fingerprint() or _another_record(manifest, head.seq, head.hash)):
            manifest = None
        due = manifest is None or force or head.seq != manifest.built_from or _is_old(manifest, now) or _is_behind(manifest)
        return _read_page(manifest, now) if due else None


def _is_old(manifest: Manifest, now: datetime) -> bool:
    return abs(now.timestamp() - manifest.built_at) >= REBUILT_AFTER


def _is_behind(manifest: Manifest) -> bool:
    """Its file of the record is still being filled."""
    return manifest.record is not None and manifest.record.seq < manifest.built_from


def _another_record(manifest: Manifest, seq: int, head: str) -> bool:
    """The same number under another hash: this is not the record the page was made from."""
    return seq == manifest.built_from and head != manifest.head


def _read_page(manifest: Manifest | None, now: datetime) -> _Reading:
    page = public.build_now(now)
    turned: set[str] = set()  # their review fell due, though nothing was said
    if manifest is None:
        months, redacted = public.months_of_incidents(), True  # what was redacted meanwhile is not known
        touched = {public_id for ids in months.values() for public_id in ids}
    else:
        months = {month: list(shard.incidents) for month, shard in manifest.shards.items()}
        touched, redacted = _touched_since(manifest)
        turned = closing.reviews_turning(since=datetime.fromtimestamp(manifest.built_at, UTC), now=now)
        touched |= turned
    incidents = {built.incident.facts.public_id: built for built in public.build_incidents(touched, now=now)} if touched else {}
    for public_id, built in incidents.items():
        there = months.setdefault(built.incident.facts.month, [])
        if public_id not in there:
            there.append(public_id)
    gate = _gate(page, turned, now)
    due_parts = _parts_to_look_at(page, manifest, gate, touched, now)
    done = manifest.record.seq if manifest and manifest.record and not redacted else 0
    lines = list(islice(record_export.lines(after=done), min(RECORD_AT_ONCE, page.record.seq - done)))
    return _Reading(page, months, incidents, gate, due_parts, lines, manifest is None, redacted)


def _gate(page: public.NowPage, turned: set[str], now: datetime) -> str:
    """While this is the same, no page needs a look: the record, the hour, the services as they are entered, no review turned."""
    return parts.key_of(page.record, parts.hour_of(now), page.components, sorted(turned))


def _parts_to_look_at(
    page: public.NowPage, manifest: Manifest | None, gate: str, touched: set[str], now: datetime
) -> dict[str, Part]:
    """The parts that may have changed; those whose key is the same are not rendered."""
    before = manifest.pages if manifest else None
    if before and before.gate == gate:
        return {}
    found = parts.standing() | parts.components(page) | parts.planned(page) | parts.answers(now)
    found |= faces.parts_of(page_lately.build_lately(page))
    if before is None or before.parts["uptime"].key != parts.hour_of(now):
        found |= parts.figures(now)
    names = {page_history.month_of(now)}
    if before is None:
        names |= page_history.months_with_incidents()
    else:
        names |= page_history.months_of(touched)
        names |= {name for name in _months_known(before) if touched & set(before.parts[f"month {name}"].about)}
    months = parts.months(names, page, now=now)
    counts = {name: len(before.parts[f"month {name}"].about) for name in _months_known(before)} if before else {}
    counts |= {name.removeprefix("month "): len(part.about) for name, part in months.items()}
    return found | months | parts.history(counts)


def _months_known(pages: swapping.Pages) -> list[str]:
    return [name.removeprefix("month ") for name in pages.parts if name.startswith("month ")]


def _touched_since(manifest: Manifest) -> tuple[set[str], bool]:
    """(incidents that entries after the manifest's speak of, whether something was redacted)."""
    touched: set[str] = set()
    redacted = False
    for kind, body in RecordEntry.objects.filter(seq__gt=manifest.built_from).values_list("kind", "body"):
        data = json.loads(body)["data"]
        touched |= {data["incident"]} if data.get("incident") else set(data.get("incidents", ()))
        redacted = redacted or kind == "redaction"
    return touched, redacted


def _write(where: Path, manifest: Manifest | None, reading: _Reading, now: datetime) -> None:
    generation = Generation(where, now=now, anew=reading.anew)
    for form in (building.FRESH, building.STALE):
        generation.write(form, building.about_now(reading.page, form))
    _write_pages(generation, manifest if not reading.anew else None, reading)
    _write_record(generation, manifest if not reading.redacted else None, reading)
    before = manifest.shards if manifest and not reading.anew else {}
    for month, public_ids in sorted(reading.months.items()):
        written = {
            public_id: building.incident_files(reading.incidents[public_id], reading.page.components)
            for public_id in public_ids
            if public_id in reading.incidents
        }
        if not written and month in before:
            generation.keep_shard(month, before[month])
        else:
            kept = [public_id for public_id in public_ids if public_id not in written]
            generation.write_shard(month, written, kept)
    generation.swap_in(
        built_from=reading.page.record.seq,
        head=reading.page.record.hash,
        built_at=now.timestamp(),
        made_with=building.fingerprint(),
    )


def _write_pages(generation: Generation, manifest: Manifest | None, reading: _Reading) -> None:
    before = manifest.pages if manifest else None
    if before and before.gate == reading.gate:
        generation.keep_pages(before)
        return
    entries = before.parts if before else {}
    changed = {name: part for name, part in reading.parts.items() if name not in entries or entries[name].key != part.key}
    kept = {
        name: entry
        for name, entry in entries.items()
        if name not in changed and (name in reading.parts or not name.startswith(parts.GONE_WHEN_UNNAMED))
    }
    written = {name: (part.key, part.about, part.make()) for name, part in changed.items()}
    generation.write_pages(reading.gate, written, kept)


def _write_record(generation: Generation, manifest: Manifest | None, reading: _Reading) -> None:
    before = manifest.record if manifest else None
    seq = (before.seq if before else 0) + len(reading.lines)
    generation.write_record(before, reading.lines, seq)
