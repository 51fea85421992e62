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
from incidents.models.notice import Notice
from incidents.models.rebuttal import Claim, Rebuttal
from incidents.models.record import RecordEntry, RecordHead, RecordText
from incidents.models.statement import Breach, PhraseTick, Statement, StatementGround, StatementSignature
from incidents.models.withdrawal import Withdrawal

__all__ = [
    "AffectedComponent",
    "AfterSignature",
    "AuditEvent",
    "Breach",
    "Claim",
    "Component",
    "ComponentGroup",
    "Correction",
    "Dependency",
    "Incident",
    "IncidentUpdate",
    "InternalNote",
    "MissedPromise",
    "Notice",
    "Override",
    "PhraseTick",
    "Rebuttal",
    "RecordEntry",
    "RecordHead",
    "RecordText",
    "Redress",
    "Statement",
    "StatementGround",
    "StatementSignature",
    "StatusChange",
    "Withdrawal",
]
