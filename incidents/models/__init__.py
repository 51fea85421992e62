from incidents.models.audit import AuditEvent
from incidents.models.component import Component, ComponentGroup, StatusChange
from incidents.models.incident import AffectedComponent, Incident, IncidentUpdate
from incidents.models.notice import Notice
from incidents.models.record import RecordEntry, RecordHead, RecordText

__all__ = [
    "AffectedComponent",
    "AuditEvent",
    "Component",
    "ComponentGroup",
    "Incident",
    "IncidentUpdate",
    "Notice",
    "RecordEntry",
    "RecordHead",
    "RecordText",
    "StatusChange",
]
