"""Secrets by name: specs hold names, the agent's environment holds the values."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

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


class MissingSecret(TargetError):
    """The agent's environment lacks a secret that a spec names."""


@dataclass(frozen=True)
class App:
    """A gateway app's key pair; what it holds is never shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def secret(name: str, *, demo_allowed: bool = False) -> str:
    """The value of HALI_SECRET_<name>; raises MissingSecret.

    `demo_allowed` (the target is on loopback) lets the sandbox's public values stand in.
    """
    variable = f"HALI_SECRET_{name}"
    value = os.environ.get(variable, "")
    if not value and demo_allowed:
        value = _DEMO_VALUES.get(name, "")
    if not value:
        raise MissingSecret(f"{variable} is not set in the environment of this agent.")
    if not value.isascii() or not value.isprintable():
        raise MissingSecret(f"{variable} holds a line break or letters outside ASCII: set it again.")
    return value


def app(name: str, *, demo_allowed: bool) -> App:
    return App(
        key=secret(f"{name}_KEY", demo_allowed=demo_allowed),
        secret=secret(f"{name}_SECRET", demo_allowed=demo_allowed),
    )


def optional(name: str) -> str:
    """As `secret`, but empty where it is not set."""
    return secret(name) if os.environ.get(f"HALI_SECRET_{name}") else ""
