"""The closed vocabularies of the record. One word per thing; the words stand in README."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_noop


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


class Channel(models.TextChoices):
    """How customers reach a service."""

    APP = "app"
    USSD = "ussd"
    SIM = "sim"
    API = "api"
    AGENT = "agent"
    BANK = "bank"


class Need(models.TextChoices):
    """How a component needs another: without it at the same status at most, or late at most."""

    HARD = "hard"
    SOFT = "soft"


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


# What the public reads for them. A word stands alone or after a colon; sentences are translated whole.
STATUS_WORDS: dict[str, str] = {
    ComponentStatus.MAJOR_OUTAGE: gettext_noop("Not working"),
    ComponentStatus.PARTIAL_OUTAGE: gettext_noop("Not working for some"),
    ComponentStatus.DEGRADED_PERFORMANCE: gettext_noop("Slow"),
    ComponentStatus.DELAYED: gettext_noop("Delayed"),
    ComponentStatus.UNKNOWN: gettext_noop("We can’t confirm"),
    ComponentStatus.UNDER_MAINTENANCE: gettext_noop("Planned work"),
    ComponentStatus.OPERATIONAL: gettext_noop("Working"),
}
PHASE_WORDS: dict[str, str] = {
    IncidentStatus.INVESTIGATING: gettext_noop("Looking into it"),
    IncidentStatus.IDENTIFIED: gettext_noop("Cause found"),
    IncidentStatus.MONITORING: gettext_noop("Watching"),
    IncidentStatus.RESOLVED: gettext_noop("Fixed"),
    IncidentStatus.FALSE_ALARM: gettext_noop("No problem found"),
}
