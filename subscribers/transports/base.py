"""What every transport has in common: its errors and answers, what it carries, and how the outbox drives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from subscribers.items import Item
from subscribers.rendering import Rendered

# TransportError             it did not go out; try again, unless `permanent`
#  └── TransportUnreachable  nobody took anything: the relay is down or we are misconfigured; no item is to blame


class TransportError(Exception):
    """One item did not go out. The message holds no address.

    `permanent`: trying again cannot help. `gone`: nor will anything else sent there (410, an opted-out number): the subscriber is
    suspended at once. `bounced`: the address was refused as unknown; the second time suspends. `retry_after`: seconds the other
    side asked us to wait. `throttled`: it hung or asked us to slow down, so its whole domain rests for a while.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        gone: bool = False,
        bounced: bool = False,
        retry_after: float | None = None,
        throttled: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent or gone or bounced
        self.gone = gone
        self.bounced = bounced
        self.retry_after = retry_after
        self.throttled = throttled


class TransportUnreachable(TransportError):
    """There is no way out at all for now. The message says what to look at."""


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken. `reference`: the other side's name of it, which later reports of it carry."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `after`: seconds that were asked for; None: by the rule of retries. `throttled` as in TransportError."""

    reason: str
    after: float | None = None
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Never. `gone` and `bounced` as in TransportError."""

    reason: str
    gone: bool = False
    bounced: bool = False


Outcome = Sent | Retry | Failed


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
    subscriber_id: int = 0  # for what only this channel keeps of them (a secret)
    item: Item | None = None  # what is told; None for a mail that asks for a confirmation
    private: Any = field(default=None, repr=False)  # what `private_of` gave, read before any thread began


class Sender:
    """A way out that is kept open while a batch goes through it. A channel gives `send`, or `send_all` for many at once.

    Up to `connections` of them are at work at once in one process, each in a thread of its own; none of them asks the database.
    """

    connections: int = 1
    together: int = 10  # parcels handed to one connection at once

    # --- Addresses -------------------------------------------------------------------------------

    @classmethod
    def normalise(cls, typed: str) -> str:
        """The one form of an address that is kept, hashed and sent to. Raises addresses.AddressError with what to change."""
        raise NotImplementedError

    @classmethod
    def domain_of(cls, normal: str) -> str:
        """Whose server it is: what sign-ups and deliveries are limited by together."""
        raise NotImplementedError

    @classmethod
    def private_of(cls, subscriber_id: int) -> Any:
        """What only this channel keeps of a subscriber; it goes into the Parcel. The one place that asks the database."""
        return None

    # --- Sending ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Raises TransportUnreachable."""

    def send(self, parcel: Parcel) -> str:
        """Hand one over; answers the other side's name of it, "" for none. Raises TransportError."""
        [outcome] = self.send_all([parcel])
        if isinstance(outcome, Sent):
            return outcome.reference
        raise error_of(outcome)

    def send_all(self, parcels: Sequence[Parcel]) -> Iterator[Outcome]:
        """One outcome for each, in order, as soon as it is known. It may end early, or raise TransportUnreachable: the rest was
        not tried then."""
        for parcel in parcels:
            try:
                reference = self.send(parcel)
            except TransportUnreachable:
                raise
            except TransportError as error:
                yield outcome_of(error)
            else:
                yield Sent(reference)

    def close(self) -> None: ...

    @classmethod
    def render(cls, item: Item, language: str) -> Rendered | None:
        """The item's words where the channel makes them itself (JSON); None: from templates/<channel>/<kind>.*."""
        return None

    @classmethod
    def render_confirmation(cls, language: str) -> Rendered | None:
        """The words that ask whether they asked; None: from templates/<channel>/confirm.*."""
        return None

    @classmethod
    def render_known(cls, language: str) -> Rendered | None:
        """The words for who has confirmed and is asked for again, with the way to their own page; None: from known.* there."""
        return None


def outcome_of(error: TransportError) -> Outcome:
    if error.permanent:
        return Failed(str(error), gone=error.gone, bounced=error.bounced)
    return Retry(str(error), error.retry_after, error.throttled)


def error_of(outcome: Retry | Failed) -> TransportError:
    if isinstance(outcome, Retry):
        return TransportError(outcome.reason, retry_after=outcome.after, throttled=outcome.throttled)
    return TransportError(outcome.reason, permanent=True, gone=outcome.gone, bounced=outcome.bounced)
