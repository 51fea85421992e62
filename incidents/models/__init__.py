from incidents.models.announcement import Announcement
from incidents.models.audit import AuditEvent
from incidents.models.component import Component, ComponentGroup, Dependency, Override, StatusChange
from incidents.models.incident import (
    AffectedComponent,
    AfterSignature,
    Correction,
    Incident,
    IncidentUpdate,
    InternalNote,
    MissedPromise,
    Redress,
)
from incidents.models.maintenance import MaintenanceComponent, MaintenanceUpdate, ScheduledMaintenance
from incidents.models.notice import Notice
from incidents.models.record import RecordEntry, RecordHead, RecordText

__all__ = [
    "AffectedComponent",
    "AfterSignature",
    "Announcement",
    "AuditEvent",
    "Component",
    "ComponentGroup",
    "Correction",
    "Dependency",
    "Incident",
    "IncidentUpdate",
    "InternalNote",
    "MaintenanceComponent",
    "MaintenanceUpdate",
    "MissedPromise",
    "Notice",
    "Override",
    "RecordEntry",
    "RecordHead",
    "RecordText",
    "Redress",
    "ScheduledMaintenance",
    "StatusChange",
]
