"""`make bench-probes`: what the pipeline of probes costs, bears and keeps, a bar a line. `make soak`: the same for longer.

`python -m tests.benchmarks.probes [--soak] [section ...]`; without a section all of them. Each runs in a process of its own, on a
database of its own, 20 minutes in all. Costs are processor time; lateness and rates are only worth something on a machine with
nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import sys

import django

from tests.benchmarks import bed

SOAK_LONGEST = 60 * 60  # seconds
# What each section stands on.
SECTIONS = {
    "cpu-tls": "postgresql",
    "cpu-plain": "postgresql",
    "rate": "postgresql",
    "embedded": "sqlite",
    "steady": "postgresql",
    "claim": "postgresql",
    "accuracy": "sqlite",
    "keeping": "postgresql",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.probes")
    parser.add_argument("--soak", action="store_true", help="ten minutes instead of two, 10,000,000 results instead of 1,000,000")
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.sections) - set(SECTIONS)):
        parser.error(f"{unknown[0]} is no section: use {', '.join(SECTIONS)}.")
    if len(chosen.sections) == 1:
        _run(chosen.sections[0], soak=chosen.soak)
        return 0
    more = ["--soak"] if chosen.soak else []
    longest = SOAK_LONGEST if chosen.soak else bed.LONGEST
    return bed.run_sections("tests.benchmarks.probes", chosen.sections or SECTIONS, *more, longest=longest)


def _run(section: str, *, soak: bool) -> None:
    with bed.bed(SECTIONS[section]) as made:
        os.environ.update(made.environment, DJANGO_SETTINGS_MODULE="statuspage.settings")
        if section == "keeping":  # its results are of the last 90 days
            os.environ["HALI_KEEP_RESULTS_HOURS"] = str(24 * 100)
        django.setup()
        from tests.benchmarks import probe_bars  # it imports models

        probe_bars.SECTIONS[section](made, soak)


if __name__ == "__main__":
    sys.exit(main())
