from incidents.models.audit import AuditEvent
from incidents.models.component import Component, ComponentGroup, Dependency, Override, StatusChange
from incidents.models.incident import AffectedComponent, Incident, IncidentUpdate
from incidents.models.notice import Notice
from incidents.models.record import RecordEntry, RecordHead, RecordText

__all__ = [
    "AffectedComponent",
    "AuditEvent",
    "Component",
    "ComponentGroup",
    "Dependency",
    "Incident",
    "IncidentUpdate",
    "Notice",
    "Override",
    "RecordEntry",
    "RecordHead",
    "RecordText",
    "StatusChange",
]
