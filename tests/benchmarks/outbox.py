"""`make bench-outbox`: how fast subscribers are listed, claimed and written to, a bar a line.

`python -m tests.benchmarks.outbox [--full] [section ...]`; without a section all of them. Each runs in a process of its own, on a
PostgreSQL of its own, 20 minutes in all. Rates of senders are ratios within one run; they want a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import sys

import django

from tests.benchmarks import bed

SECTIONS = ("expand", "claims", "send", "hold", "domains")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.outbox")
    parser.add_argument("--full", action="store_true", help="100,000 mails and 1,000,000 subscribers instead of a tenth")
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.sections) - set(SECTIONS)):
        parser.error(f"{unknown[0]} is no section: use {', '.join(SECTIONS)}.")
    if len(chosen.sections) == 1:
        _run(chosen.sections[0], full=chosen.full)
        return 0
    return bed.run_sections("tests.benchmarks.outbox", chosen.sections or SECTIONS, *(["--full"] if chosen.full else []))


def _run(section: str, *, full: bool) -> None:
    with bed.bed("postgresql") as made:
        os.environ.update(
            made.environment,
            DJANGO_SETTINGS_MODULE="statuspage.settings",
            HALI_SEND_HOLD="3" if section == "hold" else "0",
            HALI_SENDERS="2",
            HALI_MAIL_FROM="status@mfanopesa.example",
            HALI_ADDRESS_KEYS="MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            HALI_ADDRESS_HASH_KEY="a key for hashes that never rotates",
            HALI_LOG_LEVEL="WARNING",
        )
        made.environment.update({name: value for name, value in os.environ.items() if name.startswith("HALI_")})
        django.setup()
        from tests.benchmarks import outbox_bars  # it imports models

        outbox_bars.SECTIONS[section](made, full)


if __name__ == "__main__":
    sys.exit(main())
