"""Pure: Uptime Kuma's backup (Settings, Backup: {version, notificationList, monitorList}). It holds no incidents.

Monitors become services, and probes of ours that are switched off until somebody has looked at them. Passwords, tokens and
notification channels in it are read by nobody here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from probes import probers
from probes.outcome import TargetError
from statuspage.importing.found import Asked, Found, NotThatFormat, Service, listed, text_of

GROUP = "group"


def read(payload: Mapping[str, Any]) -> Found:
    """Raises NotThatFormat."""
    rows = listed(payload, "monitorList", "The backup")
    groups = {text_of(row, "id"): text_of(row, "name") for row in rows if row.get("type") == GROUP}
    services, asked, left = [], [], []
    for row in rows:
        if row.get("type") == GROUP:
            continue
        number, name = text_of(row, "id"), text_of(row, "name")
        if not number or not name:
            raise NotThatFormat("A monitor has no id or no name.")
        services.append(Service(number, name, text_of(row, "description"), groups.get(text_of(row, "parent"), "")))
        kind, spec = _probe(row)
        if kind and (why := _refusal(kind, spec)):
            left.append(f"monitor “{name}”: {why}")
        elif kind:
            interval = row.get("interval")
            asked.append(Asked(number, number, kind, spec, interval if isinstance(interval, int) and interval >= 1 else 60))
        else:
            left.append(f"monitor “{name}”: {text_of(row, 'type') or 'its kind'} has no probe here; see docs/probes.md")
    return Found("uptime-kuma", "Uptime Kuma", tuple(services), (), (), tuple(asked), tuple(left))


def _refusal(kind: str, spec: Mapping[str, Any]) -> str:
    """Why no probe of ours can have this recipe; "" if one can."""
    try:
        probers.validate(kind, spec)
    except TargetError as error:
        return str(error)
    return ""


def _probe(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    kind, host, port = text_of(row, "type"), text_of(row, "hostname"), row.get("port")
    url = text_of(row, "url")
    if kind in ("http", "keyword") and _is_plain(url):
        spec: dict[str, Any] = {"url": url}
        if kind == "keyword" and text_of(row, "keyword"):
            spec["body_contains"] = text_of(row, "keyword")
        return "http", spec
    if kind == "port" and host and isinstance(port, int):
        return "tcp", {"host": host, "port": port}
    if kind == "ping" and host:
        return "icmp", {"host": host}
    if kind == "dns" and host:
        return "dns", {"name": host, "record": text_of(row, "dns_resolve_type") or "A"}
    return "", {}


def _is_plain(url: str) -> bool:
    """An address without a password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.password is None and parts.username is None
