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

    @classmethod
    def going_on(cls) -> tuple[str, ...]:
        return (cls.INVESTIGATING.value, cls.IDENTIFIED.value, cls.MONITORING.value)


class Attribution(models.TextChoices):
    """Whose fault it is, as far as it is known."""

    US = "us"
    NETWORK = "network"
    BANK_OR_BILLER = "bank_or_biller"
    GOVERNMENT_PLATFORM = "government_platform"
    UNKNOWN = "unknown"


class ShareSource(models.TextChoices):
    """What a share of payments was measured by."""

    COUNTED = "counted"  # the core's own counts of customers' payments
    PROBES = "probes"  # our test payments


class DetectedBy(models.TextChoices):
    PROBE = "probe"
    STAFF = "staff"
    PUBLIC = "public"
    PARTNER = "partner"


class SecurityRelated(models.TextChoices):
    """Is it a security matter? For staff; statements on data hang on it."""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


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
    BREAK_GLASS = "break_glass"  # published alone with a typed reason; a second person signs afterwards


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
ATTRIBUTION_WORDS: dict[str, str] = {
    Attribution.US: gettext_noop("With us"),
    Attribution.NETWORK: gettext_noop("In the mobile network"),
    Attribution.BANK_OR_BILLER: gettext_noop("At a bank or a company you pay"),
    Attribution.GOVERNMENT_PLATFORM: gettext_noop("At a government service"),
    Attribution.UNKNOWN: gettext_noop("Not known yet"),
}
SHARE_WORDS: dict[str, str] = {
    "": gettext_noop("About %(share)s of payments"),
    ShareSource.COUNTED: gettext_noop("About %(share)s of payments, counted by our systems"),
    ShareSource.PROBES: gettext_noop("About %(share)s of our test payments"),
}
CHANNEL_WORDS: dict[str, str] = {
    Channel.APP: gettext_noop("App"),
    Channel.USSD: gettext_noop("USSD"),
    Channel.SIM: gettext_noop("SIM menu"),
    Channel.API: gettext_noop("Businesses’ own systems"),
    Channel.AGENT: gettext_noop("Agents"),
    Channel.BANK: gettext_noop("Banks"),
}
PHASE_WORDS: dict[str, str] = {
    IncidentStatus.INVESTIGATING: gettext_noop("Looking into it"),
    IncidentStatus.IDENTIFIED: gettext_noop("Cause found"),
    IncidentStatus.MONITORING: gettext_noop("Watching"),
    IncidentStatus.RESOLVED: gettext_noop("Fixed"),
    IncidentStatus.FALSE_ALARM: gettext_noop("No problem found"),
}
