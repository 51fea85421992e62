"""What of the snapshot is missing or damaged: looked for before each renewal, piece by piece, so that only that is made anew."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from statuspage.snapshot import swapping, trees
from statuspage.snapshot.swapping import ARCHIVE, HALVES, TWINS, Manifest

log = logging.getLogger(__name__)


def find_whole(directory: Path, *, turn: int | None) -> Manifest | None:
    """The current generation's manifest without what is damaged, so that it is made anew; None when nothing is left. One line in
    the log says what is wrong.

    Files about now are always looked at. `turn` None looks no further; 0 weighs every month; a later turn weighs the newest month
    and one other, by turns, so that looking costs the same however long the history is.
    """
    generation = swapping.current_generation(directory)
    if generation is None:
        if any((directory / "generations").iterdir()):
            _warn(directory, ["it has no current generation"])
        return None
    try:
        manifest = swapping.decoded((generation / "manifest.json").read_bytes())
    except FileNotFoundError as error:
        _warn(directory, [f"{error.filename} is missing"])
        return None
    except (OSError, ValueError) as error:
        _warn(directory, [str(error)])
        return None
    return _without_damage(directory, generation, manifest, turn)


def _warn(directory: Path, problems: list[str]) -> None:
    log.warning("The snapshot in %s is not whole (%s): making that anew.", directory, "; ".join(problems))


def _damaged_about_now(generation: Path, manifest: Manifest) -> str:
    for name, sizes in manifest.files.items():
        for path, size in zip(_copies(generation / name), sizes, strict=False):
            try:
                if path.stat().st_size != size:
                    return f"{path} is damaged"
            except OSError:
                return f"{path} is missing"
    return ""


def _copies(path: Path) -> Iterator[Path]:
    yield path
    yield from (path.with_name(path.name + ending) for ending in TWINS.values())


def _without_damage(directory: Path, generation: Path, manifest: Manifest, turn: int | None) -> Manifest:
    problems = []
    if problem := _damaged_about_now(generation, manifest):
        problems.append(problem)
        manifest, turn = replace(manifest, files={}), 1 if turn is None else turn
    record = generation / ARCHIVE / "record" / "record.jsonl"
    if manifest.record and not _holds(record, manifest.record.size, manifest.record.packed):
        problems.append(f"{record} is damaged")
        manifest = replace(manifest, record=None)
    if manifest.pages and turn is not None and not _are_there(generation, manifest.pages):
        problems.append("pages are missing or damaged")
        manifest = replace(manifest, pages=None)
    months = months_to_weigh(sorted(manifest.shards), turn) if turn is not None else ()
    damaged = [month for month in months if not _is_there(directory, generation, month, manifest.shards[month])]
    if damaged:
        problems.append(f"incidents of {', '.join(damaged)} are missing or damaged")
        manifest = replace(manifest, shards={month: kept for month, kept in manifest.shards.items() if month not in damaged})
        manifest = replace(manifest, waiting=max(1, manifest.waiting))
    if problems:
        _warn(directory, problems)
    return manifest


def _holds(record: Path, size: int, packed: int) -> bool:
    try:
        return record.stat().st_size >= size and record.with_name(f"{record.name}.gz").stat().st_size >= packed
    except OSError:
        return False


def _are_there(generation: Path, pages: swapping.Pages) -> bool:
    if not pages.gate:
        return True  # not weighed yet: the next refresh does
    try:
        found = [trees.weight(str(generation / half / "pages")) for half in HALVES]
    except OSError:
        return False
    return (sum(files for files, _ in found), sum(size for _, size in found)) == (pages.files, pages.size)


def _is_there(directory: Path, generation: Path, month: str, shard: swapping.Shard) -> bool:
    try:
        if trees.weight(str(generation / ARCHIVE / "incidents" / month)) != (shard.files, shard.size):
            return False
        incidents = swapping.read_month(generation, month)
    except (OSError, ValueError):
        return False
    return len(incidents) == shard.incidents and all(os.path.isdir(directory / "ids" / public_id) for public_id in incidents)


def months_to_weigh(months: Sequence[str], turn: int) -> Sequence[str]:
    """The months to look at in this turn."""
    if turn == 0 or len(months) < 3:
        return months
    return [months[-1], months[turn % (len(months) - 1)]]
