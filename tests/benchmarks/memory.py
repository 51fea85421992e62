"""`make bench-memory`: what all processes of an idle copy weigh together, in proportional set size."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.copies import RunningCopy

IDLE_FOR = 60.0  # seconds
LIMIT = 400.0  # MB


def weight(process: psutil.Process) -> float:
    """MB of memory, pages shared with others counted in part."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = RunningCopy(Path(folder))
        copy.start()
        try:
            time.sleep(IDLE_FOR)
            assert copy.process is not None
            parent = psutil.Process(copy.process.pid)
            weights = {process: weight(process) for process in [parent, *parent.children(recursive=True)]}
            for process, megabytes in weights.items():
                print(f"{megabytes:7.1f} MB  {' '.join(process.cmdline())[:100]}")  # noqa: T201
        finally:
            copy.stop()
    total = sum(weights.values())
    print(f"BAR idle_pss {total:.0f} MB need <={LIMIT:.0f} {'PASS' if total <= LIMIT else 'SHORT'}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
