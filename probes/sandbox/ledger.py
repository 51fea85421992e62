"""What the gateway remembers: valid tokens and the pushes it took, in memory, for as long as it runs."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

TOKEN_SECONDS = 3599
PUSHES_KEPT = 10_000
NAIROBI = timezone(timedelta(hours=3))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


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


class Ledger:
    """Tokens, pushes and identifiers. Every draw comes from one seeded generator, every time from `clock`."""

    def __init__(self, *, seed: int, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.rng = random.Random(f"{seed}:ledger")  # noqa: S311  repeatable, not secret
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._pushes: OrderedDict[str, Push] = OrderedDict()

    def new_token(self, app: str) -> str:
        """A token for `app`; the one it had before is void from now on, as at the real gateway."""
        with self._lock:
            token = "".join(self.rng.choices(LETTERS, k=28))
            self._tokens[app] = (token, self.clock() + TOKEN_SECONDS)
        return token

    def is_valid(self, token: str) -> bool:
        now = self.clock()
        return any(token == known and now < until for known, until in list(self._tokens.values()))

    def add_push(self, *, amount: int, payer: str, callback_url: str, result_code: str, answer_after: float) -> Push:
        now = self.clock()
        stamp = datetime.fromtimestamp(now, UTC).astimezone(NAIROBI)
        with self._lock:
            push = Push(
                merchant_request_id=f"{self.rng.randrange(10_000, 100_000)}-{self.rng.randrange(10_000_000, 1_000_000_000)}-1",
                checkout_request_id=f"ws_CO_{stamp:%d%m%Y%H%M%S}{self.rng.randrange(1000):03d}{payer[-9:]}",
                amount=amount,
                payer=payer,
                receipt="".join(self.rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=10)),
                callback_url=callback_url,
                result_code=result_code,
                answered_at=now + answer_after,
            )
            self._pushes[push.checkout_request_id] = push
            while len(self._pushes) > PUSHES_KEPT:
                self._pushes.popitem(last=False)
        return push

    def find_push(self, checkout_request_id: str) -> Push | None:
        return self._pushes.get(checkout_request_id)
