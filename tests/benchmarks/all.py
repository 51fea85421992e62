"""`make bench`: the short form of every bench in ten minutes, and one table of their bars in docs/benchmarks.md.

A bar is a line `BAR name value unit need <=limit PASS`. Costs (processor time) and ratios of one run are worth something
anywhere; waits and rates want a machine with nothing else to do, so the load stands beside the table.
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

from tests.copies import ROOT

DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by make bench -->", "<!-- to here -->"
BAR = re.compile(r"BAR (\S+) (\S+) (.+?) need (<=|>=)\s*(\S+) (PASS|SHORT)")
# What is run, and for how many seconds at most: ten minutes in all.
PARTS: dict[str, tuple[Sequence[str], int]] = {
    "page": (("tests.benchmarks.page", "sizes", "serving", "--a-year", "200"), 55),
    "publishing": (("tests.benchmarks.page", "years", "--a-year", "20"), 200),
    "probes": (("tests.benchmarks.probes", "cpu-plain"), 85),
    "outbox": (("tests.benchmarks.outbox", "expand", "claims", "send"), 110),
    "desk": (("tests.benchmarks.desk",), 65),
    "memory": (("tests.benchmarks.memory",), 85),
}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", help=", ".join(PARTS))
    asked.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked.add_argument("--patience", type=float, default=1.0, help="times longer that each part may take")
    options = asked.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        asked.error(f"there is no part {', '.join(sorted(unknown))}: take {', '.join(PARTS)}.")
    rows: list[str] = []
    for name in options.parts or PARTS:
        rows += _rows(name, options.patience)
        if options.write:
            _write(rows)
    sys.stdout.write("\n".join(rows) + "\n")
    return 0


def _rows(name: str, patience: float) -> list[str]:
    command, limit = PARTS[name]
    began = time.monotonic()
    try:
        ran = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=limit * patience
        )
        said, problem = ran.stdout, "" if ran.returncode == 0 else f"ended with {ran.returncode}: {_last(ran.stderr)}"
    except subprocess.TimeoutExpired as cut:
        said, problem = _text(cut.stdout), f"cut off after {limit * patience:.0f} s"
    sys.stdout.write(f"{name}: {time.monotonic() - began:.0f} s {problem}\n")
    sys.stdout.flush()
    rows = [
        f"| {name} | {bar} | {value} {unit} | {op} {need} | {well} |" for bar, value, unit, op, need, well in BAR.findall(said)
    ]
    return [*rows, *([f"| {name} | | {problem} | | |"] if problem else [])]


def _text(said: str | bytes | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["without a word"])[-1][:120]


def _write(rows: Sequence[str]) -> None:
    load = os.getloadavg()[1]
    machine = f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    where = f"{time.strftime('%Y-%m-%d')}, {machine}, load {load:.1f}."
    table = ["| part | bar | measured | need | |", "|---|---|---|---|---|", *rows]
    text = "\n".join([BEGIN, "", where, "", *table, "", END])
    DOCS.write_text(re.sub(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: text, DOCS.read_text(), flags=re.DOTALL))


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").is_file() else None
    return found[1].strip() if found else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
