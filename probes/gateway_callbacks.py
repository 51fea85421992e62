"""Reads what a gateway posts to our callback address: which run it answers and how that ended. Everything else is dropped here.

Loosely, since gateways are: a list or a single object, codes as numbers or texts, fields that are missing or twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

CORRELATION = re.compile(r"p[0-9a-f]{16}", re.ASCII)  # a letter first: no number of a person or a card looks like it
CODE = re.compile(r"(?!.*\d{6})[A-Za-z0-9_.]{1,12}", re.ASCII)
OTHER_CODE = re.compile(r"(?!.*\d{6})[A-Za-z0-9_.-]{1,20}", re.ASCII)  # of gateways whose codes are words
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
DEPTH = 6

# Kinds of answer: the request went through, or was turned down for a reason of the customer's; the gateway failed; our set-up is
# wrong; it waited too long in the gateway's queue.
DONE, FAULT, SETUP, TIMEOUT = "done", "fault", "setup", "timeout"

SUCCESS_CODES = {"0", "00", "00000000"}
FAULT_CODES = {"17", "26", "1025", "1036", "9999"}  # technical declines; every other code is a business one
SETUP_CODES = {"2001"}  # the initiator is not known there


class Told(NamedTuple):
    """One answer: the run it names ("" where the address does), its kind, and its code as it came ("?" when it is none)."""

    correlation: str
    kind: str
    code: str


def read(body: bytes, *, in_queue_timeout: bool = False) -> Told | None:
    """What a callback tells; None when it is nothing we know."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    for fields in _objects(value, DEPTH):
        if "ResultCode" in fields:
            code = _code(fields["ResultCode"])
            return Told("", TIMEOUT if in_queue_timeout else _kind(code), code)
        if "TransID" in fields and "BillRefNumber" in fields:
            named = str(fields["BillRefNumber"])
            return Told(named, DONE, "0") if CORRELATION.fullmatch(named) else None
    return Told("", TIMEOUT, "?") if in_queue_timeout else None


def correlation_of(value: str) -> str:
    """What is kept of the number a gateway, or we, gave a request: our own as it is, of any other what cannot be turned back."""
    return value if CORRELATION.fullmatch(value) else f"p{hashlib.sha256(value.encode()).hexdigest()[:16]}"


def read_fields(body: bytes, *, code_field: str, id_field: str = "") -> Told | None:
    """As `read`, for a gateway whose fields are named in its callback's address; what the code means, the probe's spec says."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    code = _first(value, code_field)
    named = _first(value, id_field) if id_field else ""
    if code is None or named is None:
        return None
    return Told(correlation_of(named) if id_field else "", DONE, code if OTHER_CODE.fullmatch(code) else "?")


def _first(value: Any, name: str) -> str | None:
    """The outermost text or number of that name."""
    for fields in _objects(value, DEPTH):
        found = fields.get(name)
        if isinstance(found, (str, int)) and not isinstance(found, bool) and str(found):
            return str(found)
    return None


def _objects(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Every object in it, outermost first."""
    if isinstance(value, dict):
        yield value
    if depth and isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _objects(one, depth - 1)


def _code(value: Any) -> str:
    text = str(value)
    return text if isinstance(value, (str, int)) and not isinstance(value, bool) and CODE.fullmatch(text) else "?"


def _kind(code: str) -> str:
    if code in FAULT_CODES:
        return FAULT
    return SETUP if code in SETUP_CODES else DONE
