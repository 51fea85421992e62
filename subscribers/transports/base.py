"""What every transport has in common: its errors, what it carries, and how the outbox drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from subscribers.rendering import Rendered

# TransportError             it did not go out; try again, unless `permanent`
#  └── TransportUnreachable  nobody took anything: the relay is down or we are misconfigured; no item is to blame


class TransportError(Exception):
    """One item did not go out. `permanent`: trying again cannot help. The message holds no address."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class TransportUnreachable(TransportError):
    """There is no way out at all for now. The message says what to look at."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One item for one subscriber. `fills` gives what stands in the rendered texts in place of each mark."""

    address: str
    rendered: Rendered
    fills: Mapping[str, str]
    message_id: str  # inc.upd.RKEY: the same for each try, so that a second copy folds into the first
    date: datetime
    thread_id: str = ""  # inc.RKEY: the root every mail of the incident to this subscriber refers to
    feedback_id: str = ""
    unsubscribe_url: str = ""
    unsubscribe_token: str = ""


class Sender(Protocol):
    """A way out that is kept open while a batch goes through it."""

    def open(self) -> None:
        """Raises TransportUnreachable."""

    def send(self, parcel: Parcel) -> None:
        """Raises TransportError."""

    def close(self) -> None: ...
