"""One generation: written beside the current one, seen by nobody until it is whole."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from statuspage.snapshot.building import FRESH, STALE, Files
from statuspage.snapshot.swapping import (
    ARCHIVE,
    Manifest,
    Pages,
    PartEntry,
    RecordFile,
    Shard,
    current_generation,
    replace_link,
    twin,
    weight,
)

_PARITY = {FRESH: 0, STALE: 1}
HALVES = (FRESH, STALE, ARCHIVE)
Written = tuple[str, Sequence[str], Mapping[str, Files]]  # key, the incidents it is about, files of each half


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
        self.pages: Pages | None = None
        self.record: RecordFile | None = None
        for half in (FRESH, STALE, f"{ARCHIVE}/incidents"):
            (self.partial / half).mkdir(parents=True)

    def write(self, half: str, files: Files) -> None:
        """Files of fresh/ or stale/."""
        for name, content in files.items():
            earlier = self.previous / half / name if self.previous else None
            path = self.partial / half / name
            self._put(path, content, earlier, _PARITY.get(half))
            self.files[f"{half}/{name}"] = [path.stat().st_size, twin(path).stat().st_size]

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
        count, size = weight(root / f"{month}.{self.number}")
        self.shards[month] = Shard(self.number, sorted([*written, *kept]), count, size)
        self._link_shard(month)

    def _link_shard(self, month: str) -> None:
        target = f"../../../../shards/incidents/{month}.{self.shards[month].version}"
        os.symlink(target, self.partial / ARCHIVE / "incidents" / month)

    def keep_pages(self, pages: Pages) -> None:
        """No page need be made anew."""
        self.pages = pages
        for half in HALVES:
            os.symlink(f"../../../shards/pages/{pages.version}/{half}", self.partial / half / "pages")

    def write_pages(self, gate: str, written: Mapping[str, Written], kept: Mapping[str, PartEntry]) -> None:
        """A new version of the shard of pages: the `written` parts, and links to the files of the `kept` ones as they were."""
        root = self.directory / "shards" / "pages"
        old = self.previous / ARCHIVE / "pages" / ".." if self.previous else None
        partial = root / f".{self.number}.partial"
        for half in HALVES:
            (partial / half).mkdir(parents=True)
        entries = dict(kept)
        for name, (key, about, halves) in written.items():
            for half, files in halves.items():
                for file, content in files.items():
                    self._put(partial / half / file, content, old / half / file if old else None, _PARITY.get(half))
            entries[name] = PartEntry(key, {half: sorted(files) for half, files in halves.items()}, list(about))
        for half, names in (pair for entry in kept.values() for pair in entry.files.items()):
            for file in names:
                if old:
                    _link(old / half / file, partial / half / file)
                    _link(twin(old / half / file), twin(partial / half / file))
        _sync_folders(partial)
        os.rename(partial, root / str(self.number))
        _sync(root)
        self.keep_pages(Pages(self.number, gate, entries, *weight(root / str(self.number))))

    def write_record(self, before: RecordFile | None, lines: Sequence[str], seq: int) -> None:
        """Add lines to the record's file, up to entry `seq`; without `before` it is begun anew.

        It is the one file that grows in place: entries never change, and a reader who asked earlier gets the length of then. What
        a killed writer added beyond the manifest is cut off first. Each addition is a gzip member of its own.
        """
        version = before.version if before else self.number
        path = self.directory / "shards" / "record" / str(version) / "record.jsonl"
        path.parent.mkdir(exist_ok=True)
        added = "".join(f"{line}\n" for line in lines).encode()
        sizes = (before.size, before.packed) if before else (0, 0)
        mtime = self.second
        with suppress(OSError):
            mtime = max(mtime, int(path.stat().st_mtime) + 1)
        if added or before is None:
            _append(path, added, sizes[0], mtime)
            _append(twin(path), gzip.compress(added, 9, mtime=0), sizes[1], mtime)
        os.symlink(f"../../../shards/record/{version}", self.partial / ARCHIVE / "record")
        self.record = RecordFile(version, seq, path.stat().st_size, twin(path).stat().st_size)

    def _put(self, path: Path, content: bytes, earlier: Path | None, parity: int | None) -> None:
        """Write a file and its gzip twin; where `earlier` says the same, link to it instead."""
        path.parent.mkdir(parents=True, exist_ok=True)
        mtime = self.second
        if earlier is not None:
            with suppress(OSError):
                before = int(earlier.stat().st_mtime)
                mtime = max(mtime, before + 1)
                if not self.anew and earlier.read_bytes() == content and twin(earlier).exists():
                    _link(earlier, path)
                    _link(twin(earlier), twin(path))
                    return
        if parity is not None and mtime % 2 != parity:
            mtime += 1
        _write(path, content, mtime)
        _write(twin(path), gzip.compress(content, 9, mtime=0), mtime)

    def swap_in(self, *, built_from: int, head: str, built_at: float, made_with: str) -> None:
        """Make it the current one. Killed anywhere in here, the snapshot is the old one or the new one, whole."""
        manifest = Manifest(built_from, head, built_at, made_with, self.files, self.shards, self.pages, self.record)
        _write(self.partial / "manifest.json", manifest.encoded(), self.second)
        _sync_folders(self.partial)
        os.rename(self.partial, self.directory / "generations" / str(self.number))
        _sync(self.directory / "generations")
        self._name_incidents()  # before the swap: a page never links to what cannot be found
        replace_link(self.directory / "current", f"generations/{self.number}")
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


def _append(path: Path, content: bytes, size: int, mtime: int) -> None:
    """Write after the first `size` bytes."""
    with path.open("ab") as handle:
        handle.truncate(size)
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
