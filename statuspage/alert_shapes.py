"""Pure: an alert as what others take: a mail, Alertmanager's webhook (version 4), PagerDuty's Events API v2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Alert:
    """`url` is absolute. `link` acknowledges it. Times are aware; None: not yet."""

    key: str
    kind: str
    severity: str
    title: str
    text: str
    url: str
    link: str
    raised_at: datetime
    resolved_at: datetime | None
    source: str


def mail(alert: Alert, *, again: bool) -> tuple[str, str]:
    """Subject and text. The subject stays, so that one alert is one thread."""
    lead = "This still waits.\n\n" if again else ""
    return (
        f"[{alert.severity}] {alert.title}",
        f"{lead}{alert.title}\n\n{alert.text}\n\nGo there:\n{alert.url}\n\n"
        f"I have it (nobody else is called then):\n{alert.link}\n",
    )


def alertmanager(alert: Alert) -> dict[str, Any]:
    """What Alertmanager posts to a webhook receiver, with this one alert."""
    status = "resolved" if alert.resolved_at else "firing"
    labels = {"alertname": f"Hali{alert.kind.capitalize()}", "severity": alert.severity, "service": "hali", "kind": alert.kind}
    annotations = {"summary": alert.title, "description": alert.text, "runbook_url": alert.url}
    one = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": _stamp(alert.raised_at),
        "endsAt": _stamp(alert.resolved_at) if alert.resolved_at else "0001-01-01T00:00:00Z",
        "generatorURL": alert.url,
        "fingerprint": alert.key,
    }
    return {
        "version": "4",
        "groupKey": f"hali:{alert.key}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "hali",
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": alert.source,
        "alerts": [one],
    }


def pagerduty(alert: Alert, *, event: str, routing_key: str) -> dict[str, Any]:
    """One event: trigger, acknowledge or resolve; the same dedup_key throughout."""
    head = {"routing_key": routing_key, "event_action": event, "dedup_key": f"hali:{alert.key}"[:255]}
    if event != "trigger":
        return head
    payload = {
        "summary": alert.title[:1024],
        "source": alert.source,
        "severity": alert.severity,
        "timestamp": _stamp(alert.raised_at),
        "component": "hali",
        "class": alert.kind,
        "custom_details": {"text": alert.text},
    }
    return {
        **head,
        "payload": payload,
        "links": [{"href": alert.url, "text": "Go there"}, {"href": alert.link, "text": "I have it"}],
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def push(alert: Alert) -> dict[str, str]:
    """What a browser shows: a later telling of the same alert takes the place of the one before."""
    return {"title": alert.title, "body": alert.text, "url": alert.url, "tag": alert.key}
