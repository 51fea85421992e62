"""What is needed no more: half generations of a killed writer, old generations, and what only they used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from statuspage.snapshot import swapping, trees
from statuspage.snapshot.swapping import ARCHIVE, remove


def remove_partials(directory: Path) -> None:
    """What a killed writer left: half generations, and one that was whole and never swapped in."""
    current = swapping.current_generation(directory)
    for path in (directory / "generations").iterdir():
        is_late = current and path.name.isdigit() and current.name.isdigit() and int(path.name) > int(current.name)
        if path.name.startswith(".") or is_late:
            remove(path)


def prune(directory: Path, *, keep: int) -> None:
    """Keep the newest generations (the current one always), and of the others nothing that the next one does not use."""
    current = swapping.current_generation(directory)
    numbered = _generations(directory)
    while len(numbered) > keep and current and numbered[0].name != current.name:
        old, *numbered = numbered
        _remove_unused(directory, old, numbered[0])
        remove(old)


def sweep(directory: Path) -> None:
    """Remove everything shared that no generation uses: what a killed writer left. Its cost is that of the whole archive."""
    generations = _generations(directory)
    used = trees.reachable([target for one in generations for target in swapping.roots(one).values()], _trees(directory))
    _keep_only(directory / "shards" / "trees", used)
    _keep_only(directory / "shards" / "parts", {f"{version}.json" for one in generations for version in _parts_of(one)})
    _keep_only(directory / "shards" / "record", {version for one in generations for version in _record_of(one)})


def _remove_unused(directory: Path, old: Path, new: Path) -> None:
    for tree in list(trees.replaced(swapping.roots(old), swapping.roots(new), _trees(directory))):
        trees.clear(f"{_trees(directory)}/{tree}")
    for version in _parts_of(old) - _parts_of(new):
        remove(swapping.parts_file(directory, version))
    for name in _record_of(old) - _record_of(new):
        remove(directory / "shards" / "record" / name)


def _generations(directory: Path) -> list[Path]:
    """The oldest first."""
    numbered = [path for path in (directory / "generations").iterdir() if path.name.isdigit()]
    return sorted(numbered, key=lambda path: int(path.name))


def _trees(directory: Path) -> str:
    return str(directory / "shards" / "trees")


def _parts_of(generation: Path) -> set[int]:
    try:
        manifest = swapping.decoded((generation / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return set()
    return {manifest.pages.version} if manifest.pages else set()


def _record_of(generation: Path) -> set[str]:
    try:
        return {os.path.basename(os.readlink(generation / ARCHIVE / "record"))}
    except OSError:
        return set()


def _keep_only(folder: Path, names: Iterable[str]) -> None:
    for name in set(os.listdir(folder)) - set(names):
        remove(folder / name)
