"""One generation: written beside the current one, seen by nobody until it is whole."""

from __future__ import annotations

import gzip
import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import brotli
import orjson

from incidents import exercise
from statuspage.snapshot import trees
from statuspage.snapshot.building import FRESH, STALE, Files
from statuspage.snapshot.swapping import (
    ARCHIVE,
    HALVES,
    IN_MONTH,
    TWINS,
    Kept,
    Manifest,
    Pages,
    PartEntry,
    RecordFile,
    Shard,
    current_generation,
    parts_file,
    replace_link,
    sync,
)

_PARITY = {FRESH: 0, STALE: 1}
WRITERS = 2  # threads: packing and writing wait for no rendering, and the interpreter lets go of its lock for both
PACKED_FROM = 1024  # bytes: less than that fits into one packet as it is
GZIP_LEVEL = 6  # 1 to 3 % larger than its best, in half the time
BROTLI_QUALITY = 5  # a sixth smaller than gzip's best for twice its time; 9 wins 1 % for seven times that
BROTLI_WINDOW = 18  # 256 kB, more than a page: the usual 4 MB find nothing else, and take longer
Halves = Mapping[str, Files]
Written = tuple[str, int, Halves]  # key, count, files of each half


class Generation:
    """A generation being written; nothing of it is seen until `swap_in`."""

    def __init__(self, directory: Path, *, now: datetime, anew: bool) -> None:
        """`anew`: link to nothing that lies there, since it may be damaged; only its times are looked at."""
        self.directory = directory
        self.anew = anew
        self.second = int(now.timestamp())
        self.previous = current_generation(directory)
        self.number = _next_number(directory)
        self.forest = trees.Forest(directory, self.number)
        self.partial = directory / "generations" / f".{self.number}.partial"
        self.files: dict[str, list[int]] = {}
        self.shards: dict[str, Shard] = {}
        self.months: list[str] = []  # those written now
        self.pages: Pages | None = None
        self.record: RecordFile | None = None
        self.named: dict[str, str] = {}  # incidents written now: the month their files lie in
        self.writers = ThreadPoolExecutor(WRITERS)
        self.writing: list[Future[None]] = []
        self.folders: set[str] = set()
        for half in (FRESH, STALE, f"{ARCHIVE}/incidents"):
            (self.partial / half).mkdir(parents=True)

    def write(self, half: str, files: Files) -> None:
        """Files of fresh/ or stale/."""
        for name, content in files.items():
            earlier = f"{self.previous}/{half}/{name}" if self.previous else None
            self._put(_PARITY.get(half), self.anew, self._place(f"{half}/{name}"), content, earlier)
            self.files[f"{half}/{name}"] = []  # measured when all of them are written

    def keep(self, names: Iterable[str]) -> None:
        """Files of fresh/ or stale/, named with their half, as they were."""
        assert self.previous is not None
        for name in names:
            _link_all(f"{self.previous}/{name}", self._place(name))
            self.files[name] = []

    def _place(self, name: str) -> str:
        """Where a file of this generation is to lie; its folder is there."""
        path = f"{self.partial}/{name}"
        folder = os.path.dirname(path)
        if folder not in self.folders:
            os.makedirs(folder, exist_ok=True)
            self.folders.add(folder)
        return path

    def measure(self) -> None:
        """Wait until all is written, and note the sizes of the files about now, and of the months that were written."""
        self._finish()
        for month in self.months:
            files, size = trees.weight(f"{self.partial}/{ARCHIVE}/incidents/{month}")
            self.shards[month] = replace(self.shards[month], files=files, size=size)
        for name in self.files:
            path = f"{self.partial}/{name}"
            self.files[name] = [os.stat(copy).st_size for copy in (path, *_twins(path).values()) if os.path.exists(copy)]

    # --- Incidents -------------------------------------------------------------------------------

    def keep_months(self, shards: Mapping[str, Shard]) -> None:
        """Months nothing happened to."""
        self.shards |= shards
        if shards:
            trees.take_over(f"{self.previous}/{ARCHIVE}/incidents", f"{self.partial}/{ARCHIVE}/incidents", shards)

    def write_month(self, month: str, written: Mapping[str, tuple[Kept, Files]], kept: Mapping[str, Kept], *, whole: str) -> None:
        """A month with the files of the `written` incidents, beside those of the `kept` ones as they were. `whole`: what all of
        them are made with, "" while some wait."""
        place = f"{ARCHIVE}/incidents/{month}"
        listed = {public_id: [one.began, one.made_with] for public_id, one in kept.items()}
        files: dict[str, bytes] = {}
        for public_id, (one, own) in written.items():
            listed[public_id] = [one.began, one.made_with]
            files |= {f"{public_id}/{name}": content for name, content in own.items()}
            self.named[public_id] = month
        files[IN_MONTH] = orjson.dumps(listed, option=orjson.OPT_SORT_KEYS)
        self._grow(place, files, set(), None, keep=bool(kept))
        self.shards[month] = Shard(len(listed), 0, 0, whole)
        self.months.append(month)

    # --- Pages -----------------------------------------------------------------------------------

    def keep_pages(self, pages: Pages) -> None:
        """No page need be made anew."""
        assert self.previous is not None
        self.pages = pages
        for half in HALVES:
            os.symlink(os.readlink(self.previous / half / "pages"), self.partial / half / "pages")

    def write_pages(
        self,
        gate: str,
        written: Mapping[str, Written],
        kept: Mapping[str, PartEntry],
        before: Mapping[str, PartEntry],
        *,
        halves: Collection[str] = HALVES,
    ) -> None:
        """The `written` parts beside the `kept` ones; what else was there `before` goes. Other than these `halves` stay."""
        entries = dict(kept)
        for name, (key, count, made) in written.items():
            staying = {half: names for half, names in before[name].files.items() if half not in halves} if name in before else {}
            entries[name] = PartEntry(key, staying | {half: sorted(made[half]) for half in made if half in halves}, count)
        for half in set(HALVES) - set(halves):
            assert self.previous is not None
            os.symlink(os.readlink(self.previous / half / "pages"), self.partial / half / "pages")
        replaced = {name: entry for name, entry in before.items() if entries.get(name) != entry}
        new = {name: entry for name, entry in entries.items() if before.get(name) != entry}
        for half in halves:
            files = {name: content for _, _, made in written.values() for name, content in made.get(half, {}).items()}
            gone = _names(replaced, half) - _names(new, half)
            self._grow(f"{half}/pages", files, gone, _PARITY.get(half), keep=bool(before))
        listed = {name: [entry.key, entry.files, entry.count] for name, entry in entries.items()}
        _write(str(parts_file(self.directory, self.number)), orjson.dumps(listed), self.second)
        # Weighed, for who looks for damage, once nothing waits: a publication does not walk past all that it left as it was.
        if gate:
            self._finish()
        weights = [trees.weight(str(self.partial / half / "pages")) for half in HALVES] if gate else []
        self.pages = Pages(self.number, gate, sum(files for files, _ in weights), sum(size for _, size in weights))

    def _grow(self, place: str, files: Files, gone: set[str], parity: int | None, *, keep: bool) -> None:
        """The tree at this place, from the one that lies there; without `keep` only the times there are looked at."""
        old = str(self.previous / place) if self.previous else None
        grown = self.forest.grow(old, files, gone, partial(self._put, parity, not keep), keep=keep)
        depth = "../" * (place.count("/") + 2)
        os.symlink(f"{depth}shards/trees/{grown}", self.partial / place)

    # --- The record ------------------------------------------------------------------------------

    def write_record(self, before: RecordFile | None, lines: list[str]) -> None:
        """Add lines to the record's file; without `before` it is begun anew.

        It is the one file that grows in place: entries never change, and a reader who asked earlier gets the length of then. What
        a killed writer added beyond the manifest is cut off first. Each addition is a gzip member of its own.
        """
        version = before.version if before else self.number
        path = self.directory / "shards" / "record" / str(version) / "record.jsonl"
        packed = path.with_name(f"{path.name}.gz")
        path.parent.mkdir(exist_ok=True)
        added = "".join(f"{line}\n" for line in lines).encode()
        sizes = (before.size, before.packed) if before else (0, 0)
        mtime = self.second
        with suppress(OSError):
            mtime = max(mtime, int(path.stat().st_mtime) + 1)
        if added or before is None:
            _append(path, added, sizes[0], mtime)
            _append(packed, gzip.compress(added, GZIP_LEVEL, mtime=0), sizes[1], mtime)
        os.symlink(f"../../../shards/record/{version}", self.partial / ARCHIVE / "record")
        seq = (before.seq if before else 0) + len(lines)
        self.record = RecordFile(version, seq, path.stat().st_size, packed.stat().st_size)

    # --- One file --------------------------------------------------------------------------------

    def _put(self, parity: int | None, anew: bool, path: str, content: bytes, earlier: str | None) -> None:
        """Write a file and its twins; where `earlier` says the same, link to it instead, unless all is `anew`."""
        exercise.require_marked(path, content)
        mtime = self.second
        if earlier is not None:
            with suppress(OSError):
                mtime = max(mtime, int(os.stat(earlier).st_mtime) + 1)
                if not anew and _read(earlier) == content:
                    _link_all(earlier, path)
                    return
        if parity is not None and mtime % 2 != parity:
            mtime += 1
        self.writing.append(self.writers.submit(_write_with_twins, path, content, mtime))

    def _finish(self) -> None:
        """All that was put lies there afterwards. Raises the OSError of the first that could not be written."""
        waiting, self.writing = self.writing, []
        for one in waiting:
            one.result()

    def close(self) -> None:
        self.writers.shutdown(cancel_futures=True)

    # --- The swap --------------------------------------------------------------------------------

    def swap_in(self, manifest: Manifest) -> None:
        """Make it the current one. Killed anywhere in here, the snapshot is the old one or the new one, whole."""
        _write(str(self.partial / "manifest.json"), manifest.encoded(), self.second)
        os.rename(self.partial, self.directory / "generations" / str(self.number))
        self._name_incidents()  # before the swap: a page never links to what cannot be found
        sync(self.directory)
        replace_link(self.directory / "current", f"generations/{self.number}")

    def _name_incidents(self) -> None:
        """ids/<id> for each incident written. They are only ever added: an incident's month never changes."""
        folder = self.directory / "ids"
        for public_id, month in self.named.items():
            target, name = f"../current/{ARCHIVE}/incidents/{month}/{public_id}", folder / public_id
            if not name.is_symlink() or os.readlink(name) != target:
                replace_link(name, target)


