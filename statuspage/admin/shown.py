"""What customers see now, read from this host's own snapshot: the desk's bar costs no query and never says more than the page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from statuspage import snapshot
from statuspage.snapshot import swapping
from statuspage.snapshot.building import FRESH, STALE


@dataclass(frozen=True, slots=True)
class Shown:
    """The page's sentence and worst state in its first language; `age_s`: seconds since the page was written."""

    status: str
    sentence: str
    age_s: int
    is_fresh: bool


def shown(now: datetime) -> Shown | None:
    """None while this host has written no page that can be read."""
    where = snapshot.directory()
    manifest = snapshot.current()
    generation = swapping.current_generation(where)
    if manifest is None or generation is None:
        return None
    is_fresh = swapping.is_live(where, now=now.timestamp())
    try:
        said: dict[str, Any] = json.loads((generation / (FRESH if is_fresh else STALE) / "api/v1/status.json").read_bytes())
        return Shown(
            status=str(said["status"]),
            sentence=str(next(iter(said["sentence"].values()))),
            age_s=max(0, int(now.timestamp() - manifest.built_at)),
            is_fresh=is_fresh,
        )
    except (OSError, ValueError, KeyError, AttributeError):
        return None  # swapped while it was read: the next look finds it
