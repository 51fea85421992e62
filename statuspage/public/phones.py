"""Where the SMS and USSD gateway posts to. It signs nothing: the address holds an unguessable token, and is never logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from statuspage import ussd
from statuspage.doors import client_of
from statuspage.public.callbacks import is_from
from statuspage.snapshot.serving import SnapshotFirst
from subscribers import phone_replies
from subscribers.addresses import AddressError

log = logging.getLogger(__name__)


@csrf_exempt  # the token in the address proves more than a cookie would
def take(request: HttpRequest, token: str, what: str) -> HttpResponse:
    """A delivery report, a word texted to us, or an opt-out. The gateway hears 200 at once, whatever became of it, but where it
    has to tell it again."""
    _require(token)
    if request.method == "POST" and is_from(client_of(request), settings.SMS_CALLBACK_FROM, "HALI_SMS_CALLBACK_FROM"):
        try:
            _note(what, request.POST)
        except AddressError:
            log.warning("The SMS gateway named a number that is none of ours; ignored.")
        except DatabaseError as error:
            log.error("What the SMS gateway told could not be noted (%s).", type(error).__name__)
            return HttpResponse(status=503)  # it tells it again
        except phone_replies.NotYet:
            return HttpResponse(status=503)
    return HttpResponse(headers={"Cache-Control": "no-store"})


def _note(what: str, told: Mapping[str, str]) -> None:
    now = timezone.now()
    if what == "reports":
        phone_replies.take_report(
            reference=told.get("id", "")[:80], status=told.get("status", ""), reason=told.get("failureReason", ""), now=now
        )
    elif what == "texts":
        phone_replies.take_text(number=told.get("from", ""), text=told.get("text", "")[:200], now=now)
    else:
        phone_replies.opt_out(number=told.get("phoneNumber", ""), now=now)


@csrf_exempt
def dial(request: HttpRequest, token: str) -> HttpResponse:
    """USSD: from the snapshot's files alone, so it answers while the database is down. Nothing of the number is kept."""
    _require(token)
    typed = request.POST.get("text", "") if request.method == "POST" else ""
    said = ussd.answer(typed[:100], status_now(), languages=settings.LANGUAGES, provider=settings.PROVIDER_NAME)
    return HttpResponse(said, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def status_now() -> Any:
    """What /api/v1/status.json says now, fresh or stale as readers get it; None when there is no snapshot."""
    status = "503"

    def begin(said: str, headers: Any, exc_info: Any = None) -> Any:
        nonlocal status
        status = said

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/status.json"}
    body = b"".join(SnapshotFirst(lambda _, __: [])(environ, begin))
    return json.loads(body) if status.startswith("200") else None


def _require(token: str) -> None:
    if not settings.SMS_CALLBACK_TOKEN or not constant_time_compare(token, settings.SMS_CALLBACK_TOKEN):
        raise Http404
