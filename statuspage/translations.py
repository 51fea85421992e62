"""Compile the translations that are newer than their compiled form. Babel does it, so nothing of gettext's tools is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

LOCALE = Path(__file__).resolve().parent / "locale"


def compile_all(folder: Path = LOCALE) -> list[Path]:
    """Write each django.mo beside its django.po, atomically; answer those written. Raises PoFileError with file and line."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as handle:
            catalog = read_po(handle, locale=source.parent.parent.name, abort_invalid=True)
        temporary = target.with_suffix(f".{os.getpid()}.new")
        with temporary.open("wb") as handle:
            write_mo(handle, catalog)
        temporary.replace(target)
        written.append(target)
    return written


def main() -> int:
    try:
        compile_all()
    except PoFileError as error:
        print(f"A translation cannot be read: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
