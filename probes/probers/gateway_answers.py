"""Reads a payment gateway's answer: one table from its texts and codes to whose fault it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from probes.probers.engine import Reply


class Verdict(StrEnum):
    """What one answer says about the gateway, or about us."""

    ACCEPTED = "accepted"  # a healthy answer
    PENDING = "pending"  # it works on it: healthy, never failed
    ALIVE = "alive"  # it refused this request in good order
    TOKEN = "token"  # noqa: S105  it does not know our token
    CREDENTIALS = "credentials"  # our keys or our set-up
    RATE = "rate"  # we ask too often
    TARGET = "target"  # our request is wrong
    BUSY = "busy"
    INTERNAL = "internal"
    BLOCKED = "blocked"  # a firewall in front of it, or our address
    STATUS = "status"
    ASSERTION = "assertion"  # not what a gateway says when it is well
    TRANSPORT = "transport"  # no whole answer at all; the class is the reply's


@dataclass(frozen=True)
class Reading:
    """A verdict, a line for staff without any value of the answer but its code, and the answer's fields."""

    verdict: Verdict
    words: str
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Row(NamedTuple):
    code: str
    text: str
    verdict: Verdict
    words: str


# First match wins; an empty column matches anything. Texts stand before codes, since 500.001.1001 alone means four things.
ROWS = (
    Row("", "spike arrest", Verdict.RATE, "we ask too often (spike arrest)"),
    Row("", "quota violation", Verdict.RATE, "we ask too often (quota)"),
    Row("", "system is busy", Verdict.BUSY, "the gateway says it is busy"),
    Row("", "wrong credentials", Verdict.CREDENTIALS, "our credentials are refused"),
    Row("", "merchant does not exist", Verdict.CREDENTIALS, "our short code is not known"),
    Row("", "being processed", Verdict.PENDING, "pending"),
    Row("", "still under processing", Verdict.PENDING, "pending"),
    Row("", "unable to lock subscriber", Verdict.PENDING, "the handset is busy, the gateway is not"),
    Row("", "already registered", Verdict.ALIVE, "already registered"),
    Row("", "does not exist", Verdict.TARGET, "the request named in the spec is not known"),
    Row("404.001.03", "", Verdict.TOKEN, "the token is not accepted"),
    Row("400.003.01", "", Verdict.TOKEN, "the token is not accepted"),
    Row("401.002.01", "", Verdict.TOKEN, "the token is not accepted"),
    Row("400.002.02", "", Verdict.ALIVE, "a field of our request is refused"),
    Row("400.002.05", "", Verdict.ALIVE, "our request is refused"),
    Row("500.002.1001", "", Verdict.ALIVE, "a duplicate is refused"),
    Row("404.001.04", "", Verdict.TARGET, "our authentication header is wrong"),
    Row("404.001.01", "", Verdict.TARGET, "no such resource: base_url is wrong"),
    Row("404.002.01", "", Verdict.TARGET, "no such resource: base_url is wrong"),
    Row("405.001", "", Verdict.TARGET, "the method is not allowed: base_url is wrong"),
    Row("400.008.02", "", Verdict.TARGET, "the grant type is refused"),
    Row("500.003.03", "", Verdict.RATE, "we ask too often (quota)"),
    Row("500.003.02", "", Verdict.BUSY, "the gateway says it is busy"),
    Row("500.003.1001", "", Verdict.INTERNAL, "the gateway says internal error"),
    Row("500.001.1001", "", Verdict.INTERNAL, "the gateway fails with a text we do not know"),
)

ACCEPTED_CODES = {"0", "00", "00000000"}
CODE = re.compile(r"[0-9.]{1,16}", re.ASCII)


def read(reply: Reply) -> Reading:
    """What a reply means, whichever recipe asked."""
    if reply.error_class:
        return Reading(Verdict.TRANSPORT, reply.error)
    text = reply.body.decode("utf-8", "replace").strip()
    if reply.status == 429:
        return Reading(Verdict.RATE, "429: we ask too often")
    if "incident id" in text.lower() or (reply.status == 403 and not _is_json(reply)):
        return Reading(
            Verdict.BLOCKED, f"{reply.status} from a firewall: it fails, or blocks this address; compare another vantage"
        )
    fields = _fields(text) if _is_json(reply) else None
    if fields is None:
        return _without_json(reply, text)
    if "fault" in fields or "Envelope" in fields:
        return _proxy_fault(fields)
    if fields.get("errorCode") or fields.get("errorMessage"):
        return _envelope(reply, fields)
    return _acknowledgement(reply, fields)


def _is_json(reply: Reply) -> bool:
    return "json" in reply.content_type.lower()


def _fields(text: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _without_json(reply: Reply, text: str) -> Reading:
    status = reply.status or 0
    if status >= 500:
        return Reading(Verdict.STATUS, f"{status} {'with an empty body' if not text else 'without a JSON answer'}")
    return Reading(Verdict.ASSERTION, f"{status}, but the answer is {'empty' if not text else 'not JSON'}")


def _proxy_fault(fields: dict[str, Any]) -> Reading:
    """Faults of the proxy in front of the gateway ("fault") and of a service behind it (SOAP in JSON, "Envelope")."""
    said = json.dumps(fields).lower()
    if "spikearrest" in said or "spike arrest" in said or "quotaviolation" in said:
        return Reading(Verdict.RATE, "we ask too often (spike arrest)")
    if "invalid access token" in said or "invalidaccesstoken" in said:
        return Reading(Verdict.TOKEN, "the token is not accepted")
    where = "behind the gateway" if "Envelope" in fields else "in the gateway's proxy"
    return Reading(Verdict.INTERNAL, f"a fault {where}")


def _envelope(reply: Reply, fields: dict[str, Any]) -> Reading:
    code, said = str(fields.get("errorCode", "")), str(fields.get("errorMessage", "")).lower()
    shown = code if CODE.fullmatch(code) else "an unknown code"
    for row in ROWS:
        if row.code in {"", code} and row.text in said:
            return Reading(row.verdict, f"{shown}: {row.words}", fields)
    if (reply.status or 0) >= 500:
        return Reading(Verdict.STATUS, f"{reply.status} with {shown}")
    return Reading(Verdict.ALIVE, f"{shown}: refused in good order", fields)


def _acknowledgement(reply: Reply, fields: dict[str, Any]) -> Reading:
    status = reply.status or 0
    if status >= 500:
        return Reading(Verdict.STATUS, f"{status} with a JSON answer")
    if status in {401, 403}:
        return Reading(Verdict.CREDENTIALS, f"{status}: our credentials are refused")
    if status >= 400:
        return Reading(Verdict.ALIVE, f"{status}: refused in good order", fields)
    if status != 200:
        return Reading(Verdict.ASSERTION, f"status {status}, expected 200")
    if not any(str(value).strip() for value in fields.values()):
        return Reading(Verdict.ASSERTION, "an acknowledgement whose fields are all empty")
    if str(fields.get("ResultCode", "")) == "4999":
        return Reading(Verdict.PENDING, "pending", fields)
    if "ResponseCode" in fields and str(fields["ResponseCode"]) not in ACCEPTED_CODES:
        return Reading(Verdict.ASSERTION, "200, but it did not accept the request", fields)
    return Reading(Verdict.ACCEPTED, "answered", fields)
