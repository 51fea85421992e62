"""A Statuspage page asked over HTTP: what is now, and as many quarters of its history as wanted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests

from statuspage.importing.found import NotThatFormat

TIMEOUT = 20  # seconds
FILES = ("components.json", "incidents.json", "scheduled-maintenances.json")
AT_MOST = 5_000  # incidents
LARGEST = 16 * 1024 * 1024  # of one answer


def fetch(address: str, *, quarters: int, get: Callable[[str], Any] | None = None) -> list[dict[str, Any]]:
    """The v2 files, and a file like incidents.json of what /history.json lists beyond them. Raises NotThatFormat."""
    base, ask = address.rstrip("/"), get or _get
    files = [ask(f"{base}/api/v2/{name}") for name in FILES]
    known = {row.get("id") for row in files[1].get("incidents") or []}
    older: list[dict[str, Any]] = []
    for number in range(1, quarters + 1):
        months = ask(f"{base}/history.json?page={number}").get("months") or []
        codes = [row.get("code") for month in months for row in month.get("incidents") or []]
        for code in [code for code in codes if code and code not in known][: AT_MOST - len(older)]:
            known.add(code)
            row = ask(f"{base}/incidents/{quote(str(code), safe='')}.json")
            if not row.get("scheduled_for"):
                older.append(row)
    return [*files, {"page": files[1].get("page"), "incidents": older}]


def _get(address: str) -> Any:
    """Whoever answers there chooses neither another address nor how much we take."""
    headers = {"Accept": "application/json"}
    try:
        with requests.get(address, timeout=TIMEOUT, headers=headers, stream=True, allow_redirects=False) as answer:
            if answer.is_redirect:
                raise NotThatFormat(f"{address} leads to {answer.headers['Location'][:200]!r}: give the page's own address.")
            answer.raise_for_status()
            found = json.loads(_bounded(answer, address))
    except (requests.RequestException, ValueError, RecursionError) as error:
        if isinstance(error, NotThatFormat):
            raise
        raise NotThatFormat(f"{address} did not answer with JSON ({type(error).__name__}).") from None
    if not isinstance(found, dict):
        raise NotThatFormat(f"{address} answered something else than an object.")
    return found


def _bounded(answer: requests.Response, address: str) -> bytes:
    """Raises NotThatFormat."""
    content = b""
    for part in answer.iter_content(64 * 1024):
        content += part
        if len(content) > LARGEST:
            raise NotThatFormat(f"{address} answered more than {LARGEST // 1024 // 1024} MB.")
    return content
