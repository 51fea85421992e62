"""Where heartbeats and counts are pushed to us. A signature proves the sender; neither it nor its secret is logged."""

from __future__ import annotations

import logging

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from probes import pushes

log = logging.getLogger(__name__)

LONGEST_BODY = 16 * 1024


@csrf_exempt  # the signature proves more than a cookie would
def take(request: HttpRequest, code: str) -> HttpResponse:
    """One push: taken, or one line that says what to change."""
    if request.method != "POST":
        return _answer(405, {"error": "Send a POST."}, Allow="POST")
    body = request.read(LONGEST_BODY + 1)
    if len(body) > LONGEST_BODY:
        return _answer(413, {"error": f"The body is larger than {LONGEST_BODY // 1024} KB."})
    try:
        is_news = pushes.take(
            code=code,
            timestamp=request.headers.get("webhook-timestamp", ""),
            signatures=request.headers.get("webhook-signature", ""),
            body=body,
            now=timezone.now(),
        )
    except pushes.PushRefused as refusal:
        again = {"Retry-After": "30"} if refusal.status == 429 else {}
        return _answer(refusal.status, {"error": str(refusal)}, **again)
    except DatabaseError as error:
        log.error("A push could not be kept (%s): its sender is asked to try again.", type(error).__name__)
        return _answer(503, {"error": "It could not be kept now: try again in some seconds."}, **{"Retry-After": "5"})
    return _answer(200, {"status": "taken" if is_news else "taken before"})


def _answer(status: int, fields: dict[str, str], **headers: str) -> HttpResponse:
    return JsonResponse(fields, status=status, headers={"Cache-Control": "no-store", **headers})
