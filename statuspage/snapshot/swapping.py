"""The snapshot on disk: whole generations written beside the current one and swapped in by one rename.

    $SNAPSHOT_DIR/
      current -> generations/<n>
      generations/<n>/{fresh,stale}/...            files about now, in their two forms
      generations/<n>/archive/...                  files with one form; archive/incidents/<yyyy-mm> -> a shard
      generations/<n>/manifest.json
      shards/incidents/<yyyy-mm>.<version>/        immutable: <id>.html, sw/<id>.html, <id>.json
      ids/<id> -> ../current/archive/incidents/<yyyy-mm>
      live/<slot> -> ../current/fresh              slot = epoch // 10; there while the last good tick is young
      lock

Each file has its gzip twin beside it. nginx's ETag is mtime and size, so no two contents that one address ever had may share an
mtime: whole seconds, strictly increasing per file, even in fresh/ and odd in stale/. Unchanged content is a hard link and keeps
its own.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from statuspage.snapshot.building import FRESH, STALE, Files

log = logging.getLogger(__name__)

SLOT = 10  # seconds
LINKED_AHEAD = 60  # seconds
KEPT = 20  # generations
LOCK_PATIENCE = 10.0  # seconds
ARCHIVE = "archive"
_PARITY = {FRESH: 0, STALE: 1}


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
class Manifest:
    """What a generation was built from. `built_at` is epoch seconds with fractions."""

    built_from: int
    head: str
    built_at: float
    made_with: str
    files: dict[str, list[int]] = field(default_factory=dict)  # name: [size, size of its gzip twin]
    shards: dict[str, Shard] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()


def _decoded(raw: bytes) -> Manifest:
    """Raises ValueError for anything that is not a manifest."""
    try:
        data = json.loads(raw)
        shards = {str(month): Shard(**shard) for month, shard in data.pop("shards").items()}
        manifest = Manifest(**data, shards=shards)
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
        for name in ("generations", "shards", "shards/incidents", "ids"):
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
    if turn is None:
        return ""
    for month in months_to_weigh(sorted(manifest.shards), turn):
        folder, shard = generation / ARCHIVE / "incidents" / month, manifest.shards[month]
        if not folder.is_dir() or _weight(folder) != (shard.files, shard.size):
            return f"the incidents of {month} are missing or damaged"
    if len(os.listdir(directory / "ids")) < sum(len(shard.incidents) for shard in manifest.shards.values()):
        return "links in ids/ are missing"
    return ""


def months_to_weigh(months: Sequence[str], turn: int) -> Sequence[str]:
    """The months to look at in this turn."""
    if turn == 0 or len(months) < 3:
        return months
    return [months[-1], months[turn % (len(months) - 1)]]


def _weight(folder: Path) -> tuple[int, int]:
    """(files, bytes) in a folder and the folders in it."""
    files = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            files += 1
            size += os.stat(os.path.join(parent, name)).st_size
    return files, size


# --- Write a generation ------------------------------------------------------------------------


class Generation:
    """A generation being written; nothing of it is seen until `swap_in`."""

    def __init__(self, directory: Path, *, now: datetime, anew: bool) -> None:
        """`anew`: link to nothing that lies there, since it may be damaged; only its times are looked at."""
        self.directory = directory
        self.anew = anew
        self.second = int(now.timestamp())
        self.previous = current_generation(directory)
        self.number = _next_number(directory)
        self.partial = directory / "generations" / f".{self.number}.partial"
        self.files: dict[str, list[int]] = {}
        self.shards: dict[str, Shard] = {}
        for half in (FRESH, STALE, f"{ARCHIVE}/incidents"):
            (self.partial / half).mkdir(parents=True)

    def write(self, half: str, files: Files) -> None:
        """Files of fresh/, stale/ or archive/."""
        for name, content in files.items():
            earlier = self.previous / half / name if self.previous else None
            path = self.partial / half / name
            self._put(path, content, earlier, _PARITY.get(half))
            self.files[f"{half}/{name}"] = [path.stat().st_size, _twin(path).stat().st_size]

    def keep_shard(self, month: str, shard: Shard) -> None:
        """A month nothing happened to."""
        self.shards[month] = shard
        self._link_shard(month)

    def write_shard(self, month: str, written: Mapping[str, Files], kept: Sequence[str]) -> None:
        """A month's new version: the files of the `written` incidents, and links to those of the `kept` ones as they were."""
        root = self.directory / "shards" / "incidents"
        old = self.previous / ARCHIVE / "incidents" / month if self.previous else None
        partial = root / f".{month}.{self.number}.partial"
        partial.mkdir()
        for files in written.values():
            for name, content in files.items():
                self._put(partial / name, content, old / name if old else None, None)
        if old and kept:
            for name in _names(old):
                if name.rpartition("/")[2].partition(".")[0] in kept:
                    _link(old / name, partial / name)
        _sync_folders(partial)
        os.rename(partial, root / f"{month}.{self.number}")
        _sync(root)
        count, size = _weight(root / f"{month}.{self.number}")
        self.shards[month] = Shard(self.number, sorted([*written, *kept]), count, size)
        self._link_shard(month)

    def _link_shard(self, month: str) -> None:
        target = f"../../../../shards/incidents/{month}.{self.shards[month].version}"
        os.symlink(target, self.partial / ARCHIVE / "incidents" / month)

    def _put(self, path: Path, content: bytes, earlier: Path | None, parity: int | None) -> None:
        """Write a file and its gzip twin; where `earlier` says the same, link to it instead."""
        path.parent.mkdir(parents=True, exist_ok=True)
        mtime = self.second
        if earlier is not None:
            with suppress(OSError):
                before = int(earlier.stat().st_mtime)
                mtime = max(mtime, before + 1)
                if not self.anew and earlier.read_bytes() == content and _twin(earlier).exists():
                    _link(earlier, path)
                    _link(_twin(earlier), _twin(path))
                    return
        if parity is not None and mtime % 2 != parity:
            mtime += 1
        _write(path, content, mtime)
        _write(_twin(path), gzip.compress(content, 9, mtime=0), mtime)

    def swap_in(self, *, built_from: int, head: str, built_at: float, made_with: str) -> None:
        """Make it the current one. Killed anywhere in here, the snapshot is the old one or the new one, whole."""
        manifest = Manifest(built_from, head, built_at, made_with, self.files, self.shards)
        _write(self.partial / "manifest.json", manifest.encoded(), self.second)
        _sync_folders(self.partial)
        os.rename(self.partial, self.directory / "generations" / str(self.number))
        _sync(self.directory / "generations")
        self._name_incidents()  # before the swap: a page never links to what cannot be found
        _replace_link(self.directory / "current", f"generations/{self.number}")
        _sync(self.directory)

    def _name_incidents(self) -> None:
        """ids/<id> for each incident. They are only ever added: an incident's month never changes."""
        folder = self.directory / "ids"
        there = set(os.listdir(folder))
        for month, shard in self.shards.items():
            for public_id in shard.incidents:
                if public_id not in there:
                    os.symlink(f"../current/{ARCHIVE}/incidents/{month}", folder / public_id)
        _sync(folder)


