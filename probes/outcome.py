"""What an agent is asked and what it answers. Both travel through the broker as JSON; no secret is in either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

AHEAD = 2  # seconds by which a tick sends runs before they are due: the agent begins each at its time, whenever beat ticks
LATE, OVERLAP = "late", "overlap"  # error classes of slots that were not run, and by no decision


class OutcomeStatus(StrEnum):
    """How one run went. `misconfigured` and `skipped` have no vote; `accepted` is no outcome yet: the answer comes later."""

    OK = "ok"
    DELAYED = "delayed"
    DEGRADED = "degraded"
    DOWN = "down"
    MISCONFIGURED = "misconfigured"
    SKIPPED = "skipped"
    ACCEPTED = "accepted"


NO_VOTE = (OutcomeStatus.MISCONFIGURED, OutcomeStatus.SKIPPED)


class Task(NamedTuple):
    """One run of one probe: the row's settings and the slot it is for (epoch seconds).

    It is due `offset_ms` after the slot's second begins, so that the probes of one second do not all ask at once.
    """

    probe_id: int
    code: str
    kind: str
    spec: Mapping[str, Any]
    interval: int
    timeout: float
    slot: int
    attempt: int = 0
    offset_ms: int = 0

    @property
    def due_at(self) -> float:
        """Epoch seconds."""
        return self.slot + self.offset_ms / 1000

    def as_message(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Task:
        return cls(**message)


@dataclass(frozen=True)
class Accepted:
    """What was asked is under way. Its answer will name `correlation`; it is late `late_s` seconds after the start of the run and
    lost after `lost_s`. `slow` says that the acknowledgement alone took too long. `codes`: what the answer's code means (a kind
    of probes.gateway_callbacks), where the spec says so."""

    correlation: str
    late_s: float
    lost_s: float
    slow: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one run saw.

    `error_class`: "", dns, refused, timeout_connect, tls, timeout_read, deadline, status, assertion, body_too_big, blocked,
    target, busy, internal, rate, credentials, lost (accepted, but no result came); of skipped ones late, overlap, backoff,
    rate_cap or no_connectivity. `evidence`: one line for staff, at most 300
    characters, never a secret or a number of a person. `total_us`: the measure in microseconds; `phases`: dns, connect, tls,
    ttfb, transfer in microseconds.
    `accepted` goes with the status of that name.
    """

    status: OutcomeStatus
    error_class: str = ""
    evidence: str = ""
    http_status: int | None = None
    total_us: int | None = None
    phases: Mapping[str, int] = field(default_factory=dict)
    accepted: Accepted | None = None


class TargetError(ValueError):
    """A probe's spec cannot be run as it stands. The message says what to change."""
