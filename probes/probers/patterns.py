"""Regular expressions over what strangers send: RE2, whose time grows with the text and never with how a pattern backtracks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from probes.outcome import TargetError

LOOKED_AT = 64 * 1024  # characters: with LARGEST, a search takes half a second at the very worst
LONGEST = 200
LARGEST = 300  # instructions of the compiled pattern


def compile_pattern(value: Any, key: str) -> Any:
    """The compiled pattern under `key`; raises TargetError with what to change."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not value.isprintable():
        raise TargetError(f"{key}: give a pattern of 1 to {LONGEST} printable characters.")
    try:
        return _compile(value)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise TargetError(f"{key}: is not a pattern ({why}); RE2 has no look-around and no back-references.") from None
    except OverflowError:
        raise TargetError(f"{key}: the pattern is too large; use fewer or smaller repetitions.") from None


def is_found(value: str, text: str) -> bool:
    """Whether a pattern that was validated is somewhere in the first 64 K characters of the text."""
    return _compile(value).search(text[:LOOKED_AT]) is not None


def group_in(value: str, text: str) -> str | None:
    """What the one group of a pattern holds, in the first 64 K characters of the text; None where it is not found."""
    found = _compile(value).search(text[:LOOKED_AT])
    return found[1] if found else None


@lru_cache(maxsize=500)
def _compile(value: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    pattern = re2.compile(value, options)
    if pattern.programsize > LARGEST:
        raise OverflowError
    return pattern
