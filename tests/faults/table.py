"""`make faults-table`: every fault in turn against a whole copy; what readers saw, what was lost, how long it took.

`python -m tests.faults.table [--write] [--beside N] [fault ...]`; without a name all of them. Run as root it moves into a mount
namespace of its own, where disks can be full or read-only; else those rows say "not run". `--beside` breaks N copies at once, one
fault each: sooner done, and with all of them on the same cores everything is later. `--write` puts rows into docs/faults.md, each
with its day and commit; rows of faults that were not asked for stay. Exit 1 when a reader saw an error page or a false green,
when a word was lost, or when the copy did not become whole again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.copies import ROOT, this_run
from tests.faults.acts import FAULTS, Fault
from tests.faults.house import House
from tests.faults.readers import Reader, in_words

DOCS = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- written by make faults-table -->", "<!-- to here -->"
HEAD = ("fault", "lasted", "readers, through nginx", "readers, at the app", "lost", "whole again after", "load", "run")
AROUND = 40.0  # seconds that a fault takes beside its own: until all is green before it, and whole again
WHOLE_WITHIN = 30.0  # seconds after the fault's end: the bar
PATIENCE = 180.0


@dataclass(frozen=True)
class Row:
    """One line of the table. `fails`: what must never be; `slow`: whole again, but after the bar."""

    name: str
    cells: Sequence[str]
    fails: Sequence[str] = ()
    slow: bool = False


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("faults", nargs="*", metavar="fault", help=f"of {', '.join(FAULTS)}")
    asked.add_argument("--write", action="store_true", help="put the rows into docs/faults.md")
    asked.add_argument("--beside", type=int, default=1, metavar="N", help="copies that are broken at the same time")
    asked.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("--lane", action="store_true", help=argparse.SUPPRESS)  # of several: rows as JSON lines
    options = asked.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        asked.error(f"there is no fault {', '.join(sorted(unknown))}: take {', '.join(FAULTS)}.")
    if not options.inside and os.getuid() == 0 and _may_unshare():
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.faults.table", "--inside"]
        return subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=False).returncode
    names = options.faults or list(FAULTS)
    if options.lane:
        for row in _rows(names, options.inside):
            _say(json.dumps(asdict(row)))
        return 0
    rows = _rows(names, options.inside) if options.beside < 2 else _from_lanes(names, options.beside, options.inside)
    return _tell(rows, write=options.write)


def _may_unshare() -> bool:
    try:
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _tell(rows: Iterator[Row], *, write: bool) -> int:
    _say("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    told: list[Row] = []
    for row in rows:
        told.append(row)
        if row.cells:
            _say(_line(row))
        for failure in row.fails:
            _say(f"    FAIL {row.name}: {failure}")
        if write:
            _write(told)
    failed = [row for row in told if row.fails]
    _say(f"{len(told)} faults, {len(failed)} failed, {sum(row.slow for row in told)} slower than {WHOLE_WITHIN:.0f} s.")
    return 1 if failed else 0


# --- Several copies at once --------------------------------------------------------------------------


def lanes_of(names: Sequence[str], count: int) -> list[list[str]]:
    """So many lists that take about the same time. Faults of the clock stay together: they want a copy of their own."""
    clocks = [name for name in names if FAULTS[name].clock]
    pieces = [[name] for name in names if not FAULTS[name].clock] + ([clocks] if clocks else [])
    lanes: list[list[str]] = [[] for _ in range(count)]
    for piece in sorted(pieces, key=_takes, reverse=True):
        min(lanes, key=_takes).extend(piece)
    return [lane for lane in lanes if lane]


def _takes(names: Sequence[str]) -> float:
    return sum(FAULTS[name].lasts + AROUND for name in names)


def _from_lanes(names: Sequence[str], count: int, may_mount: bool) -> Iterator[Row]:
    """Rows as they come, from a process for each lane."""
    found: SimpleQueue[Row | None] = SimpleQueue()
    lanes = lanes_of(names, count)
    for lane in lanes:
        threading.Thread(target=_follow, args=(lane, may_mount, found), daemon=True).start()
    at_work = len(lanes)
    while at_work:
        if row := found.get():
            yield row
        else:
            at_work -= 1


def _follow(names: Sequence[str], may_mount: bool, found: SimpleQueue[Row | None]) -> None:
    command = [sys.executable, "-m", "tests.faults.table", "--lane", *(["--inside"] if may_mount else []), *names]
    missing = list(names)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            row = Row(**json.loads(line))
            missing.remove(row.name)
            found.put(row)
    for name in missing:
        found.put(Row(name, (), (f"its copy ended before (code {process.returncode})",)))
    found.put(None)


# --- One copy ----------------------------------------------------------------------------------------


def _rows(names: Sequence[str], may_mount: bool) -> Iterator[Row]:
    runnable = []
    for name in names:
        if reason := FAULTS[name].not_run(may_mount=may_mount):
            empty = [""] * (len(HEAD) - 3)
            yield Row(name, (FAULTS[name].tells, f"not run: {reason}", *empty, this_run()))
        else:
            runnable.append(name)
    for clock in (False, True):  # a clock that can be moved is under a copy of its own
        if chosen := [name for name in runnable if FAULTS[name].clock == clock]:
            with ExitStack() as stack:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hali-faults-", ignore_cleanup_errors=True))
                house = stack.enter_context(House(Path(folder), may_mount, clock=clock))
                for name in chosen:
                    yield _row(name, house, FAULTS[name])


def _row(name: str, house: House, fault: Fault) -> Row:
    house.settle()
    readers = {origin: Reader(url, watched="stk-push", clocks=house.times) for origin, url in house.origins().items()}
    for reader in readers.values():
        reader.start()
    began = time.monotonic()
    said: list[str] = []
    fails: list[str] = []
    try:
        with fault.act(house):
            house.hold(fault.lasts, say_at=fault.says_at, said=said)
        lasted = time.monotonic() - began
        whole = house.whole_again_after(PATIENCE)
    except Exception as error:  # noqa: BLE001  one fault that breaks the harness must not hide the others
        whole, lasted = None, time.monotonic() - began
        fails.append(f"{type(error).__name__}: {error}")
    seen = {origin: reader.stop() for origin, reader in readers.items()}
    lost = house.lost(said)
    if whole is None:
        fails.append(f"not whole again within {PATIENCE:.0f} s: {house.what_is_missing()}")
    fails += [f"through nginx: {what}" for what in seen["nginx"].wrongs()]
    fails += [
        f"at the app: {what}"
        for what in seen["app"].wrongs()
        if what.startswith("green") or what in ("half a page", "half a document")
    ]
    fails += [f"lost: {what}" for what in lost]
    house.end_incident()
    cells = (
        fault.tells,
        f"{lasted:.0f} s",
        in_words(seen["nginx"]),
        in_words(seen["app"]),
        ", ".join(lost) or ("nothing" if said else "nothing (no word was said)"),
        "not" if whole is None else f"{whole:.0f} s",
        f"{os.getloadavg()[0]:.0f}",
        this_run(),
    )
    return Row(name, cells, tuple(fails), whole is not None and whole > WHOLE_WITHIN)


def _line(row: Row) -> str:
    return "| " + " | ".join(row.cells) + " |"


def _write(rows: Sequence[Row]) -> None:
    """Into the document, over the rows of the same faults; those of faults that were not asked for stay."""
    text = DOCS.read_text()
    lines = {row.cells[0]: _line(row) for row in rows if row.cells}
    for kept in re.finditer(r"^\| (?P<tells>.+?) \|.*$", text, re.MULTILINE):
        lines.setdefault(kept["tells"], kept[0])
    ordered = [lines[fault.tells] for fault in FAULTS.values() if fault.tells in lines]
    head = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    where = f"{os.cpu_count()} cores, Linux {os.uname().release}."
    table = "\n".join([BEGIN, "", where, "", *head, *ordered, "", END])
    DOCS.write_text(re.sub(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: table, text, flags=re.DOTALL))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
