"""What is never scheduled, by whatever kind of probe: calls that move money, ring a phone, or can be made once only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from probes.outcome import TargetError

# The recipe's name, and the calls of a gateway it would make.
NEVER: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "b2c": ("it moves money", re.compile(r"/mpesa/b2c/")),
    "b2b": ("it moves money", re.compile(r"/mpesa/b2b/")),
    "tax-remittance": ("it moves money", re.compile(r"/remittax\b")),
    "reversal": ("it moves money", re.compile(r"/mpesa/reversal/")),
    "c2b-register": ("in production it can be done once only", re.compile(r"/c2b/v\d+/registerurl")),
    "stk-push": ("it rings a phone", re.compile(r"/mpesa/stkpush/")),
}


def refuse_recipe(name: object) -> None:
    """Raises TargetError when a recipe of this name would do what must not be scheduled."""
    if isinstance(name, str) and name in NEVER:
        raise TargetError(f"recipe: {name} is never scheduled, because {NEVER[name][0]}.")


def refuse_calls(value: Any) -> None:
    """Raises TargetError when a spec names such a call anywhere in it, in whatever spelling."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            refuse_calls(key)
            refuse_calls(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            refuse_calls(one)
    elif isinstance(value, str):
        plain = re.sub(r"/(?:\.?/)+", "/", unquote(unquote(value)).lower())
        for name, (why, pattern) in NEVER.items():
            if pattern.search(plain):
                raise TargetError(f"the spec names a call that is never scheduled ({name}), because {why}.")