def _next_number(directory: Path) -> int:
    numbers = [int(name) for name in os.listdir(directory / "generations") if name.isdigit()]
    return max(numbers, default=0) + 1


def _names(folder: Path) -> list[str]:
    return [str(Path(parent, name).relative_to(folder)) for parent, _, names in os.walk(folder) for name in names]


def _twin(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def _link(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except FileExistsError:
        return
    except OSError:  # a disk without hard links
        shutil.copy2(old, new)


def _write(path: Path, content: bytes, mtime: int) -> None:
    if path.exists():  # a link begun from the earlier file: never write through it
        path.unlink()
    with path.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.utime(path, (mtime, mtime))
        os.fsync(handle.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folders(folder: Path) -> None:
    for parent, _, _ in os.walk(folder):
        _sync(Path(parent))


def _replace_link(link: Path, target: str) -> None:
    """Point a link elsewhere in one step."""
    if link.exists() and not link.is_symlink():
        _remove(link)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    os.symlink(target, temporary)
    os.replace(temporary, link)


# --- Tidy up -----------------------------------------------------------------------------------


def remove_partials(directory: Path) -> None:
    """What a killed writer left: half generations, shards no generation names."""
    for folder in (directory / "generations", directory / "shards" / "incidents"):
        for path in folder.iterdir():
            if path.name.startswith("."):
                _remove(path)
    _remove_unused_shards(directory)


def prune(directory: Path, *, keep: int) -> None:
    """Keep the newest generations (the current one always), and the shards they use."""
    current = current_generation(directory)
    numbered = sorted((path for path in (directory / "generations").iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    for path in numbered[:-keep]:
        if current is None or path.name != current.name:
            _remove(path)
    _remove_unused_shards(directory)


def _remove_unused_shards(directory: Path) -> None:
    used = set()
    for generation in (directory / "generations").iterdir():
        links = generation / ARCHIVE / "incidents"
        if links.is_dir():
            used |= {Path(os.readlink(link)).name for link in links.iterdir() if link.is_symlink()}
    for shard in (directory / "shards" / "incidents").iterdir():
        if shard.name not in used:
            _remove(shard)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


# --- Freshness ---------------------------------------------------------------------------------


def link_ahead(directory: Path, *, now: float) -> None:
    """live/<slot> for the next minute, and no other: when nobody extends them, they run out and every file about now turns."""
    folder = directory / "live"
    _folder(folder)
    wanted = {str(slot) for slot in range(int(now) // SLOT, int(now + LINKED_AHEAD) // SLOT + 1)}
    there = set(os.listdir(folder))
    for name in there - wanted:
        _remove(folder / name)
    for name in wanted - there:
        with suppress(FileExistsError):
            os.symlink(f"../current/{FRESH}", folder / name)


def is_live(directory: Path, *, now: float) -> bool:
    """May the fresh form be served? The question nginx asks by try_files."""
    return os.path.lexists(directory / "live" / str(int(now) // SLOT))
