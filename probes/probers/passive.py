"""What the kinds that are pushed to us have in common. Nobody asks: a signed POST says how it went."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from probes.outcome import Outcome, TargetError
from probes.probers.specs import Spec


class BodyError(ValueError):
    """A push's body is not what its kind wants. The message says what to change."""


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Never asked."""
    raise TargetError("this kind is pushed to us with a signed POST; there is nothing to run.")


def only_keys(body: Mapping[str, Any], allowed: Collection[str]) -> None:
    for key in body:
        if key not in allowed:
            raise BodyError(f"{str(key)[:40]!r} is not a key of this push: use {', '.join(allowed)}.")


def flag(body: Mapping[str, Any], key: str, *, required: bool = False) -> bool:
    value = body.get(key, None if required else True)
    if not isinstance(value, bool):
        raise BodyError(f"{key}: give true or false.")
    return value


def seconds(body: Mapping[str, Any], key: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= 86_400:
        raise BodyError(f"{key}: give seconds from 0 to 86400.")
    return float(value)


def microseconds(value: float | None) -> int | None:
    """As a result keeps it."""
    return None if value is None else min(round(value * 1e6), 2_147_483_647)