def _names(entries: Mapping[str, PartEntry], half: str) -> set[str]:
    return {name for entry in entries.values() for name in entry.files.get(half, ())}


def _next_number(directory: Path) -> int:
    numbers = [int(name) for name in os.listdir(directory / "generations") if name.isdigit()]
    return max(numbers, default=0) + 1


def _is_packed(path: str, size: int) -> bool:
    return size >= PACKED_FROM and not path.endswith((".png", ".ico"))  # a picture is packed by its own format


def _twins(path: str) -> dict[str, str]:
    return {encoding: path + ending for encoding, ending in TWINS.items()}


def _link_all(old: str, new: str) -> None:
    """A file and those of its twins that are there. Raises OSError when the file, or a twin it must have, is not."""
    if _is_packed(old, os.stat(old).st_size):
        for ending in TWINS.values():
            trees.link(old + ending, new + ending)
    trees.link(old, new)


def _write_with_twins(path: str, content: bytes, mtime: int) -> None:
    _write(path, content, mtime)
    if _is_packed(path, len(content)):
        twins = _twins(path)
        _write(twins["gzip"], gzip.compress(content, GZIP_LEVEL, mtime=0), mtime)
        _write(twins["br"], brotli.compress(content, quality=BROTLI_QUALITY, lgwin=BROTLI_WINDOW), mtime)


def _write(path: str, content: bytes, mtime: int) -> None:
    new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, new, 0o666)
    except FileExistsError:
        os.unlink(path)  # a link begun from the earlier file: never write through it
        descriptor = os.open(path, new, 0o666)
    with open(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.utime(descriptor, (mtime, mtime))


def _read(path: str) -> bytes:
    with open(path, "rb") as handle:
        return handle.read()


def _append(path: Path, content: bytes, size: int, mtime: int) -> None:
    """Write after the first `size` bytes."""
    with path.open("ab") as handle:
        handle.truncate(size)
        handle.write(content)
    os.utime(path, (mtime, mtime))
