"""The last outcomes of one probe at one vantage as a row of letters, a letter a slot, oldest first. Pure.

What detection counts over, what the evidence shows, and what the tests are written in, are the same thing: `ooooXoX.`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probes.outcome import OutcomeStatus

LENGTH = 90  # slots: what the longest window of detection looks back on
NO_DATA = "."
GOOD = "o"
LETTERS: Mapping[str, str] = {
    OutcomeStatus.OK.value: GOOD,
    OutcomeStatus.DELAYED.value: "l",
    OutcomeStatus.DEGRADED.value: "d",
    OutcomeStatus.DOWN.value: "X",
    OutcomeStatus.MISCONFIGURED.value: "m",
    OutcomeStatus.SKIPPED.value: "s",
}
MEANING: Mapping[str, str] = {**{letter: status for status, letter in LETTERS.items()}, NO_DATA: "no data"}
_VOTES = {"o": 0, "l": 1, "d": 2, "X": 4}  # as detection ranks statuses; 3 is a partial outage, which no single outcome is
_BAD = tuple(letter for letter, rank in _VOTES.items() if rank)
_NOT_BAD = "oms" + NO_DATA


def is_clean(letters: str) -> bool:
    """No bad vote among these letters."""
    return not letters.strip(_NOT_BAD)


@dataclass(frozen=True)
class Film:
    """`letters`: one a slot, at most LENGTH. `end`: the slot of the last one in epoch seconds. `every`: seconds between two."""

    letters: str = ""
    end: int = 0
    every: int = 0

    def add(self, outcome_status: str, slot: int, every: int) -> Film:
        """One outcome more; slots that were missed are no data. A slot that is not newer, or has another interval's step, starts
        nothing: the first changes nothing, the second begins a new film."""
        letter = LETTERS[str(outcome_status)]
        if not self.letters or every != self.every:
            return Film(letter, slot, every)
        if slot <= self.end:
            return self
        steps = -(-(slot - self.end) // every)
        missed = NO_DATA * min(steps - 1, LENGTH)
        return Film((self.letters + missed + letter)[-LENGTH:], slot, every)

    def without_bad(self, since: int) -> Film:
        """The film with bad votes after the slot `since` turned to skipped."""
        keep = len(self.letters) - (max(0, self.end - since) // self.every if self.every else 0)
        keep = max(0, keep)
        tail = "".join("s" if letter in _BAD else letter for letter in self.letters[keep:])
        return Film(self.letters[:keep] + tail, self.end, self.every)

    @property
    def is_clean(self) -> bool:
        """Nothing bad in sight."""
        return is_clean(self.letters)

    @property
    def bad(self) -> int:
        """How many bad votes are in sight."""
        return sum(map(self.letters.count, _BAD))

    @property
    def bad_since(self) -> int | None:
        """The slot of the first bad vote after the last good one; None while the last vote is good."""
        since = None
        for slot, rank in self.votes():
            since = None if rank == 0 else since if since is not None else slot
        return since

    def votes(self, since: int = 0) -> Iterator[tuple[int, int]]:
        """(slot, rank) of each vote from the slot `since` on, oldest first; rank as in detection, 0 is fine."""
        first = self.end - self.every * (len(self.letters) - 1)
        for place, letter in enumerate(self.letters):
            slot = first + place * self.every
            if letter in _VOTES and slot >= since:
                yield slot, _VOTES[letter]

    def as_json(self) -> dict[str, Any]:
        return {"letters": self.letters, "end": self.end, "every": self.every}
