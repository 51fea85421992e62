"""What is the same for everybody who looks within the same two seconds: made once by each process, not once a page.

Every open dashboard asks again each five seconds. Only for what the house says of itself; what a person's own act changes is read
anew each time, so that nobody finds the page as it was before their press.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TypeVar

from django.db import connection

SHARED_FOR = 2.0  # seconds

Made = TypeVar("Made")


def for_all(make: Callable[[datetime], Made]) -> Callable[[datetime], Made]:
    """`make(now)`, or what it answered less than SHARED_FOR ago. Two at once make it twice, which harms nobody."""
    kept: list[tuple[float, Made]] = []

    @wraps(make)
    def answer(now: datetime) -> Made:
        if connection.in_atomic_block:
            return make(now)  # a transaction may see what others do not
        if not kept or time.monotonic() - kept[0][0] >= SHARED_FOR:
            kept[:] = [(time.monotonic(), make(now))]
        return kept[0][1]

    return answer
