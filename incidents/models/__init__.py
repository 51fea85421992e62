from incidents.models.announcement import Announcement
from incidents.models.audit import AuditEvent
from incidents.models.component import Component, ComponentGroup, Dependency, Override, StatusChange
from incidents.models.correction import Correction
from incidents.models.filing import Filing
from incidents.models.incident import (
    AffectedComponent,
    AfterSignature,
    Incident,
    IncidentUpdate,
    InternalNote,
    MissedPromise,
    Redress,
)
from incidents.models.maintenance import MaintenanceComponent, MaintenanceUpdate, ScheduledMaintenance
from incidents.models.notice import Notice, NoticeVersion
from incidents.models.rebuttal import Claim, Rebuttal
from incidents.models.record import RecordEntry, RecordHead, RecordText
from incidents.models.review import Review
from incidents.models.set_time import SetTime
from incidents.models.statement import Breach, PhraseTick, Statement, StatementGround, StatementSignature
from incidents.models.withdrawal import Withdrawal

__all__ = [
    "AffectedComponent",
    "AfterSignature",
    "Announcement",
    "AuditEvent",
    "Breach",
    "Claim",
    "Component",
    "ComponentGroup",
    "Correction",
    "Dependency",
    "Filing",
    "Incident",
    "IncidentUpdate",
    "InternalNote",
    "MaintenanceComponent",
    "MaintenanceUpdate",
    "MissedPromise",
    "Notice",
    "NoticeVersion",
    "Override",
    "PhraseTick",
    "Rebuttal",
    "RecordEntry",
    "RecordHead",
    "RecordText",
    "Redress",
    "Review",
    "ScheduledMaintenance",
    "SetTime",
    "Statement",
    "StatementGround",
    "StatementSignature",
    "StatusChange",
    "Withdrawal",
]
