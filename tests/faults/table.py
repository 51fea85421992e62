"""`make faults-table`: every fault in turn against a whole copy; what readers saw, what was lost, how long it took.

`python -m tests.faults.table [--write] [fault ...]`; without a name all of them. Run as root it moves into a mount namespace of
its own, where disks can be full or read-only; else those rows say "not run". `--write` puts the table into docs/faults.md. Exit 1
when a reader saw an error page or a false green, when a word was lost, or when the copy did not become whole again.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.copies import ROOT
from tests.faults.acts import FAULTS, Fault
from tests.faults.house import House
from tests.faults.readers import Reader, in_words

DOCS = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- written by make faults-table -->", "<!-- to here -->"
HEAD = ("fault", "lasted", "readers, through nginx", "readers, at the app", "lost", "whole again after", "load")
WHOLE_WITHIN = 30.0  # seconds after the fault's end: the bar
PATIENCE = 180.0


@dataclass(frozen=True)
class Row:
    """One line of the table. `fails`: what must never be; `slow`: whole again, but after the bar."""

    cells: tuple[str, ...]
    fails: tuple[str, ...] = ()
    slow: bool = False


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("faults", nargs="*", metavar="fault", help=f"of {', '.join(FAULTS)}")
    asked.add_argument("--write", action="store_true", help="put the table into docs/faults.md")
    asked.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = asked.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        asked.error(f"there is no fault {', '.join(sorted(unknown))}: take {', '.join(FAULTS)}.")
    if not options.inside and os.getuid() == 0 and _may_unshare():
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.faults.table", "--inside"]
        return subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=False).returncode
    return _run(options.faults or list(FAULTS), write=options.write, may_mount=options.inside)


def _may_unshare() -> bool:
    try:
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(names: Sequence[str], *, write: bool, may_mount: bool) -> int:
    rows: list[Row] = []
    _say("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for clock in (False, True):  # a clock that can be moved is under a copy of its own
        chosen = [name for name in names if FAULTS[name].clock == clock]
        for name, row in _rows(chosen, may_mount, clock=clock):
            rows.append(row)
            _say(_line(row))
            for failure in row.fails:
                _say(f"    FAIL {name}: {failure}")
            if write:
                _write(rows)
    failed = [row for row in rows if row.fails]
    _say(f"{len(rows)} faults, {len(failed)} failed, {sum(row.slow for row in rows)} slower than {WHOLE_WITHIN:.0f} s.")
    return 1 if failed else 0


def _rows(names: Sequence[str], may_mount: bool, *, clock: bool) -> Iterator[tuple[str, Row]]:
    runnable = []
    for name in names:
        if reason := FAULTS[name].not_run(may_mount=may_mount):
            yield name, Row((FAULTS[name].tells, f"not run: {reason}", *[""] * (len(HEAD) - 2)))
        else:
            runnable.append(name)
    if runnable:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hali-faults-", ignore_cleanup_errors=True))
            house = stack.enter_context(House(Path(folder), may_mount, clock=clock))
            for name in runnable:
                yield name, _row(house, FAULTS[name])


def _row(house: House, fault: Fault) -> Row:
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
    )
    return Row(cells, tuple(fails), whole is not None and whole > WHOLE_WITHIN)


def _line(row: Row) -> str:
    return "| " + " | ".join(row.cells) + " |"


def _write(rows: Sequence[Row]) -> None:
    """Into the document, over the rows of the same faults; those of faults that were not asked for stay."""
    text = DOCS.read_text()
    lines = {row.cells[0]: _line(row) for row in rows}
    for kept in re.finditer(r"^\| (?P<tells>.+?) \|.*$", text, re.MULTILINE):
        lines.setdefault(kept["tells"], kept[0])
    ordered = [lines[fault.tells] for fault in FAULTS.values() if fault.tells in lines]
    head = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    when = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Linux {os.uname().release}."
    table = "\n".join([BEGIN, "", when, "", *head, *ordered, "", END])
    DOCS.write_text(re.sub(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: table, text, flags=re.DOTALL))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
