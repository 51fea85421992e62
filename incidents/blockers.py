"""What forbids an act, in one form for every gate: the desk, the command line and the API show the same list."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that forbids an act. `field` names where to mend it; `message` says what to change.

    `gate` is the rule that a deployment may switch off (incidents.policy); "" where none may.
    """

    code: str
    field: str
    message: str
    gate: str = ""


def standing(found: Iterable[Blocker], *, off: Collection[str]) -> list[Blocker]:
    """Those that forbid it here, where the gates in `off` are switched off."""
    return [blocker for blocker in found if not blocker.gate or blocker.gate not in off]


def waived(found: Iterable[Blocker], *, off: Collection[str]) -> list[str]:
    """Switched-off gates that would have forbidden it, sorted: the record says so."""
    return sorted({str(blocker.gate) for blocker in found if blocker.gate and blocker.gate in off})
