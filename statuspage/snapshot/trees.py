"""Folders that are never changed once written, shared between generations: a change copies the folders on its way, and no others.

A tree is a flat folder shards/trees/<generation>.<number>/ of files and of links to the trees below it. Files that stay are hard
links, trees that stay are the same link: so a change costs what it touches, however many files lie beside it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

Put = Callable[[str, bytes, str | None], None]  # where to, what, the file of that name before
TWINS = (".gz", ".br")


class Forest:
    """The trees of one generation being written."""

    def __init__(self, directory: Path, number: int) -> None:
        self.folder = str(directory / "shards" / "trees")
        self.number = number
        self.count = 0

    def grow(self, old: str | None, written: Mapping[str, bytes], gone: Collection[str], put: Put, *, keep: bool = True) -> str:
        """The name of a tree with the files of `old` (a path), without the `gone` ones and with the `written` ones. Without
        `keep` nothing of `old` is taken over; `put` may look at the times there."""
        here = self._plant()
        names, writes, goes = _split(written, gone)
        before = _entries(old)
        if old is not None and keep:
            files, below = {*names, *goes.get("", ())}, {*writes, *goes}
            stay = (name for name, is_tree in before.items() if (name not in below if is_tree else _plain(name) not in files))
            take_over(old, here, stay)
        for name, content in names.items():
            put(f"{here}/{name}", content, f"{old}/{name}" if name in before else None)
        for name in sorted({*writes, *goes} - {""}):
            earlier = f"{old}/{name}" if before.get(name) else None
            grown = self.grow(earlier, writes.get(name, {}), goes.get(name, ()), put, keep=keep)
            os.symlink(f"../{grown}", f"{here}/{name}")
        return os.path.basename(here)

    def _plant(self) -> str:
        self.count += 1
        here = f"{self.folder}/{self.number}.{self.count}"
        try:
            os.mkdir(here)
        except FileExistsError:  # of a writer that was killed: no generation has this number
            clear(here)
            os.mkdir(here)
        return here


def _split(
    written: Mapping[str, bytes], gone: Collection[str]
) -> tuple[dict[str, bytes], dict[str, dict[str, bytes]], dict[str, set[str]]]:
    """(files of this folder, files below by folder, what goes by folder; "" is this one)."""
    names: dict[str, bytes] = {}
    writes: dict[str, dict[str, bytes]] = {}
    goes: dict[str, set[str]] = {}
    for path, content in written.items():
        head, below, rest = path.partition("/")
        if below:
            writes.setdefault(head, {})[rest] = content
        else:
            names[path] = content
    for path in gone:
        head, below, rest = path.partition("/")
        goes.setdefault(head if below else "", set()).add(rest if below else path)
    return names, writes, goes


def _plain(name: str) -> str:
    """The file that a twin is one of."""
    return name[:-3] if name.endswith(TWINS) else name


def _entries(folder: str | None) -> dict[str, bool]:
    """{name: whether it is a link to a tree}."""
    if folder is None or not os.path.isdir(folder):
        return {}
    with os.scandir(folder) as found:
        return {entry.name: entry.is_symlink() for entry in found}


def take_over(old: str, new: str, names: Iterable[str]) -> None:
    """Files and links to trees that stay, under a second name: it costs the disk less than a new link does. There may be hundreds
    in a folder, so the folders are looked up once."""
    source = os.open(old, os.O_RDONLY | os.O_DIRECTORY)
    target = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            try:
                os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            except (OSError, NotImplementedError):
                _copy(f"{old}/{name}", f"{new}/{name}")
    finally:
        os.close(source)
        os.close(target)


def link(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except FileExistsError:
        return
    except OSError:
        _copy(old, new)


def _copy(old: str, new: str) -> None:
    """On a disk without hard links, or of a file with too many."""
    if os.path.islink(old):
        os.symlink(os.readlink(old), new)
    else:
        shutil.copy2(old, new)


def weight(folder: str) -> tuple[int, int]:
    """(files, bytes) in a tree and those below it."""
    files = size = 0
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_symlink() or entry.is_dir():
                more, bytes_below = weight(entry.path)
                files, size = files + more, size + bytes_below
            else:
                files, size = files + 1, size + entry.stat().st_size
    return files, size


# --- Which are needed ------------------------------------------------------------------------------


def replaced(old: Mapping[str, str], new: Mapping[str, str], folder: str) -> Iterator[str]:
    """The trees below `old` (roots by place) that no longer lie below `new`. A tree that was replaced never comes back."""
    for name, target in old.items():
        if new.get(name) == target:
            continue
        tree = os.path.basename(target)
        yield tree
        below = _links(f"{folder}/{tree}")
        after = _links(f"{folder}/{os.path.basename(new[name])}") if name in new else {}
        yield from replaced(below, after, folder)


def reachable(roots: Collection[str], folder: str) -> set[str]:
    """Every tree below these."""
    found: set[str] = set()
    waiting = [os.path.basename(root) for root in roots]
    while waiting:
        tree = waiting.pop()
        if tree not in found:
            found.add(tree)
            waiting.extend(os.path.basename(target) for target in _links(f"{folder}/{tree}").values())
    return found


def _links(folder: str) -> dict[str, str]:
    return {name: os.readlink(f"{folder}/{name}") for name, is_tree in _entries(folder).items() if is_tree}


def clear(tree: str) -> None:
    """Remove one tree, and none below it."""
    shutil.rmtree(tree, ignore_errors=True)
