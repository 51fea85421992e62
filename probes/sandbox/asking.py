"""What every endpoint begins with: a request, its token, its fields; and how an endpoint refuses."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from probes.sandbox import answers, demo
from probes.sandbox.answers import Answer, Fault
from probes.sandbox.callbacks import CallbackWorker, is_loopback
from probes.sandbox.ledger import LETTERS, TOKEN_LENGTH, Ledger
from probes.sandbox.modes import Fate

MSISDN = re.compile(r"254[17]\d{8}", re.ASCII)
TIMESTAMP = re.compile(r"\d{14}", re.ASCII)
NUMBER = re.compile(r"\d{5,12}", re.ASCII)
AMOUNT = re.compile(r"[1-9]\d{0,5}", re.ASCII)
ADDRESS = re.compile(r"https?://[!-~]+")
TOKEN = re.compile(f"[{LETTERS}]{{{TOKEN_LENGTH}}}")


class Request(NamedTuple):
    """One request, and what the faults have in mind for it."""

    query: str
    authorization: str
    body: bytes
    fate: Fate


class Desk(NamedTuple):
    """What an endpoint works with. `answer_after` is how many seconds a payer, or a queue, takes."""

    ledger: Ledger
    callbacks: CallbackWorker
    report: Callable[[str, int | None], None]
    answer_after: float


Endpoint = Callable[[Desk, Request], Answer]


class Refused(Exception):
    """The request is answered with an error envelope."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def need_token(desk: Desk, request: Request) -> None:
    if not request.authorization.startswith("Bearer "):
        raise Refused(answers.INVALID_AUTHENTICATION)
    token = request.authorization[7:].strip()
    if not TOKEN.fullmatch(token):
        raise Refused(answers.MALFORMED_TOKEN)
    if not desk.ledger.is_known(token) or request.fate.refuse_token:
        raise Refused(answers.INVALID_TOKEN)
    if not desk.ledger.is_valid(token):
        raise Refused(answers.EXPIRED_TOKEN)


def fields_of(request: Request) -> dict[str, Any]:
    fields = parsed(request.body)
    if fields is None:
        raise Refused(answers.INVALID_PAYLOAD)
    return fields


def parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, None when it is no such thing."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def need_merchant(fields: dict[str, Any]) -> None:
    """The short code is known, and Password is base64(short code + pass key + timestamp)."""
    shortcode, timestamp = text(fields, "BusinessShortCode"), text(fields, "Timestamp")
    need("BusinessShortCode", NUMBER.fullmatch(shortcode))
    need("Timestamp", TIMESTAMP.fullmatch(timestamp))
    if shortcode != demo.SHORTCODE:
        raise Refused(answers.NO_SUCH_MERCHANT)
    if decoded(text(fields, "Password")) != shortcode + demo.PASSKEY + timestamp:
        raise Refused(answers.WRONG_CREDENTIALS)


def need(name: str, is_right: object) -> None:
    if not is_right:
        raise Refused(answers.invalid_field(name))


def need_match(fields: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = text(fields, name)
    need(name, pattern.fullmatch(value))
    return value


def text(fields: dict[str, Any], name: str) -> str:
    """Numbers may come as numbers or as strings, as at the real gateway."""
    value = fields.get(name)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def call_back(
    desk: Desk,
    request: Request,
    *,
    url: str,
    body: dict[str, Any],
    after_s: float,
) -> None:
    """Tell the merchant in `after_s` seconds, as far as the faults let it: late, never, or more than once."""
    fate = request.fate
    if fate.drop_callback:
        desk.report("dropped by a fault", None)
        return
    if not is_loopback(url):
        desk.report("not sent: only http:// on a loopback address is called", None)
        return
    for copy in range(1 + fate.more_callbacks):
        due_in = after_s + fate.callback_delay_s + copy * fate.callback_gap_s
        desk.callbacks.schedule(url=url, body=body, after_s=due_in)
