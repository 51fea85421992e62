"""How long rows are kept, table by table. Nothing grows without a rule: a test walks all models.

Probes let go of their own every five minutes (docs/storage.md), subscribers of theirs each hour; the rest is here, each hour, a
bounded number a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, models

from probes.models import ProbeChange
from statuspage.models import DeskDraft, DutyShift, FormToken, StaffAlert
from subscribers.models import Delivery, DeliveryState

AT_ONCE = 5_000  # rows of a table
FORGET_TOKENS = timedelta(days=7)  # of forms that were posted
FORGET_TYPED = timedelta(days=90)  # what somebody typed and never kept

# Tables that let go of rows, and by which rule.
PRUNED = {
    "probes.Result": "HALI_KEEP_RESULTS_HOURS; HALI_SQLITE_RESULTS",
    "probes.Rollup": "HALI_KEEP_HOURS_DAYS; HALI_KEEP_DAYS_YEARS",
    "probes.PushedCounts": "HALI_KEEP_RESULTS_HOURS",
    "probes.LateHour": "once its hour is counted again",
    "probes.PendingAnswer": "48 hours",
    "probes.VantageBatch": "17 minutes: until a replay would be refused for its age",
    "probes.ProbeChange": "HALI_KEEP_WORK_DAYS",
    "subscribers.Subscriber": "who never confirmed, after 7 days; others when they erase themselves",
    "subscribers.Subscription": "with its subscriber",
    "subscribers.Endpoint": "with its subscriber",
    "subscribers.StaffNote": "with its subscriber, and when they leave",
    "subscribers.Delivery": "HALI_KEEP_WORK_DAYS after it was settled; what waits stays",
    "subscribers.Farewell": "before it is sent",
    "subscribers.BounceReport": "60 days",
    "subscribers.ChannelTrouble": "when the channel works again",
    "statuspage.StaffAlert": "HALI_KEEP_WORK_DAYS after it was over",
    "statuspage.AlertSending": "with its alert",
    "statuspage.DutyShift": "HALI_KEEP_WORK_DAYS after it ended",
    "statuspage.FormToken": "7 days",
    "statuspage.IdempotencyKey": "7 days",
    "statuspage.DeskDraft": "90 days after its last letter",
    "sessions.Session": "when it has ended",
    "usersessions.UserSession": "with its session",
}
THE_RECORD = "the record, or what it speaks of: for ever (single texts go by redact_record)"
ONE_EACH = "one row each: it does not grow with time"
PEOPLE = "people and what they may: few, and the log names them"
# Tables that keep every row, and why.
KEPT = {
    **dict.fromkeys(
        (
            "incidents.RecordEntry",
            "incidents.RecordText",
            "incidents.RecordHead",
            "incidents.Incident",
            "incidents.IncidentUpdate",
            "incidents.AffectedComponent",
            "incidents.StatusChange",
            "incidents.Correction",
            "incidents.Redress",
            "incidents.Review",
            "incidents.Statement",
            "incidents.StatementSignature",
            "incidents.StatementGround",
            "incidents.Rebuttal",
            "incidents.Withdrawal",
            "incidents.Announcement",
            "incidents.ScheduledMaintenance",
            "incidents.MaintenanceUpdate",
            "incidents.MaintenanceComponent",
            "incidents.MissedPromise",
            "incidents.AfterSignature",
            "incidents.PhraseTick",
            "incidents.SetTime",
        ),
        THE_RECORD,
    ),
    **dict.fromkeys(
        ("incidents.AuditEvent", "statuspage.Freeze", "statuspage.RoleGrant"), "the log of acts: no one may shorten it"
    ),
    **dict.fromkeys(
        ("incidents.Breach", "incidents.Filing", "incidents.Claim", "incidents.InternalNote", "incidents.Override"),
        "what supervisors and reviews ask for years later; a handful an incident",
    ),
    **dict.fromkeys(
        (
            "incidents.Component",
            "incidents.ComponentGroup",
            "incidents.Dependency",
            "incidents.Notice",
            "incidents.NoticeVersion",
            "probes.Probe",
            "probes.ProbeSchedule",
            "probes.ProbeVerdict",
            "probes.Vantage",
            "probes.VantageLink",
            "probes.HostRate",
            "probes.Push",
            "subscribers.Pace",
            "subscribers.OutboxCursor",
            "statuspage.Heartbeat",
            "statuspage.PushDevice",
            "contenttypes.ContentType",
            "auth.Permission",
            "auth.Group",
            "auth.Group_permissions",
        ),
        ONE_EACH,
    ),
    **dict.fromkeys(("statuspage.Token", "statuspage.Token_components"), "who could act by a program, and for how long: few"),
    "statuspage.Imported": "one a thing taken in: that nothing is taken in twice hangs on it",
    "subscribers.Notification": "one an entry of the record: that nobody is told twice hangs on it",
    "subscribers.Suppression": "who must not be written to: by a hash alone",
    **dict.fromkeys(
        (
            "auth.User",
            "auth.User_groups",
            "auth.User_user_permissions",
            "account.EmailAddress",
            "account.EmailConfirmation",
            "mfa.Authenticator",
        ),
        PEOPLE,
    ),
    "admin.LogEntry": "never written: the log of acts is incidents.AuditEvent",
}


def prune(*, now: datetime) -> int:
    """Let go of what is older than its rule says; answers how many rows, a bounded number of each table."""
    old = now - timedelta(days=settings.KEEP_WORK_DAYS)
    over = models.Q(resolved_at__isnull=False) | models.Q(acknowledged_at__isnull=False)
    return sum(
        (
            _drop(Delivery.objects.exclude(state=DeliveryState.PENDING), "wanted_at", old),
            _drop(ProbeChange.objects.all(), "at", old),
            _drop(StaffAlert.objects.filter(over), "raised_at", old),
            _drop(DutyShift.objects.all(), "ends_at", old),
            _drop(FormToken.objects.all(), "used_at", now - FORGET_TOKENS),
            _drop(DeskDraft.objects.all(), "saved_at", now - FORGET_TYPED),
            _drop(Session.objects.all(), "expire_date", now),
            _drop_sessions_of_nobody(),
        )
    )


def _drop(rows: models.QuerySet[models.Model], field: str, before: datetime) -> int:
    """The oldest by their number, so that no table is read through to find that nothing is old."""
    by = field if rows.model is Session else "pk"
    found = rows.order_by(by).values_list("pk", field)[:AT_ONCE]
    gone = [pk for pk, at in found if at < before]
    return rows.model._default_manager.filter(pk__in=gone).delete()[0] if gone else 0


def _drop_sessions_of_nobody() -> int:
    """By hand: sign-in's own models are loaded at the desk alone."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usersessions_usersession WHERE session_key NOT IN (SELECT session_key FROM django_session)")
        return int(cursor.rowcount)
