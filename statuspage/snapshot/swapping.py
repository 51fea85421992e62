"""The snapshot on disk: whole generations written beside the current one and swapped in by one rename.

    $SNAPSHOT_DIR/
      current -> generations/<n>
      generations/<n>/{fresh,stale}/...            files about now, in their two forms
      generations/<n>/{fresh,stale,archive}/pages  -> trees of pages made anew only when something they say has changed
      generations/<n>/archive/incidents/<yyyy-mm>  -> a tree with a folder an incident: <id>.html, sw/<id>.html, <id>.json
      generations/<n>/archive/record               -> the record's file
      generations/<n>/manifest.json
      shards/trees/<n>.<k>/                        immutable folders (statuspage.snapshot.trees)
      shards/parts/<n>.json                        which pages there are, and what each was made from
      shards/record/<version>/record.jsonl         entries are added at its end; a new version after a text was removed
      ids/<id> -> ../current/archive/incidents/<yyyy-mm>/<id>
      live/<slot> -> ../current/fresh              slot = epoch // 10; there while the last good tick is young
      lock

Each file of a kilobyte and more has its gzip and brotli twins beside it. nginx's ETag is mtime and size, so no two contents that
one address ever had may share an mtime: whole seconds, strictly increasing per file, even in fresh/ and odd in stale/. Unchanged
content is a hard link and keeps its own.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from statuspage.snapshot.building import FRESH, STALE

SLOT = 10  # seconds
LINKED_AHEAD = 60  # seconds
KEPT = 20  # generations
LOCK_PATIENCE = 10.0  # seconds
ARCHIVE = "archive"
SHARDS = ("trees", "parts", "record")
FORMS = (FRESH, STALE)
HALVES = (*FORMS, ARCHIVE)
IN_MONTH = "kept.json"  # beside the folders of a month's incidents
TWINS = {"gzip": ".gz", "br": ".br"}


class SnapshotError(OSError):
    """The snapshot folder cannot be used as it is. The message says what to change."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A month of incidents: how many, what lies there (to see what is missing), and what all of them were made with; "" while
    some wait to be made."""

    incidents: int
    files: int
    size: int
    made_with: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Of an incident's files: the month (2026-11) it began in, and what they were made with."""

    began: str
    made_with: str


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A page, or a few, under one key. `files` are {half: names}; `count`: how many problems a month lists."""

    key: str
    files: dict[str, list[str]]
    count: int = 0


@dataclass(frozen=True, slots=True)
class Pages:
    """The trees of pages; shards/parts/<version>.json tells their parts. `gate` is what was looked at to see that none of them
    need be made anew; "" while some wait."""

    version: int
    gate: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The record's file holds the entries up to `seq`; its size and that of its gzip twin then."""

    version: int
    seq: int
    size: int
    packed: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation was built from. `built_at` is epoch seconds with fractions; `waiting`: pages of the archive yet to be
    written, and `of` how many there are."""

    built_from: int
    head: str
    built_at: float
    made_with: str
    files: dict[str, list[int]] = field(default_factory=dict)  # name: [its size, those of its twins]
    shards: dict[str, Shard] = field(default_factory=dict)
    pages: Pages | None = None
    record: RecordFile | None = None
    waiting: int = 0
    of: int = 0
    owed: list[str] = field(default_factory=list)  # months of history that were not looked at

    def encoded(self) -> bytes:
        return orjson.dumps(self, option=orjson.OPT_SORT_KEYS)


def decoded(raw: bytes) -> Manifest:
    """Raises ValueError for anything that is not a manifest."""
    try:
        data = orjson.loads(raw)
        shards = {str(month): Shard(**shard) for month, shard in data.pop("shards").items()}
        pages, record = data.pop("pages", None), data.pop("record", None)
        manifest = Manifest(
            **data,
            shards=shards,
            pages=Pages(**pages) if pages else None,
            record=RecordFile(**record) if record else None,
        )
        if not (isinstance(manifest.built_from, int) and isinstance(manifest.built_at, int | float)):
            raise ValueError("numbers expected")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its manifest cannot be read ({error})") from error
    return manifest


# --- Lock and look -----------------------------------------------------------------------------


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One writer at a time on this disk."""
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("generations", "shards", *(f"shards/{kind}" for kind in SHARDS), "ids"):
            _folder(directory / name)
        with (directory / "lock").open("a") as handle:
            _take(handle.fileno())
            yield


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turns every refusal of the disk into one line that says what to change."""
    try:
        yield
    except SnapshotError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise SnapshotError(
            f"The snapshot folder {directory} cannot be written ({reason}): make it writable for this user, "
            "or set HALI_SNAPSHOT_DIR."
        ) from error


def _take(descriptor: int) -> None:
    until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise SnapshotError("Another process holds the snapshot's lock and does not let go of it.") from None
            time.sleep(0.02)


def _folder(path: Path) -> None:
    """A folder is here afterwards, whatever stood in its place."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        path.mkdir()


