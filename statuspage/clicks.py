"""Every request has a name: the origin of what is logged meanwhile. It stands in the answer, for whoever reports a fault."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from incidents import tracing


class Clicks:
    """Middleware. A name that a proxy gave in X-Request-ID is kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = str(request.headers.get("X-Request-ID", ""))
        name = asked if re.fullmatch(r"[A-Za-z0-9-]{8,64}", asked) else uuid.uuid4().hex[:16]
        with tracing.since(f"click-{name}"):
            answer = self.get_response(request)
        answer["X-Request-ID"] = name
        return answer
