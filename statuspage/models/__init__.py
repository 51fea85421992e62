from statuspage.models.desk_draft import DeskDraft, FormToken
from statuspage.models.duty import AlertKind, AlertSending, DutyRole, DutyShift, StaffAlert
from statuspage.models.freeze import Freeze
from statuspage.models.heartbeat import Heartbeat
from statuspage.models.imported import Imported
from statuspage.models.push_device import PushDevice
from statuspage.models.role_grant import RoleGrant
from statuspage.models.token import IdempotencyKey, Token

__all__ = [
    "AlertKind",
    "AlertSending",
    "DeskDraft",
    "DutyRole",
    "DutyShift",
    "FormToken",
    "Freeze",
    "Heartbeat",
    "IdempotencyKey",
    "Imported",
    "PushDevice",
    "RoleGrant",
    "StaffAlert",
    "Token",
]
