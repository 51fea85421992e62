"""Texts of a flow with names in them: `{{token}}` is a variable, `{{secret.BANK}}` a secret by its name.

What is put in is never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from probes.outcome import TargetError

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
PLACE = re.compile(r"\{\{\s*([^{}]{0,80}?)\s*\}\}")
SECRET = "secret."  # noqa: S105  how a name begins that stands for one


def names_in(value: Any) -> set[str]:
    """Every name between {{ and }}, wherever in it."""
    if isinstance(value, str):
        return {found[1] for found in PLACE.finditer(value)}
    if isinstance(value, dict):
        return set().union(*(names_in(one) for pair in value.items() for one in pair)) if value else set()
    if isinstance(value, (list, tuple)):
        return set().union(*map(names_in, value)) if value else set()
    return set()


def secrets_in(value: Any) -> set[str]:
    return {name.removeprefix(SECRET) for name in names_in(value) if name.startswith(SECRET)}


def require_known(value: Any, known: Collection[str], key: str) -> None:
    """Raises TargetError for a variable that nothing has set by then."""
    for name in sorted(names_in(value)):
        if not name.startswith(SECRET) and name not in known:
            raise TargetError(f"{key}: {{{{{name[:40]}}}}} is not set before this step; use {', '.join(sorted(known))}.")


def render(value: Any, lookup: Callable[[str], str]) -> Any:
    """The value with each name replaced by what `lookup` answers, in texts wherever in it; keys stay. A text that is one name and
    nothing else becomes the very answer."""
    if isinstance(value, str):
        if whole := PLACE.fullmatch(value):
            return lookup(whole[1])
        return PLACE.sub(lambda found: lookup(found[1]), value)
    if isinstance(value, dict):
        return {key: render(one, lookup) for key, one in value.items()}
    if isinstance(value, list):
        return [render(one, lookup) for one in value]
    return value
