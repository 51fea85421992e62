"""What is made of a value that never changes is made once: given again as long as it is asked for the very same object."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

KEPT_AT_MOST = 2048  # of each kind; then all of it is let go of
Thing = TypeVar("Thing")
Made = TypeVar("Made")
Rest = ParamSpec("Rest")


def per_object(make: Callable[Concatenate[Thing, Rest], Made]) -> Callable[Concatenate[Thing, Rest], Made]:
    """For functions of a frozen value, and of further ones that can be hashed. To compare all that a service or an incident says
    costs as much as to make it anew. Nobody may change what is given."""
    made: dict[tuple[Any, ...], tuple[Thing, Made]] = {}

    @wraps(make)
    def given(thing: Thing, /, *rest: Rest.args, **named: Rest.kwargs) -> Made:
        key = id(thing), *rest, *named.items()
        known = made.get(key)
        if known is None or known[0] is not thing:
            if len(made) >= KEPT_AT_MOST:
                made.clear()
            known = made[key] = thing, make(thing, *rest, **named)
        return known[1]

    return given
