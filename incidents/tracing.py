"""Which click, batch of outcomes or tick a line in the log comes from: its origin.

A new record entry is logged with its origin, and what follows from the entry (the page that shows it, its deliveries) names the
entry: so one can be followed to the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_origin: ContextVar[str] = ContextVar("origin", default="")


def origin() -> str:
    """ "" where nothing of the kind is known."""
    return _origin.get()


@contextmanager
def since(what: str) -> Iterator[None]:
    """What is logged inside comes from `what`: click-…, batch-…, tick-…."""
    token = _origin.set(what)
    try:
        yield
    finally:
        _origin.reset(token)
