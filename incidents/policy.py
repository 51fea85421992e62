"""What a deployment may choose about the rules of publishing: the names of the gates, read before anything else is.

No Django here: it is read while Django is being set up.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Gate(StrEnum):
    """A rule that a deployment may switch off. Whatever passes where it would have blocked says so in the record."""

    LANGUAGES = "languages"
    BANNED_PHRASES = "banned_phrases"
    LOCKED_PHRASES = "locked_phrases"
    MAINTENANCE_WORD = "maintenance_word"
    COMPONENTS = "components"
    MONITORING = "monitoring"
    PROBES = "probes"
    PROMISE = "promise"
    SIGNATURE = "signature"
    STATEMENT = "statement"
    REVIEW = "review"


# What is lost with each, for the people who switch it off.
WITHOUT: dict[Gate, str] = {
    Gate.LANGUAGES: "words may go out in one language only",
    Gate.BANNED_PHRASES: "promises that nobody can keep may go out",
    Gate.LOCKED_PHRASES: "promises about money may go out without an engineer's tick",
    Gate.MAINTENANCE_WORD: "an outage may be called maintenance",
    Gate.COMPONENTS: "words may go out that name no service",
    Gate.MONITORING: "an incident may be called resolved without having been watched",
    Gate.PROBES: "better may be said than probes see, without a reason",
    Gate.PROMISE: "words may go out that promise no next time",
    Gate.SIGNATURE: "one person may publish any words alone",
    Gate.STATEMENT: "an incident may be closed without a word on data and funds",
    Gate.REVIEW: "an incident may be closed without cause and measures",
}


def parse_gates(names: Iterable[str]) -> frozenset[Gate]:
    """Gates by their names. Raises ValueError for a name that is none of them."""
    wanted = {name.strip() for name in names} - {""}
    if unknown := sorted(wanted - set(Gate)):
        raise ValueError(f"there is no gate {', '.join(unknown)}: give names of {', '.join(Gate)}")
    return frozenset(Gate(name) for name in wanted)
