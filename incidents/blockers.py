"""What forbids an act, in one form for every gate: the desk, the command line and the API show the same list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that forbids an act. `field` names where to mend it; `message` says what to change."""

    code: str
    field: str
    message: str
