"""What the gateway remembers: valid tokens, the pushes it took and the addresses it knows, in memory, for as long as it runs."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

TOKEN_SECONDS = 3599
TOKEN_LENGTH = 28
PUSHES_KEPT = 10_000
REQUESTS_KEPT = 10_000
NAIROBI = timezone(timedelta(hours=3))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
RECEIPT_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Push:
    """One accepted STK push. It holds a payer's number, so it is never printed."""

    merchant_request_id: str
    checkout_request_id: str
    amount: int
    payer: str
    receipt: str
    callback_url: str
    result_code: str
    answered_at: float

    def __repr__(self) -> str:
        return "Push(…)"


@dataclass(frozen=True)
class Registered:
    """Where payments to a short code are told. Addresses hold an unguessable part, so they are never printed."""

    confirmation_url: str
    validation_url: str
    completes: bool  # what happens when the validation address does not answer

    def __repr__(self) -> str:
        return "Registered(…)"


class Ledger:
    """Tokens, pushes and identifiers. Every draw comes from one seeded generator, every time from `clock`."""

    def __init__(self, *, seed: int, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.rng = random.Random(f"{seed}:ledger")  # noqa: S311  repeatable, not secret
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._pushes: OrderedDict[str, Push] = OrderedDict()
        self._locked: dict[str, float] = {}
        self._requests: OrderedDict[str, None] = OrderedDict()
        self._registered: dict[str, Registered] = {}

    # --- tokens ------------------------------------------------------------------------------

    def new_token(self, app: str) -> str:
        """A token for `app`; the one it had before is void from now on, as at the real gateway."""
        with self._lock:
            token = "".join(self.rng.choices(LETTERS, k=TOKEN_LENGTH))
            self._tokens[app] = (token, self.clock() + TOKEN_SECONDS)
        return token

    def is_known(self, token: str) -> bool:
        """Whether it is the newest token of an app, ended or not."""
        return any(token == known for known, _ in list(self._tokens.values()))

    def is_valid(self, token: str) -> bool:
        now = self.clock()
        return any(token == known and now < until for known, until in list(self._tokens.values()))

    # --- pushes ------------------------------------------------------------------------------

    def add_push(self, *, amount: int, payer: str, callback_url: str, result_code: str, answer_after: float) -> Push | None:
        """None while the payer's phone is still busy with the push before."""
        now = self.clock()
        with self._lock:
            if self._locked.get(payer, now) > now:
                return None
            push = Push(
                merchant_request_id=self._request_number(),
                checkout_request_id=f"ws_CO_{_stamp(now):%d%m%Y%H%M%S}{self.rng.randrange(1000):03d}{payer[-9:]}",
                amount=amount,
                payer=payer,
                receipt=self._receipt(),
                callback_url=callback_url,
                result_code=result_code,
                answered_at=now + answer_after,
            )
            self._pushes[push.checkout_request_id] = push
            while len(self._pushes) > PUSHES_KEPT:
                self._pushes.popitem(last=False)
            self._locked = {who: until for who, until in self._locked.items() if until > now} | {payer: push.answered_at}
        return push

    def find_push(self, checkout_request_id: str) -> Push | None:
        return self._pushes.get(checkout_request_id)

    # --- identifiers -------------------------------------------------------------------------

    def new_conversation(self) -> tuple[str, str]:
        """ConversationID and OriginatorConversationID of an asynchronous request."""
        with self._lock:
            return f"AG_{_stamp(self.clock()):%Y%m%d}_{self.rng.getrandbits(80):020x}", self._request_number()

    def new_receipt(self) -> str:
        with self._lock:
            return self._receipt()

    def is_new_request(self, originator_conversation_id: str) -> bool:
        """Whether the merchant uses this id for the first time; true once."""
        with self._lock:
            if originator_conversation_id in self._requests:
                return False
            self._requests[originator_conversation_id] = None
            while len(self._requests) > REQUESTS_KEPT:
                self._requests.popitem(last=False)
        return True

    def _request_number(self) -> str:
        return f"{self.rng.randrange(10_000, 100_000)}-{self.rng.randrange(10_000_000, 1_000_000_000)}-1"

    def _receipt(self) -> str:
        return "".join(self.rng.choices(RECEIPT_LETTERS, k=10))

    # --- addresses ---------------------------------------------------------------------------

    def register(self, shortcode: str, urls: Registered) -> bool:
        """False when the short code has other addresses already; the same ones again are fine."""
        with self._lock:
            return self._registered.setdefault(shortcode, urls) == urls

    def registered(self, shortcode: str) -> Registered | None:
        return self._registered.get(shortcode)


def _stamp(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC).astimezone(NAIROBI)
