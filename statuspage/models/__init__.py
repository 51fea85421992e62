from statuspage.models.duty import AlertKind, AlertSending, DutyRole, DutyShift, StaffAlert
from statuspage.models.freeze import Freeze
from statuspage.models.heartbeat import Heartbeat
from statuspage.models.role_grant import RoleGrant

__all__ = ["AlertKind", "AlertSending", "DutyRole", "DutyShift", "Freeze", "Heartbeat", "RoleGrant", "StaffAlert"]
