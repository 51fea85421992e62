"""What a mail provider's webhooks say of our mail, read by django-anymail, which knows each provider's form and signature."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from subscribers import bounces
from subscribers.bounce_reports import Kind, Report


def take(sender: Any, event: Any, esp_name: str, **kwargs: Any) -> None:
    """A receiver of anymail's `tracking`: bounces and complaints; all other events change nothing."""
    kind = _kind_of(event)
    if kind is None or not event.recipient:
        return
    key = event.event_id or f"{event.message_id}:{event.recipient}:{event.event_type}"
    bounces.apply(Report(kind, address=event.recipient), key=f"{esp_name}:{key}"[:100], now=timezone.now())


def _kind_of(event: Any) -> Kind | None:
    if event.event_type == "complained" or event.reject_reason == "spam":
        return Kind.COMPLAINT
    if event.event_type == "unsubscribed" or event.reject_reason == "unsubscribed":
        return Kind.LEAVE
    if event.event_type in ("bounced", "rejected"):
        return Kind.HARD if event.reject_reason in ("bounced", "invalid") else Kind.SOFT
    return None