def current_generation(directory: Path) -> Path | None:
    """The generation `current` names, whole or not."""
    try:
        target = os.readlink(directory / "current")
    except OSError:
        return None
    return directory / target


def read_manifest(directory: Path) -> Manifest | None:
    """The current generation's manifest; None when there is none that can be read."""
    generation = current_generation(directory)
    try:
        return decoded((generation / "manifest.json").read_bytes()) if generation else None
    except (OSError, ValueError):
        return None


def read_parts(directory: Path, version: int) -> dict[str, PartEntry]:
    """Which pages there are. Raises OSError and ValueError when that cannot be read."""
    return {name: PartEntry(*entry) for name, entry in _json(parts_file(directory, version)).items()}


def read_month(generation: Path, month: str) -> dict[str, Kept]:
    """What is kept of a month's incidents, by public id. Raises OSError and ValueError when that cannot be read."""
    return {public_id: Kept(*kept) for public_id, kept in _json(generation / ARCHIVE / "incidents" / month / IN_MONTH).items()}


def _json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = orjson.loads(path.read_bytes())
        return dict(data)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error


def parts_file(directory: Path, version: int) -> Path:
    return directory / "shards" / "parts" / f"{version}.json"


def roots(generation: Path) -> dict[str, str]:
    """{place: link to a tree} of everything a generation shares with others."""
    months = generation / ARCHIVE / "incidents"
    places = [*(months / name for name in sorted(os.listdir(months))), *(generation / half / "pages" for half in HALVES)]
    return {str(place.relative_to(generation)): os.readlink(place) for place in places if place.is_symlink()}


# --- Change --------------------------------------------------------------------------------------


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def replace_link(link: Path, target: str) -> None:
    """Point a link elsewhere in one step."""
    if link.exists() and not link.is_symlink():
        remove(link)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    os.symlink(target, temporary)
    os.replace(temporary, link)


def sync(directory: Path) -> None:
    """All that was written lies on the disk afterwards. One call for the whole file system costs a twentieth of one a file."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if _syncfs is None:
            os.sync()
        elif _syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)


_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


# --- Freshness ---------------------------------------------------------------------------------


def link_ahead(directory: Path, *, now: float, until: float | None = None) -> None:
    """live/<slot> for the next minute, and no other: when nobody extends them, they run out and every file about now turns.

    Not past `until` where that is earlier, but for one slot: whoever is at work has looked again by then."""
    folder = directory / "live"
    _folder(folder)
    end = now + LINKED_AHEAD if until is None else min(now + LINKED_AHEAD, max(now, until) + SLOT)
    wanted = {str(slot) for slot in range(int(now) // SLOT, int(end) // SLOT + 1)}
    there = set(os.listdir(folder))
    for name in there - wanted:
        remove(folder / name)
    for name in wanted - there:
        with suppress(FileExistsError):
            os.symlink(f"../current/{FRESH}", folder / name)


def live_until(directory: Path) -> float | None:
    """When the last of these links runs out (epoch seconds); None when there is none."""
    try:
        slots = [int(name) for name in os.listdir(directory / "live") if name.isdigit()]
    except OSError:
        return None
    return float((max(slots) + 1) * SLOT) if slots else None


def is_live(directory: Path, *, now: float) -> bool:
    """May the fresh form be served? The question nginx asks by try_files."""
    return os.path.lexists(directory / "live" / str(int(now) // SLOT))
