"""Secrets by name: specs hold names, the agent's environment or files named in it hold the values."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from probes.outcome import TargetError
from probes.sandbox import demo

DEMO_NAME = "SANDBOX"
_DEMO_VALUES = {
    "SANDBOX_KEY": demo.KEY,
    "SANDBOX_SECRET": demo.SECRET,
    "SANDBOX_PASSKEY": demo.PASSKEY,
    "SANDBOX_INITIATOR": demo.INITIATOR,
    "SANDBOX_CREDENTIAL": demo.SECURITY_CREDENTIAL,
    "SANDBOX_RECEIPT": demo.RECEIPT,
}


NAMED = 3  # of those that are missing: evidence is one line
SHORTEST_HIDDEN = 4  # characters: shorter ones would blank out half of every sentence
_used: ContextVar[set[str] | None] = ContextVar("secrets used in this run", default=None)


class MissingSecret(TargetError):
    """The agent's environment lacks a secret that a spec names."""


class NotSet(MissingSecret):
    """It is not there at all; `variable` is where it should be."""

    def __init__(self, variable: str) -> None:
        super().__init__(not_set([variable]))
        self.variable = variable


def not_set(variables: Sequence[str]) -> str:
    """Where to put what this agent lacks."""
    named = ", ".join(variables[:NAMED]) + (f" and {len(variables) - NAMED} more" if len(variables) > NAMED else "")
    what = "the path of a PEM file" if variables[0].startswith("HALI_FILE_") else "it" if len(variables) == 1 else "them"
    return (
        f"{named} {'is' if len(variables) == 1 else 'are'} not set at this agent: put {what} into its environment, for a copy of "
        "`make run` into $HALI_DATA_DIR/env, and start it anew."
    )


def lacking(variables: Iterable[str]) -> list[str]:
    """Those of HALI_SECRET_… and HALI_FILE_… that are not set; what the sandbox's public values can stand in for is left out."""
    return [
        one
        for one in variables
        if not (os.environ.get(one) or os.environ.get(f"{one}_FILE")) and one.removeprefix("HALI_SECRET_") not in _DEMO_VALUES
    ]


@dataclass(frozen=True)
class App:
    """A gateway app's key pair; what it holds is never shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def secret(name: str, *, demo_allowed: bool = False) -> str:
    """The value of HALI_SECRET_<name>, or of the file that HALI_SECRET_<name>_FILE names; raises MissingSecret.

    `demo_allowed` (the target is on loopback) lets the sandbox's public values stand in.
    """
    variable = f"HALI_SECRET_{name}"
    value = os.environ.get(variable, "") or _from_file(f"{variable}_FILE")
    if not value and demo_allowed:
        value = _DEMO_VALUES.get(name, "")
    if not value:
        raise NotSet(variable)
    if not value.isascii() or not value.isprintable():
        raise MissingSecret(f"{variable} holds a line break or letters outside ASCII: set it again.")
    remember(value)
    return value


def _from_file(variable: str) -> str:
    path = os.environ.get(variable, "")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        raise MissingSecret(f"{variable}: the file it names cannot be read by this agent.") from None


def file_path(name: str) -> str:
    """The path in HALI_FILE_<name>, of a certificate or a key on the agent; raises MissingSecret."""
    variable = f"HALI_FILE_{name}"
    path = os.environ.get(variable, "")
    if not path:
        raise NotSet(variable)
    if not os.access(path, os.R_OK) or not Path(path).is_file():
        raise MissingSecret(f"{variable}: the file it names cannot be read by this agent.")
    return path


def app(name: str, *, demo_allowed: bool = False) -> App:
    return App(
        key=secret(f"{name}_KEY", demo_allowed=demo_allowed),
        secret=secret(f"{name}_SECRET", demo_allowed=demo_allowed),
    )


def optional(name: str) -> str:
    """As `secret`, but empty where it is not set."""
    variable = f"HALI_SECRET_{name}"
    return secret(name) if os.environ.get(variable) or os.environ.get(f"{variable}_FILE") else ""


def require_host(name: str, host: str | None) -> None:
    """Raises MissingSecret when HALI_SECRET_<name>_HOSTS lists where this secret may go, and this host is not among it.

    Without the list a secret goes wherever a spec sends it.
    """
    variable = f"HALI_SECRET_{name}_HOSTS"
    allowed = [one.strip().lower() for one in os.environ.get(variable, "").split(",") if one.strip()]
    if allowed and (host or "").lower().rstrip(".") not in allowed:
        raise MissingSecret(f"{variable} of this agent does not list the host of this probe: the secret is not sent there.")


# --- What a run used is taken out of its words ----------------------------------------------------


@contextmanager
def watched() -> Iterator[None]:
    """One run: what it reads is remembered until its end, for `without_secrets`."""
    token = _used.set(set())
    try:
        yield
    finally:
        _used.reset(token)


def watch() -> None:
    """As `watched`, until the end of the context that this is called in."""
    _used.set(set())


def remember(value: str) -> None:
    """A secret that this run has in hand, in whatever form: read, fetched, or taken out of another."""
    used = _used.get()
    if used is not None and len(value) >= SHORTEST_HIDDEN:
        used |= {value, quote(value, safe=""), base64.b64encode(value.encode()).decode()}


def without_secrets(words: str) -> str:
    """The words with every secret of this run taken out, also where a server sent it back to us."""
    used = _used.get()
    if not used:
        return words
    for value in sorted(used, key=len, reverse=True):
        words = words.replace(value, "[secret]")
    return words
