"""What is never scheduled, by whatever kind of probe: calls that move money, ring a phone, or can be made once only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from probes.outcome import TargetError
from probes.probers import specs

# The recipe's name, and the calls of a gateway it would make.
NEVER: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "b2c": ("it moves money", re.compile(r"/mpesa/b2c/")),
    "b2b": ("it moves money", re.compile(r"/mpesa/b2b/")),
    "tax-remittance": ("it moves money", re.compile(r"/remittax\b")),
    "reversal": ("it moves money", re.compile(r"/mpesa/reversal/")),
    "c2b-register": ("in production it can be done once only", re.compile(r"/c2b/v\d+/registerurl")),
    "stk-push": ("it rings a phone", re.compile(r"/mpesa/stkpush/")),
}


# What other gateways call such things, where it is not their sandbox: (what, why, the end of the address).
ELSEWHERE: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("a request to pay", "it rings a phone", re.compile(r"/(?:requesttopay|requesttowithdraw|merchant/v\d+/payments)/?$")),
    (
        "a payment",
        "it moves money",
        re.compile(
            r"/(?:payments?|payouts?|refunds?|transfers?|charges?|disbursements?|captures?|reversals?|deposits?|withdrawals?"
            r"|payment_intents|cashtransfer|remittances?)/?$"
        ),
    ),
)
_READING = ("GET", "HEAD", "OPTIONS")


def is_sandbox(host: str | None) -> bool:
    """Whether money there is not real: this machine, or a name with a part such as sandbox or sandbox-2."""
    parts = re.split(r"[.-]", (host or "").lower())
    return specs.is_loopback(host) or "sandbox" in parts


def refuse_request(method: str, url: str) -> None:
    """Raises TargetError for a call that is never scheduled, by its method and whole address."""
    refuse_calls(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return  # whoever asks is told so in other words
    if method in _READING or is_sandbox(parts.hostname):
        return
    plain = _plain(parts.path)
    for what, why, pattern in ELSEWHERE:
        if pattern.search(plain):
            raise TargetError(f"{method} to this address looks like {what}, which is never scheduled, because {why}.")


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
        plain = _plain(value)
        for name, (why, pattern) in NEVER.items():
            if pattern.search(plain):
                raise TargetError(f"the spec names a call that is never scheduled ({name}), because {why}.")


def _plain(value: str) -> str:
    """An address in one spelling."""
    return re.sub(r"/(?:\.?/)+", "/", unquote(unquote(value)).lower())
