"""Where pages about one incident, update or published item are, and which row an address names."""

from __future__ import annotations

from django.urls import reverse

from incidents.models import Incident, IncidentUpdate
from incidents.models.publishable import Publishable
from subscribers.models import Notification


def incident_url(incident: Incident) -> str:
    return reverse("admin:incidents_incident_change", args=[incident.pk])


def draft_url(update: IncidentUpdate) -> str:
    """Its composer while it is a draft; the words to read once it is public."""
    return reverse("admin:incidents_incidentupdate_change", args=[update.pk])


def publish_url(update: IncidentUpdate) -> str:
    return reverse("admin:incidents_incidentupdate_publish", args=[update.pk])


def sign_url(update: IncidentUpdate) -> str:
    return reverse("admin:incidents_incidentupdate_sign", args=[update.pk])


def translate_url(update: IncidentUpdate) -> str:
    """Where a translator writes the other languages of a draft."""
    return reverse("admin:incidents_incidentupdate_translate", args=[update.pk])


def after_url(update: IncidentUpdate) -> str:
    """How far its telling is."""
    return reverse("admin:incidents_incidentupdate_after", args=[update.pk])


def told_url(notification: Notification) -> str:
    """The same of anything that was published."""
    if notification.update_id:
        return reverse("admin:incidents_incidentupdate_after", args=[notification.update_id])
    return reverse("admin:subscribers_notification_change", args=[notification.pk])


def telling_of(document: Publishable) -> str:
    """The same, by the document; "" while it is not public."""
    notification = Notification.objects.filter(record_seq=document.record_seq or 0).first()
    return told_url(notification) if notification else ""


def whole(text: str) -> int | None:
    """The row's number that an address or a form names; None, which no row has, for anything else."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
