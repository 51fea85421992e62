"""`make bench`: the short form of every bench in ten minutes, and one table of their bars in docs/benchmarks.md.

A bar is a line `BAR name value unit need <=limit PASS`. Costs (processor time) and ratios of one run are worth something
anywhere; waits and rates want a machine with nothing else to do, so each row tells the load, its day and commit. Time
that a part leaves over is given to those after it. Rows of parts that were not asked for stay.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import bed
from tests.copies import ROOT, this_run

DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by make bench -->", "<!-- to here -->"
BAR = re.compile(r"BAR (.+) ([\d.e+-]+) (\S+) need (<=|>=)\s*(\S+) (PASS|SHORT)")
# What is run, and for how many seconds at most: ten minutes in all. The longest is last, with what the others left over.
PARTS: dict[str, tuple[Sequence[str], int]] = {
    "page": (("tests.benchmarks.page", "sizes", "serving", "--a-year", "200"), 55),
    "probes": (("tests.benchmarks.probes", "cpu-plain"), 85),
    "outbox": (("tests.benchmarks.outbox", "expand", "claims", "send"), 110),
    "desk": (("tests.benchmarks.desk",), 80),
    "memory": (("tests.benchmarks.memory",), 85),
    "publishing": (("tests.benchmarks.page", "years", "--years", "1,5", "--a-year", "20"), 185),
}
HEAD = "| part | bar | measured | need | | run |"
SHOWN = ("page", "publishing", "probes", "outbox", "desk", "API", "memory")  # in this order in the table


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", help=", ".join(PARTS))
    asked.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked.add_argument("--patience", type=float, default=1.0, help="times longer that each part may take")
    options = asked.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        asked.error(f"there is no part {', '.join(sorted(unknown))}: take {', '.join(PARTS)}.")
    rows: list[str] = []
    ends = time.monotonic()
    for name in options.parts or PARTS:
        ends += PARTS[name][1] * options.patience
        rows += _rows(name, ends)
        if options.write:
            _write(rows)
    sys.stdout.write("\n".join(rows) + "\n")
    return 0


def _rows(name: str, ends: float) -> list[str]:
    """Of one part, which is cut off at `ends`."""
    command, _ = PARTS[name]
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, erred = process.communicate(timeout=max(1.0, ends - began))
            problem = "" if process.returncode == 0 else f"ended with {process.returncode}: {_last(erred)}"
        except subprocess.TimeoutExpired:
            bed.end_all_of(process, within=3 * bed.ENDS_WITHIN)  # its sections first
            (said, _), problem = process.communicate(), f"cut off after {ends - began:.0f} s"
        except BaseException:
            bed.end_all_of(process)
            raise
    sys.stdout.write(f"{name}: {time.monotonic() - began:.0f} s {problem}\n")
    sys.stdout.flush()
    run = f"{this_run()}, load {os.getloadavg()[1]:.1f}"
    rows = [
        f"| {'API' if bar.startswith('api_') else name} | {bar} | {value} {unit} | {op} {need} | {well} | {run} |"
        for bar, value, unit, op, need, well in BAR.findall(said)
    ]
    return [*rows, *([f"| {name} | | {problem} | | | {run} |"] if problem else [])]


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["without a word"])[-1][:120]


def _write(rows: Sequence[str]) -> None:
    """Over the rows of the same parts; those of others stay."""
    text = DOCS.read_text()
    there = text.partition(BEGIN)[2].partition(END)[0]
    kept = [row for row in re.findall(r"^\| \w+ \|.*$", there, re.MULTILINE)[1:] if _part(row) not in set(map(_part, rows))]
    ordered = sorted([*kept, *rows], key=lambda row: SHOWN.index(_part(row)))
    machine = f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}."
    table = "\n".join([BEGIN, "", machine, "", HEAD, "|---" * HEAD.count(" |") + "|", *ordered, "", END])
    DOCS.write_text(re.sub(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: table, text, flags=re.DOTALL))


def _part(row: str) -> str:
    return row.split(" | ", 1)[0].removeprefix("| ")


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").is_file() else None
    return found[1].strip() if found else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
