"""What an agent is asked and what it answers. Both travel through the broker as JSON; no secret is in either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class OutcomeStatus(StrEnum):
    """How one run went. `misconfigured` and `skipped` have no vote."""

    OK = "ok"
    DELAYED = "delayed"
    DEGRADED = "degraded"
    DOWN = "down"
    MISCONFIGURED = "misconfigured"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Task:
    """One run of one probe: the row's settings and the slot it is for (epoch seconds)."""

    probe_id: int
    code: str
    kind: str
    spec: Mapping[str, Any]
    interval: int
    timeout: float
    slot: int
    attempt: int = 0

    def as_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Task:
        return cls(**message)


@dataclass(frozen=True)
class Outcome:
    """What one run saw.

    `error_class`: "", dns, refused, timeout_connect, tls, timeout_read, deadline, status, assertion, body_too_big, blocked,
    target, busy, internal, rate, credentials. `evidence`: one line for staff, at most 300 characters, never a secret or a number
    of a person. `total_us`: the measure in microseconds; `phases`: dns, connect, tls, ttfb, transfer in microseconds.
    """

    status: OutcomeStatus
    error_class: str = ""
    evidence: str = ""
    http_status: int | None = None
    total_us: int | None = None
    phases: Mapping[str, int] = field(default_factory=dict)


class TargetError(ValueError):
    """A probe's spec cannot be run as it stands. The message says what to change."""
