"""The snapshot on disk: whole generations written beside the current one and swapped in by one rename.

    $SNAPSHOT_DIR/
      current -> generations/<n>
      generations/<n>/{fresh,stale}/...            files about now, in their two forms
      generations/<n>/archive/incidents/<yyyy-mm>  -> a shard of files with one form
      generations/<n>/{fresh,stale,archive}/pages  -> the same folder of the shard of pages
      generations/<n>/archive/record               -> the record's file
      generations/<n>/manifest.json
      shards/incidents/<yyyy-mm>.<version>/        immutable: <id>.html, sw/<id>.html, <id>.json
      shards/pages/<version>/{fresh,stale,archive} immutable: pages made anew only when something they say has changed
      shards/record/<version>/record.jsonl         entries are added at its end; a new version after a text was removed
      ids/<id> -> ../current/archive/incidents/<yyyy-mm>
      live/<slot> -> ../current/fresh              slot = epoch // 10; there while the last good tick is young
      lock

Each file has its gzip twin beside it. nginx's ETag is mtime and size, so no two contents that one address ever had may share an
mtime: whole seconds, strictly increasing per file, even in fresh/ and odd in stale/. Unchanged content is a hard link and keeps
its own.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from statuspage.snapshot.building import FRESH

log = logging.getLogger(__name__)

SLOT = 10  # seconds
LINKED_AHEAD = 60  # seconds
KEPT = 20  # generations
LOCK_PATIENCE = 10.0  # seconds
ARCHIVE = "archive"
SHARDS = ("incidents", "pages", "record")


class SnapshotError(OSError):
    """The snapshot folder cannot be used as it is. The message says what to change."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A month of incidents: its version, the incidents in it, and how much lies there, to see what is missing."""

    version: int
    incidents: list[str]
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A page, or a few, under one key. `files` are {half: names}; `about`: the incidents that a month lists."""

    key: str
    files: dict[str, list[str]]
    about: list[str]


@dataclass(frozen=True, slots=True)
class Pages:
    """The shard of pages. `gate` is what was looked at to see that none of them need be made anew."""

    version: int
    gate: str
    parts: dict[str, PartEntry]
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
    """What a generation was built from. `built_at` is epoch seconds with fractions."""

    built_from: int
    head: str
    built_at: float
    made_with: str
    files: dict[str, list[int]] = field(default_factory=dict)  # name: [size, size of its gzip twin]
    shards: dict[str, Shard] = field(default_factory=dict)
    pages: Pages | None = None
    record: RecordFile | None = None

    def encoded(self) -> bytes:
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()


def _decoded(raw: bytes) -> Manifest:
    """Raises ValueError for anything that is not a manifest."""
    try:
        data = json.loads(raw)
        shards = {str(month): Shard(**shard) for month, shard in data.pop("shards").items()}
        pages, record = data.pop("pages", None), data.pop("record", None)
        parts = {str(name): PartEntry(**part) for name, part in pages.pop("parts").items()} if pages else {}
        manifest = Manifest(
            **data,
            shards=shards,
            pages=Pages(**pages, parts=parts) if pages else None,
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
        return _decoded((generation / "manifest.json").read_bytes()) if generation else None
    except (OSError, ValueError):
        return None


def find_whole(directory: Path, *, turn: int | None) -> Manifest | None:
    """The current generation's manifest when nothing of it is missing; else None, and one line says what is wrong.

    Files about now are always looked at. `turn` None looks no further; 0 weighs every month; a later turn weighs the newest month
    and one other, by turns, so that looking costs the same however long the history is.
    """
    generation = current_generation(directory)
    if generation is None:
        if any((directory / "generations").iterdir()):
            log.warning("The snapshot in %s is not whole (it has no current generation): rebuilding all of it.", directory)
        return None
    try:
        manifest = _decoded((generation / "manifest.json").read_bytes())
        problem = _missing(directory, generation, manifest, turn)
    except FileNotFoundError as error:
        problem = f"{error.filename} is missing"
    except (OSError, ValueError) as error:
        problem = str(error)
    if not problem:
        return manifest
    log.warning("The snapshot in %s is not whole (%s): rebuilding all of it.", directory, problem)
    return None


def _missing(directory: Path, generation: Path, manifest: Manifest, turn: int | None) -> str:
    for name, sizes in manifest.files.items():
        for path, size in zip((generation / name, generation / f"{name}.gz"), sizes, strict=True):
            if path.stat().st_size != size:
                return f"{path} is damaged"
    record = generation / ARCHIVE / "record" / "record.jsonl"
    if manifest.record and (record.stat().st_size < manifest.record.size or twin(record).stat().st_size < manifest.record.packed):
        return f"{record} is damaged"
    if turn is None:
        return ""
    for month in months_to_weigh(sorted(manifest.shards), turn):
        folder, shard = generation / ARCHIVE / "incidents" / month, manifest.shards[month]
        if not folder.is_dir() or weight(folder) != (shard.files, shard.size):
            return f"the incidents of {month} are missing or damaged"
    if manifest.pages and weight(directory / "shards/pages" / str(manifest.pages.version)) != (
        manifest.pages.files,
        manifest.pages.size,
    ):
        return "pages are missing or damaged"
    if len(os.listdir(directory / "ids")) < sum(len(shard.incidents) for shard in manifest.shards.values()):
        return "links in ids/ are missing"
    return ""


def months_to_weigh(months: Sequence[str], turn: int) -> Sequence[str]:
    """The months to look at in this turn."""
    if turn == 0 or len(months) < 3:
        return months
    return [months[-1], months[turn % (len(months) - 1)]]


def weight(folder: Path) -> tuple[int, int]:
    """(files, bytes) in a folder and the folders in it."""
    files = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            files += 1
            size += os.stat(os.path.join(parent, name)).st_size
    return files, size


# --- Tidy up -----------------------------------------------------------------------------------


def remove_partials(directory: Path) -> None:
    """What a killed writer left: half generations, shards no generation names."""
    for folder in (directory / "generations", *(directory / "shards" / kind for kind in SHARDS)):
        for path in folder.iterdir():
            if path.name.startswith("."):
                remove(path)
    _remove_unused_shards(directory)


def prune(directory: Path, *, keep: int) -> None:
    """Keep the newest generations (the current one always), and the shards they use."""
    current = current_generation(directory)
    numbered = sorted((path for path in (directory / "generations").iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    for path in numbered[:-keep]:
        if current is None or path.name != current.name:
            remove(path)
    _remove_unused_shards(directory)


def _remove_unused_shards(directory: Path) -> None:
    used = set()
    for generation in (directory / "generations").iterdir():
        months = generation / ARCHIVE / "incidents"
        links = [*(months.iterdir() if months.is_dir() else ()), generation / ARCHIVE / "pages", generation / ARCHIVE / "record"]
        for link in links:
            if link.is_symlink():
                target = os.readlink(link).partition("shards/")[2].split("/")
                used.add(tuple(target[:2]))
    for kind in SHARDS:
        for shard in (directory / "shards" / kind).iterdir():
            if (kind, shard.name) not in used:
                remove(shard)


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


def twin(path: Path) -> Path:
    """A file's gzip twin."""
    return path.with_name(f"{path.name}.gz")


# --- Freshness ---------------------------------------------------------------------------------


def link_ahead(directory: Path, *, now: float) -> None:
    """live/<slot> for the next minute, and no other: when nobody extends them, they run out and every file about now turns."""
    folder = directory / "live"
    _folder(folder)
    wanted = {str(slot) for slot in range(int(now) // SLOT, int(now + LINKED_AHEAD) // SLOT + 1)}
    there = set(os.listdir(folder))
    for name in there - wanted:
        remove(folder / name)
    for name in wanted - there:
        with suppress(FileExistsError):
            os.symlink(f"../current/{FRESH}", folder / name)


def is_live(directory: Path, *, now: float) -> bool:
    """May the fresh form be served? The question nginx asks by try_files."""
    return os.path.lexists(directory / "live" / str(int(now) // SLOT))
