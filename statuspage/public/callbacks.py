"""Where gateways post answers that come later. The address is the key: it holds an unguessable token, so it is never logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from probes import late_answers
from probes.gateway_callbacks import CORRELATION, read, read_fields
from statuspage.doors import client_of

log = logging.getLogger(__name__)

LONGEST_BODY = 64 * 1024


@csrf_exempt  # the token in the address proves more than a cookie would
def take(
    request: HttpRequest,
    token: str,
    correlation: str = "",
    in_queue_timeout: bool = False,
    code_field: str = "",
    id_field: str = "",
) -> HttpResponse:
    """One answer. Whoever knows the address hears "accepted", whatever became of it: a gateway has no use for more, and of any
    other answer Django would log the address. `code_field`, `id_field`: what a gateway of another kind calls its code and its
    number."""
    if not settings.CALLBACK_TOKEN or not constant_time_compare(token, settings.CALLBACK_TOKEN):
        raise Http404
    try:
        if request.method in {"POST", "PUT"}:
            _note(request, correlation, in_queue_timeout, code_field, id_field)
    except DatabaseError as error:
        log.error("A callback could not be noted (%s): its run will count as late.", type(error).__name__)
    return _accepted()


@csrf_exempt
def validate(request: HttpRequest, token: str) -> HttpResponse:
    """A payment that is about to be made: accepted, and nothing kept of it."""
    if not settings.CALLBACK_TOKEN or not constant_time_compare(token, settings.CALLBACK_TOKEN):
        raise Http404
    return _accepted()


def _note(request: HttpRequest, correlation: str, in_queue_timeout: bool, code_field: str, id_field: str) -> None:
    if not is_from(client_of(request), settings.CALLBACK_FROM, "HALI_CALLBACK_FROM"):
        return
    body = request.read(LONGEST_BODY + 1)
    told = None
    if len(body) <= LONGEST_BODY and code_field:
        told = read_fields(body, code_field=code_field, id_field=id_field)
    elif len(body) <= LONGEST_BODY:
        told = read(body, in_queue_timeout=in_queue_timeout)
    named = correlation or (told.correlation if told else "")
    if told is None or not CORRELATION.fullmatch(named):
        log.warning("A callback that answers nothing we asked was ignored.")
        return
    late_answers.take_answer(correlation=named, told=told, now=timezone.now())


def is_from(client: str, networks: Sequence[IPv4Network | IPv6Network], setting: str) -> bool:
    """Does the client lie in one of the networks? No networks: anywhere. A refusal is logged with the setting's name."""
    try:
        address = ip_address(client) if networks else None
    except ValueError:
        address = None
    allowed = not networks or (address is not None and any(address in network for network in networks))
    if not allowed:
        log.warning("A callback from an address outside %s was ignored.", setting)
    return allowed


def _accepted() -> HttpResponse:
    return JsonResponse({"ResultCode": "0", "ResultDesc": "Accepted"}, headers={"Cache-Control": "no-store"})
