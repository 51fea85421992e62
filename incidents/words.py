"""The closed vocabularies of the record. One word per thing; the words stand in README."""

from __future__ import annotations

from django.db import models


class ComponentStatus(models.TextChoices):
    """Worst first."""

    MAJOR_OUTAGE = "major_outage"
    PARTIAL_OUTAGE = "partial_outage"
    DEGRADED_PERFORMANCE = "degraded_performance"
    DELAYED = "delayed"
    UNKNOWN = "unknown"
    UNDER_MAINTENANCE = "under_maintenance"
    OPERATIONAL = "operational"


class StatusSource(models.TextChoices):
    """Why a component shows what it shows; the order is the precedence."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    OVERRIDE = "override"
    PROBES = "probes"
    SILENCE = "silence"
    STATED = "stated"


class IncidentStatus(models.TextChoices):
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    FALSE_ALARM = "false_alarm"

    @classmethod
    def closed(cls) -> tuple[str, ...]:
        return (cls.RESOLVED.value, cls.FALSE_ALARM.value)


class Impact(models.TextChoices):
    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Publication(models.TextChoices):
    DRAFT = "draft"
    PUBLISHED = "published"
    DISCARDED = "discarded"


class SignatureKind(models.TextChoices):
    NONE = "none"
    NOTICE = "notice"  # untouched words of a notice that was signed in calm time
    PERSON = "person"  # a second person read and signed these words
